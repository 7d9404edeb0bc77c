"""A real HTTP server in front of a real one, that loses answers, requests, or whole programs."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

#: pass      the answer comes back
#: lose      it happens, and the connection breaks before the answer
#: fail      it happens, and the answer is HTTP 500
#: refuse    it does not happen; the connection breaks
#: redirect  it does not happen; the answer points elsewhere
Fate = Literal["pass", "lose", "fail", "refuse", "redirect"]
Plan = Callable[[str, str], Fate]


class Proxy:
    """Where clients go instead of the server; `plan` decides what becomes of each request."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.plan: Plan = lambda _method, _path: "pass"
        self.seen: list[tuple[str, str]] = []
        self.url = ""


@contextlib.contextmanager
def before(target: str) -> Iterator[Proxy]:
    """A proxy before that address."""
    proxy = Proxy(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.seen.append((self.command, self.path))
            fate = proxy.plan(self.command, self.path)
            if fate == "refuse":
                self.cut()
            elif fate == "redirect":
                self.reply(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"})
            else:
                status, content, kind = self.forward(body)
                if fate == "lose":
                    self.cut()
                elif fate == "fail":
                    self.reply(500, b'{"detail": "no"}', {"Content-Type": "application/json"})
                else:
                    self.reply(status, content, {"Content-Type": kind})

        def forward(self, body: bytes) -> tuple[int, bytes, str]:
            there = http.client.HTTPConnection(
                str(proxy.target.hostname), proxy.target.port, timeout=120
            )
            with contextlib.closing(there):
                headers = {
                    key: value
                    for key, value in self.headers.items()
                    if key.lower() not in ("host", "connection", "accept-encoding")
                }
                there.request(self.command, self.path, body or None, headers)
                answer = there.getresponse()
                content = answer.read()
                return answer.status, content, answer.headers.get("Content-Type", "")

        def reply(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def cut(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            pass

        do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server wants these

    return Handler
