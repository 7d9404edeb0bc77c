"""A real mail server on loopback, with a certificate of its own authority."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, Session

USER, PASSWORD = b"driftloop", b"correct horse"


class Inbox:
    """What the server was given, and what it answers."""

    def __init__(self) -> None:
        self.mails: list[tuple[tuple[str, ...], EmailMessage]] = []
        self.raw: list[bytes] = []
        self.logins = 0
        self.to_recipient: dict[str, str] = {}  # address -> answer, taken once each time
        self.to_sender = "250 OK"
        self.to_content = "250 OK"

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: Session, envelope: Envelope, address: str, options: object
    ) -> str:
        if self.to_sender.startswith("250"):
            envelope.mail_from = address
        return self.to_sender

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: Session, envelope: Envelope, address: str, options: object
    ) -> str:
        answer = self.to_recipient.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: object, session: Session, envelope: Envelope
    ) -> str:
        if self.to_content.startswith("250"):
            assert isinstance(envelope.original_content, bytes)
            self.raw.append(envelope.original_content)
            mail = message_from_bytes(envelope.original_content, policy=policy.default)
            self.mails.append((tuple(envelope.rcpt_tos), mail))
        return self.to_content

    def authenticate(self, *arguments: object) -> AuthResult:
        given = arguments[-1]
        good = (given.login, given.password) == (USER, PASSWORD)
        self.logins += good
        return AuthResult(success=good, handled=False)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def _serving(controller: Controller) -> Iterator[Controller]:
    controller.start()
    yield controller
    controller.stop()


class _AnyPort(Controller):
    """aiosmtpd looks whether it listens at the port it was given, which is 0 here."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def starttls(inbox: Inbox, server_tls: ssl.SSLContext) -> Iterator[Controller]:
    """A server that asks for STARTTLS and a password."""
    yield from _serving(
        _AnyPort(
            inbox,
            hostname="127.0.0.1",
            port=0,
            tls_context=server_tls,
            require_starttls=True,
            auth_required=True,
            authenticator=inbox.authenticate,
        )
    )


@pytest.fixture
def tls(inbox: Inbox, server_tls: ssl.SSLContext) -> Iterator[Controller]:
    """A server that speaks TLS from the first byte."""
    yield from _serving(_AnyPort(inbox, hostname="127.0.0.1", port=0, ssl_context=server_tls))


@pytest.fixture
def plain(inbox: Inbox) -> Iterator[Controller]:
    """A server that knows no TLS."""
    yield from _serving(_AnyPort(inbox, hostname="127.0.0.1", port=0))
