"""Headers on every answer, and no answer to a host name that is not ours."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_COMMON = "default-src 'none'; img-src data:; base-uri 'none'; "
#: Reports carry widths of bars as style attributes; they can run nothing and send nothing.
REPORT_POLICY = (
    _COMMON + "form-action 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
)
#: Bytes of a request's body. The inbox has a limit of its own.
MAX_BODY = 1 << 20
INBOX = "/v1/ingest/"


def page_policy(style: str) -> str:
    """The policy of our own pages: one style sheet, known by its hash, and nothing else."""
    return _COMMON + f"form-action 'self'; style-src 'sha256-{style}'; frame-ancestors 'none'"


class Guard:
    """ASGI middleware around all routes.

    Parameters
    ----------
    hosts : collection of str, optional
        Names that the page answers to; None: any. A page of somebody else whose name is made to
        point to 127.0.0.1 (DNS rebinding) would else read ours in the browser of its visitor.
    base_url : str, optional
        Where people find the page; with https:// browsers are told to come by TLS alone.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str] | None = None, base_url: str | None = None
    ) -> None:
        self.app = app
        address = urlsplit(base_url or "")
        self._tls_name = address.netloc if address.scheme == "https" else None
        self.hosts = None if hosts is None else frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        name = Headers(scope=scope).get("host", "")
        by_tls = scope.get("scheme") == "https" or (name != "" and name == self._tls_name)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_headers(message)
                if by_tls:
                    headers = MutableHeaders(scope=message)
                    headers.setdefault("Strict-Transport-Security", _ONLY_TLS)
            await send(message)

        host = host_of(name)
        if self.hosts is not None and host not in self.hosts:
            text = (
                "This page does not answer to that name. To put it behind a proxy, "
                "set base_url under [report] in the config."
            )
            await PlainTextResponse(text, 421)(scope, receive, guarded)
            return
        limited = receive
        if not scope["path"].startswith(INBOX):
            limited = _Limited(receive, MAX_BODY)
            if _announced(Headers(scope=scope)) > MAX_BODY:
                await PlainTextResponse(_TOO_LARGE, 413)(scope, receive, guarded)
                return
        await self.app(scope, limited, guarded)


#: Two years, as browsers ask for it; other names of the same domain are not ours to bind.
_ONLY_TLS = "max-age=63072000"
_TOO_LARGE = f"A request may have {MAX_BODY:,} bytes."


def _announced(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isdecimal() and len(text) < 20 else 0


class _Limited:
    """A body that ends, as if the sender had gone, when it grows past a limit."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._left = receive, most

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if self._left < 0 else message


def add_headers(message: MutableMapping[str, Any]) -> None:
    """The headers of `HEADERS` that an answer does not set itself."""
    headers = MutableHeaders(scope=message)
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def host_of(header: str) -> str:
    """The name in a Host header, without its port.

    >>> host_of("localhost:8000"), host_of("[::1]:8000"), host_of("[::1]")
    ('localhost', '::1', '::1')
    """
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")
