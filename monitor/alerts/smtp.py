"""A connection to a mail server, and what its refusals mean."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from monitor.core.errors import DeliveryError, PartlyDeliveredError

Security = Literal["none", "starttls", "tls"]
#: What a server says to each recipient that it refuses: address -> (code, reason).
Refusals = Mapping[str, tuple[int, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to send, and how to get in."""

    host: str
    port: int
    security: Security
    timeout: float  #: seconds, for each answer of the server
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@contextmanager
def connect(server: Server) -> Iterator[smtplib.SMTP]:
    """An open, encrypted and authenticated connection.

    Raises `DeliveryError`, never a permanent one: the server may come back, the password may be
    mended, and the message is as good as before.
    """
    try:
        client = _open(server)
    except (OSError, smtplib.SMTPException) as error:
        msg = f"The mail server {server} cannot be reached: {_said(error)}."
        raise DeliveryError(msg) from error
    try:
        _enter(client, server)
        yield client
    except BaseException:
        client.close()
        raise
    _leave(client)


def _open(server: Server) -> smtplib.SMTP:
    name = socket.gethostname()
    local = name if "." in name else "[127.0.0.1]"  # smtplib would ask DNS, for seconds
    if server.security == "tls":
        return smtplib.SMTP_SSL(
            server.host, server.port, local, timeout=server.timeout, context=_context(server)
        )
    return smtplib.SMTP(server.host, server.port, local, timeout=server.timeout)


def _context(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def _enter(client: smtplib.SMTP, server: Server) -> None:
    try:
        client.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            client.starttls(context=_context(server))
            client.ehlo_or_helo_if_needed()
        if server.username is not None and server.password is not None:
            client.login(server.username, server.password)
    except smtplib.SMTPAuthenticationError as error:
        msg = (
            f"The mail server {server} refused user {server.username!r}: {_said(error)}. "
            "Correct `username` and `password`."
        )
        raise DeliveryError(msg) from error
    except (OSError, smtplib.SMTPException) as error:
        msg = f"The mail server {server} let nobody in: {_said(error)}."
        raise DeliveryError(msg) from error


def _leave(client: smtplib.SMTP) -> None:
    """Say goodbye, and do not wait for the answer.

    A server that has taken the mail has taken it; while we waited, our note of that was not made,
    and a process that dies in between sends the mail twice.
    """
    with suppress(OSError, smtplib.SMTPException):
        client.putcmd("quit")
    client.close()


def submit(
    client: smtplib.SMTP, server: Server, mail: EmailMessage, sender: str, recipients: Sequence[str]
) -> None:
    """Hand the mail over.

    Raises
    ------
    PartlyDeliveredError
        Some recipients have it; `remaining` are those that the server asks to try later.
    DeliveryError
        Nobody has it, or it is not known whether: permanent when the server says so (5xx).
    """
    try:
        refused = client.send_message(mail, from_addr=sender, to_addrs=list(recipients))
    except smtplib.SMTPRecipientsRefused as error:
        raise _nobody(server, error.recipients) from error
    except smtplib.SMTPResponseException as error:
        permanent = 500 <= error.smtp_code < 600
        msg = f"The mail server {server} refused the mail: {_said(error)}."
        raise DeliveryError(msg, permanent=permanent) from error
    except smtplib.SMTPNotSupportedError as error:
        msg = f"The mail server {server} cannot take this mail: {error}."
        raise DeliveryError(msg, permanent=True) from error
    except (OSError, smtplib.SMTPException) as error:
        msg = f"The mail server {server} broke off, the mail may have arrived: {_said(error)}."
        raise DeliveryError(msg) from error
    if refused:
        msg = f"The mail server {server} refused some recipients: {_listed(refused)}."
        raise PartlyDeliveredError(msg, _try_later(refused))


def _nobody(server: Server, refused: Refusals) -> DeliveryError:
    msg = f"The mail server {server} refused every recipient: {_listed(refused)}."
    later = _try_later(refused)
    if later and len(later) < len(refused):
        return PartlyDeliveredError(msg, later)
    return DeliveryError(msg, permanent=not later)


def _try_later(refused: Refusals) -> tuple[str, ...]:
    return tuple(address for address, (code, _) in refused.items() if not 500 <= code < 600)


def _listed(refused: Refusals) -> str:
    return "; ".join(
        f"{address} ({code} {reason.decode('utf-8', 'replace')})"
        for address, (code, reason) in refused.items()
    )


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reason = error.smtp_error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"{error.smtp_code} {text}"
    return str(error) or type(error).__name__
