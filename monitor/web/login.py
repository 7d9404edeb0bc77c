"""Signing in and out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from monitor.core.errors import UsageError
from monitor.core.logs import security
from monitor.store.access import LIFETIME, LONGEST_PASSWORD
from monitor.web.access import VISITOR, cookie_name, is_secure, needs, public, refuse_other_sites
from monitor.web.throttle import Network, Throttle, address_of

if TYPE_CHECKING:
    from monitor.store.store import Store
    from monitor.web.frame import Frame

Name = Annotated[str, Form(max_length=100)]
Password = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
Next = Annotated[str, Form(max_length=2_000)]


class Login:
    """The page with two fields, and what they open."""

    def __init__(
        self, store: Store, frame: Frame, throttle: Throttle, proxies: tuple[Network, ...] = ()
    ) -> None:
        self._store, self._frame = store, frame
        self._throttle, self._proxies = throttle, proxies

    def router(self) -> APIRouter:
        """Its routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/login", self.show, methods=["GET", "HEAD"])
        router.add_api_route("/login", self.sign_in, methods=["POST"])
        router.add_api_route("/logout", self.sign_out, methods=["POST"])
        router.add_api_route("/account", self.account, methods=["GET", "HEAD"])
        router.add_api_route("/account/password", self.change_password, methods=["POST"])
        router.add_api_route("/account/sessions", self.sign_out_everywhere, methods=["POST"])
        return router

    @public
    def show(self, next: str = "/") -> Response:  # noqa: A002 - it is in the address
        """The form."""
        return self._form(there=local(next))

    @public
    def sign_in(
        self,
        request: Request,
        name: Name = "",
        password: Password = "",
        next: Next = "/",  # noqa: A002
    ) -> Response:
        """A session for who knows the password; the same answer for all others."""
        refuse_other_sites(request)
        address = self._address(request)
        wait = self._throttle.wait(address, name)
        if wait:
            security("sign_in_throttled", name=name, address=address)
            answer = self._form(
                there=local(next),
                said=f"Too many tries. Try again in {math.ceil(wait / 60)} minutes.",
            )
            answer.status_code, answer.headers["Retry-After"] = 429, str(math.ceil(wait))
            return answer
        cookie = self._store.access.sign_in(name, password)
        if cookie is None:
            self._throttle.wrong(address, name)
            security("sign_in_failed", name=name, address=address)
            answer = self._form(there=local(next), said="Name and password do not fit.")
            answer.status_code = 401
            return answer
        self._throttle.right(address, name)
        security("signed_in", name=name, address=address)
        return _with_cookie(request, RedirectResponse(local(next), 303), cookie)

    @needs("read")
    def sign_out(self, request: Request) -> Response:
        """The session is over, here and in the store."""
        visitor = VISITOR.get()
        security("signed_out", name=visitor.principal.name if visitor else "")
        self._store.access.sign_out(request.cookies.get(cookie_name(request), ""))
        answer = RedirectResponse("/login", 303)
        secure = is_secure(request)
        answer.delete_cookie(cookie_name(request), secure=secure, httponly=True, samesite="lax")
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    @needs("read")
    def account(self) -> Response:
        """Where a person changes the password, and sees where they are signed in."""
        return self._account()

    @needs("read")
    def change_password(
        self, request: Request, current: Password = "", password: Password = ""
    ) -> Response:
        """Another password for who knows the one of now; every browser signs in again."""
        name = _signed_in()
        address = self._address(request)
        if self._throttle.wait(address, name):
            return self._account("Too many tries. Try again later.", 429)
        try:
            if not self._store.access.change_password(name, current, password):
                self._throttle.wrong(address, name)
                security("password_not_changed", name=name, address=address)
                return self._account("The password of now is another one.", 403)
        except UsageError as error:
            return self._account(str(error), 400)
        security("password_changed", name=name, address=address)
        return RedirectResponse("/login", 303)

    @needs("read")
    def sign_out_everywhere(self) -> Response:
        """Every browser must sign in again, this one too."""
        name = _signed_in()
        self._store.access.sign_out_everywhere(name)
        security("signed_out_everywhere", name=name)
        return RedirectResponse("/login", 303)

    def _account(self, said: str = "", status: int = 200) -> Response:
        name = _signed_in()
        answer = self._frame.page(
            "account.html.j2", name=name, since=self._store.access.sessions(name), said=said
        )
        answer.status_code = status
        return answer

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        return address_of(peer, request.headers.get("x-forwarded-for", ""), self._proxies)

    def _form(self, *, there: str, said: str = "") -> Response:
        return self._frame.page("login.html.j2", there=there, said=said)


def _signed_in() -> str:
    """Who has a session here; tokens and visitors of this machine have no account."""
    visitor = VISITOR.get()
    if visitor is None or not visitor.signed_in:
        raise HTTPException(404, "Nobody is signed in here.")
    return visitor.principal.name


def _with_cookie(request: Request, answer: Response, cookie: str) -> Response:
    answer.set_cookie(
        cookie_name(request),
        cookie,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",  # strict would ask everybody who comes from a mail to sign in again
        secure=is_secure(request),
    )
    return answer


def local(address: str) -> str:
    r"""A place on this page; anything else becomes the start.

    Examples
    --------
    >>> local("/monitors/shop?before=1"), local("//evil.example"), local("https://evil.example")
    ('/monitors/shop?before=1', '/', '/')
    >>> local("/\\\\evil.example"), local("/\\nx")
    ('/', '/')
    """
    safe = (
        address.startswith("/")
        and not address.startswith("//")
        and "\\" not in address
        and address.isprintable()
    )
    return address if safe else "/"
