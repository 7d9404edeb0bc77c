"""Signing in, tokens, scopes, and what other sites can make a browser do."""

from __future__ import annotations

import asyncio
import re

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from monitor.config import load
from monitor.core import logs
from monitor.store import passwords
from monitor.store.store import Store
from monitor.web.access import PUBLIC, every_route, needs, scope_of
from monitor.web.app import create_app
from monitor.web.throttle import LIMITS, WINDOW, Throttle

PASSWORD = "correct horse battery"
HTML = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(passwords.hashed, "__kwdefaults__", {"cost": 2**10})


@pytest.fixture
def own(tmp_path) -> tuple:
    """A config with a store of its own, in which a person may read."""
    path = tmp_path / "config.toml"
    path.write_text(
        '[[monitors]]\nname = "shop"\nwindow = "1d"\n[monitors.source]\nkind = "files"\n'
        'path = "x.csv"\n'
    )
    config = load(path)
    with Store.open(config.store.url, upgrade=True) as store:
        store.access.add_user("ann", PASSWORD, ["read"])
        yield config, store


class Browser:
    """Keeps cookies, follows nothing by itself."""

    def __init__(self, app, base: str = "http://web") -> None:
        self.app, self.base, self.cookies = app, base, httpx.Cookies()

    def __call__(self, method: str, path: str, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=self.base, cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, **options)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def sign_in(self, password: str = PASSWORD, name: str = "ann", **headers) -> httpx.Response:
        form = {"name": name, "password": password, "next": "/monitors/shop"}
        return self("POST", "/login", data=form, headers=headers)


@pytest.fixture
def app(own):
    return create_app(*own)


@pytest.fixture
def browser(app) -> Browser:
    return Browser(app)


def test_every_route_says_who_may_ask_it(app):
    unmarked = [
        route.path
        for route in every_route(app.routes)
        if not isinstance(route, APIRoute) or scope_of(route.endpoint) is None
    ]
    assert unmarked == []


def test_every_route_that_is_not_public_answers_nobody(app, browser):
    asked = 0
    for route in every_route(app.routes):
        path = re.sub(r"{[^}]*}", "shop", route.path)
        if scope_of(route.endpoint) == PUBLIC:
            continue
        for method in route.methods:
            answer = browser(method, path)
            assert answer.status_code == 401, (method, path)
            assert b"shop" not in answer.content
            asked += 1
    assert asked >= 8


def test_a_route_without_a_mark_answers_nobody_at_all(own):
    app = create_app(*own)
    router = APIRouter()
    router.add_api_route("/forgotten", lambda: "secret")
    app.include_router(router)
    token = own[1].access.create_token("root", ["admin"])

    answer = Browser(app)("GET", "/forgotten", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_a_person_signs_in_goes_where_they_wanted_and_signs_out(browser):
    asked = browser("GET", "/monitors/shop?before=2024-01-01T00:00:00Z", headers=HTML)
    assert asked.status_code == 303
    assert asked.headers["location"] == (
        "/login?next=%2Fmonitors%2Fshop%3Fbefore%3D2024-01-01T00%3A00%3A00Z"
    )
    assert browser("GET", asked.headers["location"]).status_code == 200

    signed = browser.sign_in()
    assert (signed.status_code, signed.headers["location"]) == (303, "/monitors/shop")
    cookie = signed.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    page = browser("GET", "/", headers=HTML)
    assert page.status_code == 200
    assert "Sign out" in page.text

    kept, csrf = httpx.Cookies(browser.cookies), field(page)
    assert browser("POST", "/logout").status_code == 403
    assert browser("POST", "/logout", data={"csrf": csrf}).status_code == 303
    browser.cookies = kept  # the session is over in the store too
    assert browser("GET", "/", headers=HTML).status_code == 303


def field(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found
    return found[1]


def test_a_person_changes_the_password_and_signs_in_again(browser):
    browser.sign_in()
    page = browser("GET", "/account")
    form = {"csrf": field(page), "current": PASSWORD, "password": PASSWORD + " two"}

    assert "Signed in with 1 browser" in page.text
    wrong = browser("POST", "/account/password", data={**form, "current": "wrong password"})
    assert (wrong.status_code, "another one" in wrong.text) == (403, True)
    easy = browser("POST", "/account/password", data={**form, "password": "password1234"})
    assert (easy.status_code, "easy to guess" in easy.text) == (400, True)
    assert browser("POST", "/account/password", data=form).status_code == 303
    assert browser("GET", "/", headers=HTML).status_code == 303
    assert browser.sign_in().status_code == 401
    assert browser.sign_in(PASSWORD + " two").status_code == 303


def test_signing_out_everywhere_ends_every_session(app, browser):
    other = Browser(app)
    for each in (browser, other):
        each.sign_in()
    csrf = field(browser("GET", "/account"))

    assert browser("POST", "/account/sessions", data={"csrf": csrf}).status_code == 303
    assert other("GET", "/", headers=HTML).status_code == 303


def test_who_is_not_signed_in_has_no_account(own):
    config, store = own
    store.access.remove_user("ann")

    assert Browser(create_app(config, store))("GET", "/account").status_code == 404


def test_over_tls_the_cookie_is_bound_to_the_host(app):
    browser = Browser(app, "https://web")
    cookie = browser.sign_in().headers["set-cookie"]

    assert cookie.startswith("__Host-driftloop=")
    assert "secure" in cookie.lower()
    assert "domain" not in cookie.lower()


def test_behind_a_proxy_with_tls_the_cookie_is_secure_too(own, tmp_path):
    config, store = own
    address = config.report.model_copy(update={"base_url": "https://web"})
    browser = Browser(create_app(config.model_copy(update={"report": address}), store))
    signed = browser.sign_in()
    elsewhere = Browser(browser.app, "http://127.0.0.1").sign_in()

    assert signed.headers["set-cookie"].startswith("__Host-driftloop=")
    assert signed.headers["strict-transport-security"].startswith("max-age=63072000")
    assert elsewhere.headers["set-cookie"].startswith("driftloop=")
    assert "strict-transport-security" not in elsewhere.headers


def test_who_signs_in_and_who_is_refused_is_written_down(own, browser, capsys):
    logs.configure("text")
    browser.sign_in("wrong password!\nforged line")
    browser.sign_in(name="ann\n2026-01-01T00:00:00Z forged")
    browser.sign_in()
    token = own[1].access.create_token("ci", ["queue"])
    browser("GET", "/", headers={"authorization": f"Bearer {token}"})
    browser("GET", "/", headers={"authorization": "Bearer dl_wrong"})
    browser("POST", "/logout", headers={"origin": "https://evil.example"})
    lines = capsys.readouterr().err.splitlines()

    kinds = [line.split(" ")[1] for line in lines]
    assert kinds == [
        "sign_in_failed", "sign_in_failed", "signed_in", "forbidden", "token_refused", "other_site"
    ]  # fmt: skip
    assert PASSWORD not in " ".join(lines)
    assert token not in " ".join(lines)
    assert 'name="ci"' in lines[3]


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(browser, there):
    form = {"name": "ann", "password": PASSWORD, "next": there}

    assert browser("POST", "/login", data=form).headers["location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_another_site_can_neither_sign_in_nor_act(browser, headers):
    assert browser.sign_in(**headers).status_code == 403
    browser.sign_in()
    csrf = field(browser("GET", "/"))
    assert browser("POST", "/logout", data={"csrf": csrf}, headers=headers).status_code == 403
    assert browser("GET", "/", headers=HTML).status_code == 200


def test_wrong_passwords_are_answered_alike_and_not_for_ever(browser):
    answers = [browser.sign_in("wrong password!") for _ in range(LIMITS["both"] + 1)]
    nobody = browser.sign_in(name="nobody")

    assert [one.status_code for one in answers] == [401] * LIMITS["both"] + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= WINDOW
    assert nobody.text == answers[0].text
    assert browser.sign_in().status_code == 429  # the right one must wait too


def test_who_was_wrong_may_try_again_later_and_others_meanwhile():
    time = [0.0]
    throttle = Throttle(lambda: time[0])
    for _ in range(LIMITS["both"]):
        throttle.wrong("1.1.1.1", "ann")
    assert throttle.wait("1.1.1.1", "ann") == WINDOW
    assert throttle.wait("2.2.2.2", "ann") == 0
    assert throttle.wait("1.1.1.1", "bob") == 0
    time[0] = WINDOW
    assert throttle.wait("1.1.1.1", "ann") == 0


def test_many_addresses_cannot_guess_one_name_and_fill_no_memory():
    throttle = Throttle(lambda: 0.0)
    for number in range(30_000):
        throttle.wrong(f"10.0.{number % 256}.{number // 256}", "ann")
    assert throttle.wait("9.9.9.9", "ann") > 0
    assert len(throttle._wrong) <= 20_000


@pytest.mark.parametrize(
    ("scopes", "status"), [(["read"], 200), (["queue"], 403), (["admin"], 200)]
)
def test_a_token_may_do_what_its_scopes_say(own, browser, scopes, status):
    token = own[1].access.create_token("ci", scopes)

    answer = browser("GET", "/", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == status
    assert browser("GET", "/", headers={"authorization": "Bearer dl_wrong"}).status_code == 401


def test_without_users_only_this_machine_may_read(own):
    config, store = own
    store.access.remove_user("ann")

    assert Browser(create_app(config, store))("GET", "/").status_code == 200
    elsewhere = Browser(create_app(config, store, local=False))
    assert elsewhere("GET", "/").status_code == 401
    assert elsewhere("GET", "/healthz").status_code == 200


def test_what_is_public_tells_nothing_of_the_data(app, browser):
    paths = {route.path for route in every_route(app.routes) if scope_of(route.endpoint) == PUBLIC}

    assert {"/login", "/healthz", "/readyz"} <= paths
    for path in paths:
        assert "shop" not in browser("GET", path).text


def test_a_body_may_not_grow_for_ever(browser):
    huge = {"name": "ann", "password": "x" * (2 << 20)}

    async def chunks():
        for _ in range(64):
            yield b"x" * (1 << 16)

    assert browser("POST", "/login", data=huge).status_code == 413
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = browser("POST", "/login", content=chunks(), headers=kind)
    assert answer.status_code in {400, 413}


def test_scopes_are_known_ones():
    with pytest.raises(AssertionError):
        needs("root")
