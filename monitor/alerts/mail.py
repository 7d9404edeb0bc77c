"""Alerts by mail: over SMTP, or as `.eml` files in a folder."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pydantic

from monitor.alerts.envelope import POLICY, address_of, build, one_line
from monitor.alerts.smtp import Security, Server, connect, submit
from monitor.core.errors import DeliveryError
from monitor.core.ports import Message

_PORTS: dict[Security, int] = {"none": 25, "starttls": 587, "tls": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _now() -> datetime:
    return datetime.now(UTC)


class Mail:
    """Sends mails over SMTP, or writes them into a folder as `.eml` files.

    **Config**

        [[alerts]]
        kind = "mail"
        folder = "mails"                    # either: a file for each mail

        [[alerts]]
        kind = "mail"
        host = "smtp.example.com"           # or: a mail server
        security = "starttls"               # tls, starttls or none
        username = "driftloop"
        password = "${SMTP_PASSWORD}"
        sender = "driftloop <driftloop@example.com>"
        recipients = ["team@example.com"]
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `mail`: either `folder`, or `host` with `sender` and `recipients`."""

        folder: Path | None = None
        host: str | None = pydantic.Field(None, min_length=1)
        port: int | None = pydantic.Field(None, ge=1, le=65535)
        security: Security = "starttls"
        username: str | None = None
        password: pydantic.SecretStr | None = None
        sender: str | None = None
        recipients: tuple[str, ...] = ()
        timeout: float = pydantic.Field(30.0, gt=0, le=600)  #: seconds for each answer
        ca_file: Path | None = None  #: of the authority that signed the server's certificate
        unsubscribe: str | None = None  #: where to leave the list: https://… or mailto:…

        @pydantic.field_validator("sender", "recipients")
        @classmethod
        def _are_addresses(cls, value: str | tuple[str, ...] | None) -> object:
            for address in [value] if isinstance(value, str) else value or ():
                address_of(address)
            return value

        @pydantic.field_validator("unsubscribe")
        @classmethod
        def _is_link(cls, value: str | None) -> str | None:
            if value is not None and not re.fullmatch(r"(https://|mailto:)[!-;=?-~]+", value):
                msg = "must be an https:// or mailto: link without blanks"
                raise ValueError(msg)
            return value

        @pydantic.model_validator(mode="after")
        def _one_way(self) -> Mail.Options:
            if (self.folder is None) == (self.host is None):
                msg = "give either `folder` (mails as files) or `host` (a mail server)"
                raise ValueError(msg)
            if self.host is not None and (self.sender is None or not self.recipients):
                msg = "a mail server needs `sender` and `recipients`"
                raise ValueError(msg)
            if (self.username is None) != (self.password is None):
                msg = "`username` and `password` go together"
                raise ValueError(msg)
            if self.password and self.security == "none" and self.host not in _LOOPBACK:
                msg = "a password is not sent in the clear: set `security` to starttls or tls"
                raise ValueError(msg)
            return self

    def __init__(
        self, options: Options, base: Path = Path(), *, clock: Callable[[], datetime] = _now
    ) -> None:
        self.options = options
        self._base = base
        self._clock = clock

    def send(self, message: Message) -> None:
        """Deliver once, or raise `DeliveryError`.

        A file is written once for each message id, however often it is sent.
        """
        recipients = message.recipients or self.options.recipients
        mail = build(
            message,
            sender=self.options.sender or "driftloop <driftloop@localhost>",
            recipients=recipients or ("driftloop@localhost",),
            date=self._clock(),
            unsubscribe=self.options.unsubscribe,
        )
        if self.options.folder is not None:
            self._write(mail, message)
            return
        server = self._server()
        sender = address_of(self.options.sender or "")
        bare = list(dict.fromkeys(address_of(recipient) for recipient in recipients))
        with connect(server) as client:
            submit(client, server, mail, sender, bare)

    def check(self) -> str:
        """Log in and leave, or see that the folder can be written; sends nothing."""
        if self.options.folder is not None:
            folder = self._folder()
            try:
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
            except OSError as error:
                raise _unwritable(folder, error) from error
            return f"mail: files go to {folder}"
        server = self._server()
        with connect(server):
            user = f" as {server.username}" if server.username else ""
            return f"mail: {server} lets us in{user}; mails go to {len(self.options.recipients)}"

    def _server(self) -> Server:
        options = self.options
        return Server(
            host=options.host or "",
            port=options.port or _PORTS[options.security],
            security=options.security,
            timeout=options.timeout,
            username=options.username,
            password=options.password.get_secret_value() if options.password else None,
            ca_file=None if options.ca_file is None else self._base / options.ca_file,
        )

    def _folder(self) -> Path:
        return self._base / (self.options.folder or "")

    def _write(self, mail: EmailMessage, message: Message) -> None:
        folder = self._folder()
        event = hashlib.sha256(message.message_id.encode()).hexdigest()[:10]
        stamp = self._clock().astimezone(UTC).strftime("%Y%m%d-%H%M%S-%f")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.glob(f"*-{event}.eml")):
                return  # it was written, and the note of it was lost
            _write_whole(folder / f"{stamp}-{_slug(message.subject)}-{event}.eml", mail)
        except OSError as error:
            raise _unwritable(folder, error) from error


def _write_whole(path: Path, mail: EmailMessage) -> None:
    """Write beside it and rename, so that nobody ever reads half a mail."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        try:
            file.write(mail.as_bytes(policy=POLICY))
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _slug(subject: str) -> str:
    words = re.findall(r"[a-z0-9]+", one_line(subject).lower())
    return "-".join(words)[:50].strip("-") or "mail"


def _unwritable(folder: Path, error: OSError) -> DeliveryError:
    return DeliveryError(f"The mail folder {folder} cannot be written: {error.strerror}.")


plugin = Mail
