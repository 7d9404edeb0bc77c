"""The webhook, against a real server on loopback."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from pydantic import SecretStr, ValidationError

from monitor.alerts.webhook import Webhook
from monitor.core.errors import DeliveryError
from monitor.core.net import allowed
from monitor.core.ports import Message

MESSAGE = Message(
    "<1@driftloop>",
    "temp “differs”\r\nX-Evil: 1",
    "temp moved\ud800 by 0.4 sd",
    "<p>h</p>",
    in_reply_to="<0@driftloop>",
    facts={"monitor": "flights", "alarms": []},
)


class Receiver(ThreadingHTTPServer):
    """Remembers what it got, and answers what it is told."""

    daemon_threads = True

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status, self.delay, self.location = 200, 0.0, ""
        self.scheme = "http"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.server_port}/hook?key=hunter2"

    def handle_error(self, *_: object) -> None:
        """A client that does not trust us hangs up; that is its right."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers.items()), body))
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def serving(server: Receiver) -> Iterator[Receiver]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    yield from serving(Receiver())


def webhook(url: str, **options: object) -> Webhook:
    return Webhook(Webhook.Options(url=SecretStr(url), **{"private": True, **options}))


def test_a_message_arrives_as_json_that_the_secret_proves(receiver):
    webhook(receiver.url, secret=SecretStr("s3cret")).send(MESSAGE)

    [(headers, body)] = receiver.got
    said = json.loads(body)
    assert said["id"] == headers["X-Driftloop-Id"] == "<1@driftloop>"
    assert said["facts"] == {"monitor": "flights", "alarms": []}
    assert said["subject"] == MESSAGE.subject
    at, proof = (part.partition("=")[2] for part in headers["X-Driftloop-Signature"].split(","))
    assert abs(time.time() - int(at)) < 60
    expected = hmac.new(b"s3cret", f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(proof, expected)
    assert "X-Evil" not in headers


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(301, True), (400, True), (404, True), (410, True), (408, False), (429, False), (503, False)],
)
def test_an_answer_says_whether_to_try_again(receiver, status, permanent):
    receiver.status = status
    with pytest.raises(DeliveryError, match=f"answered {status}") as caught:
        webhook(receiver.url).send(MESSAGE)
    assert caught.value.permanent is permanent
    assert "hunter2" not in str(caught.value)


def test_a_redirect_leads_nowhere(receiver):
    receiver.status, receiver.location = 307, receiver.url + "&again=1"
    with pytest.raises(DeliveryError):
        webhook(receiver.url).send(MESSAGE)
    assert len(receiver.got) == 1


def test_who_does_not_answer_is_asked_again(receiver):
    receiver.delay = 5
    with pytest.raises(DeliveryError, match="did not answer") as caught:
        webhook(receiver.url, timeout=0.2).send(MESSAGE)
    assert not caught.value.permanent


def test_ones_own_network_needs_leave(receiver):
    with pytest.raises(DeliveryError, match="private = true") as caught:
        webhook(receiver.url, private=False).send(MESSAGE)
    assert caught.value.permanent
    assert receiver.got == []


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::", "ff02::1",
    ],
)  # fmt: skip
def test_link_local_addresses_are_never_called(address):
    assert not allowed(ipaddress.ip_address(address), private=True)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "::ffff:127.0.0.1", "2002:7f00:1::"],
)
def test_private_addresses_are_called_with_leave_alone(address):
    assert not allowed(ipaddress.ip_address(address), private=False)
    assert allowed(ipaddress.ip_address(address), private=True)


def test_tls_is_verified(tmp_path):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for server in serving(Receiver(tls)):
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            webhook(server.url).send(MESSAGE)
        trusting = webhook(server.url, ca_file=tmp_path / "ca.pem")
        trusting.send(MESSAGE)
        assert len(server.got) == 1
        assert "not signed" in trusting.check()
        other = webhook(server.url.replace("localhost", "127.0.0.1"), ca_file=tmp_path / "ca.pem")
        with pytest.raises(DeliveryError, match="certificate verify failed"):
            other.send(MESSAGE)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.com", "example.com", "http://"]
)
def test_only_web_addresses_are_addresses(url):
    with pytest.raises(ValidationError, match="no http:// or https:// address"):
        Webhook.Options(url=SecretStr(url))


def test_a_ca_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DeliveryError, match="cannot be read"):
        webhook("https://example.com", ca_file=tmp_path / "no.pem").check()
