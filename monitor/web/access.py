"""Who may ask for what: every route is denied unless it says which scope it needs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import FormData, Headers
from starlette.routing import BaseRoute

from monitor.core.logs import security
from monitor.store.access import SCOPES, Principal
from monitor.store.store import Store

PUBLIC = "public"
#: The form field and the header that prove a request comes from one of our pages.
FIELD, HEADER = "csrf", "X-CSRF-Token"
COOKIE = "driftloop"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_SCOPE = "driftloop_scope"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, how they proved it, and what their forms carry."""

    principal: Principal
    csrf: str = ""  #: empty for API tokens, which no browser sends by itself
    signed_in: bool = False  #: with a session that can end


#: Who asks the request that is answered now; for templates.
VISITOR: ContextVar[Visitor | None] = ContextVar("visitor", default=None)


def needs(scope: str) -> Callable[[Endpoint], Endpoint]:
    """Mark a route: `read`, `queue` or `admin`."""
    assert scope in SCOPES

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SCOPE, scope)
        return endpoint

    return mark


def public(endpoint: Endpoint) -> Endpoint:
    """Mark a route that anybody may ask; it shows nothing of the data, or proves who asks itself.

    So for the inbox and for webhooks, which carry secrets of their own.
    """
    setattr(endpoint, _SCOPE, PUBLIC)
    return endpoint


def scope_of(endpoint: object) -> str | None:
    """What a route was marked with; None: nothing, so nobody may ask it."""
    return getattr(endpoint, _SCOPE, None)


def every_route(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """All routes, those of included routers too."""
    for route in routes:
        inside = getattr(route, "original_router", None)
        if inside is None:
            yield route
        else:
            yield from every_route(inside.routes)


class Access:
    """Proves who asks, before any route answers.

    Parameters
    ----------
    store : Store
        Users, sessions, tokens and keys.
    login : bool or None
        Whether one must sign in; None: as soon as there is a user.
    """

    def __init__(self, store: Store, *, login: bool | None = None) -> None:
        self._store, self._login = store, login

    async def check(self, request: Request) -> None:
        """The dependency of all routes.

        Raises
        ------
        HTTPException
            401 or a way to the sign-in page; 403 where the scope or the proof is missing.
        """
        wanted = scope_of(getattr(request.scope.get("route"), "endpoint", None))
        if wanted is None:
            raise HTTPException(403, "Nobody may ask this.")
        if wanted == PUBLIC:
            return
        visitor = self.visitor(request)
        VISITOR.set(visitor)
        if visitor is None:
            if "authorization" in request.headers:
                security("token_refused", method=request.method, path=request.url.path)
            raise _sign_in(request)
        if not visitor.principal.may(wanted):
            security(
                "forbidden",
                name=visitor.principal.name,
                scope=wanted,
                method=request.method,
                path=request.url.path,
            )
            raise HTTPException(403, f"This needs the scope {wanted!r}, which you do not have.")
        if request.method not in SAFE and visitor.csrf:
            await self._prove(request, visitor)

    def visitor(self, request: Request) -> Visitor | None:
        """Who asks; None when nothing proves it."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            principal = self._store.access.token(token.strip())
            return None if principal is None else Visitor(principal)
        cookie = request.cookies.get(cookie_name(request))
        if cookie:
            principal = self._store.access.session(cookie)
            if principal is not None:
                return Visitor(principal, self.csrf(cookie), signed_in=True)
        if self.wants_login():
            return None
        return Visitor(Principal("local", frozenset(SCOPES)), self.csrf(""))

    def wants_login(self) -> bool:
        """Whether pages are shown only to who signed in."""
        return bool(self._store.access.users()) if self._login is None else self._login

    def csrf(self, cookie: str) -> str:
        """What forms of that session carry; nobody else can make it or read it."""
        key = self._store.access.key("forms")
        return hmac.new(key, b"form:" + cookie.encode(), hashlib.sha256).hexdigest()

    async def _prove(self, request: Request, visitor: Visitor) -> None:
        """A page of somebody else can make a browser send our cookie, but not this."""
        refuse_other_sites(request)
        given: object = request.headers.get(HEADER)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given is None and kind in _FORMS:
            form: FormData = await request.form(max_files=0, max_fields=100)
            given = form.get(FIELD)
        if not isinstance(given, str) or not hmac.compare_digest(
            given.encode(), visitor.csrf.encode()
        ):
            raise HTTPException(403, "The form is too old. Go back, load the page anew, try again.")


_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def refuse_other_sites(request: Request) -> None:
    """Raises 403 when a browser says that the request comes from a page that is not ours."""
    site, origin = (request.headers.get(name) for name in ("sec-fetch-site", "origin"))
    if site == "same-origin":  # no page can forge it; Origin may be "null" all the same
        return
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in {None, "none"}:
        security("other_site", origin=origin, site=site, path=request.url.path)
        raise HTTPException(403, "This was sent from another site.")


def cookie_name(request: Request) -> str:
    """`__Host-` binds the cookie to this host and to TLS, where there is TLS."""
    return f"__Host-{COOKIE}" if is_secure(request) else COOKIE


def is_secure(request: Request) -> bool:
    """Whether the visitor came by TLS: to us, or to the proxy that `base_url` names."""
    address = urlsplit(getattr(request.app.state, "base_url", "") or "")
    by_proxy = address.scheme == "https" and address.netloc == request.headers.get("host")
    return request.url.scheme == "https" or by_proxy


def _sign_in(request: Request) -> HTTPException:
    if request.method in SAFE and wants_html(request.headers):
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return HTTPException(303, headers={"Location": f"/login?next={quote(there, safe='')}"})
    said = "Sign in, or send a token: `Authorization: Bearer dl_…`."
    return HTTPException(401, said, headers={"WWW-Authenticate": "Bearer"})


def wants_html(headers: Headers) -> bool:
    """Whether a person with a browser asks."""
    return "text/html" in headers.get("accept", "")
