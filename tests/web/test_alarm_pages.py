"""The alarms page: what it shows, what its forms write, and that nothing else writes."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from monitor.config import load
from monitor.core.finding import Alarm
from monitor.core.window import Window
from monitor.store import passwords
from monitor.store.records import RunEffects
from monitor.store.store import Store
from monitor.web.app import create_app

PASSWORD = "correct horse battery"
HOSTILE = "<script>alert(1)</script>'\"`\u202e{{7*7}}"
START = datetime(2024, 1, 1, tzinfo=UTC)
CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "x.csv"
"""


class Browser:
    """Keeps cookies; follows nothing by itself."""

    def __init__(self, app) -> None:
        self.app, self.cookies = app, httpx.Cookies()

    def __call__(self, method: str, path: str, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://web", cookies=self.cookies
            ) as client:
                answer = await client.request(method, path, **options)
                self.cookies = client.cookies
                return answer

        return asyncio.run(ask())

    def token(self) -> str:
        return re.search(r'name="csrf" value="([0-9a-f]+)"', self("GET", PAGE).text)[1]

    def post(self, path: str, **form: object) -> httpx.Response:
        return self("POST", f"{PAGE}{path}", data={"csrf": self.token(), **form})


PAGE = "/monitors/shop/alarms"


def run(store: Store, day: int, state: str, years: float | None = None) -> None:
    window = Window(START + timedelta(days=day), START + timedelta(days=day + 1))
    store.ledger.ensure_windows("shop", [window])
    lease = store.ledger.claim("shop", window, worker="w")
    alarm = Alarm(key=f"column:{HOSTILE}", state=state, title=HOSTILE, once_in_years=years)
    store.commit(
        lease,
        RunEffects(document={}, rows=1, started_at=START, finished_at=START, alarms=(alarm,)),
    )


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(passwords.hashed, "__kwdefaults__", {"cost": 2**10})
    (tmp_path / "config.toml").write_text(CONFIG)
    config = load(tmp_path / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        for day, state in enumerate(["opened", "closed", "opened"]):
            run(store, day, state, 300.0)
        yield config, store


@pytest.fixture
def browser(world) -> Browser:
    return Browser(create_app(*world))


def number(store: Store) -> int:
    return store.alarms.find("shop", f"column:{HOSTILE}").id


def test_it_shows_open_alarms_with_their_budget_and_their_history(browser, world):
    config, store = world
    answer = browser("GET", PAGE)

    assert answer.status_code == 200
    assert "once in 300 years" in answer.text
    assert "Opened before on 1 Jan 2024, closed 2 Jan 2024, without a verdict" in answer.text
    assert "<script>" not in answer.text
    assert "49" not in re.findall(r">([^<]*7\*7[^<]*)<", answer.text)
    del config, store


def test_a_verdict_is_written_with_who_says_so(browser, world):
    _, store = world
    alarm = number(store)

    answer = browser.post(f"/{alarm}/verdict", verdict="false", note=" a test ")

    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    (note,) = store.alarms.notes.all("shop")
    assert (note.verdict, note.note, note.by) == ("false", "a test", "local")
    assert "Judged a false alarm by local" in browser("GET", PAGE).text


def test_acknowledge_mute_and_unmute(browser, world):
    _, store = world
    alarm, key = number(store), f"column:{HOSTILE}"
    opened = store.alarms.find("shop", key).opened.start

    browser.post(f"/{alarm}/ack")
    browser.post(f"/{alarm}/mute", days=3)
    standing = store.alarms.notes.standing("shop")
    assert standing.acknowledged(key, opened)
    assert standing.muted(key).until - standing.now <= timedelta(days=3)
    browser.post(f"/{alarm}/unmute")
    browser.post("/mute", days=1, note=HOSTILE)
    standing = store.alarms.notes.standing("shop")
    assert standing.muted(key).scope == "monitor"
    assert "<script>" not in browser("GET", PAGE).text
    browser.post("/unmute")
    assert store.alarms.notes.standing("shop").muted(key) is None


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/{}/verdict", {"verdict": "maybe"}, 400),
        ("/{}/mute", {"days": "0"}, 400),
        ("/{}/mute", {"days": "9999"}, 400),
        ("/{}/verdict", {"verdict": "real", "note": "x" * 1001}, 400),
        ("/99/ack", {}, 404),
    ],
)
def test_what_makes_no_sense_writes_nothing(browser, world, path, form, status):
    _, store = world

    assert browser.post(path.format(number(store)), **form).status_code == status
    assert store.alarms.notes.all("shop") == []


def test_a_get_and_a_page_of_somebody_else_write_nothing(browser, world):
    _, store = world
    alarm = number(store)

    assert browser("GET", f"{PAGE}/{alarm}/verdict").status_code == 405
    assert browser("POST", f"{PAGE}/{alarm}/ack").status_code == 403
    token = browser.token()
    for header in ({"origin": "http://evil"}, {"sec-fetch-site": "cross-site"}):
        answer = browser("POST", f"{PAGE}/{alarm}/ack", data={"csrf": token}, headers=header)
        assert answer.status_code == 403
    assert store.alarms.notes.all("shop") == []


def test_who_may_only_read_changes_nothing(browser, world):
    _, store = world
    store.access.add_user("ann", PASSWORD, ["read"])
    browser("POST", "/login", data={"name": "ann", "password": PASSWORD, "next": "/"})

    assert browser("GET", PAGE).status_code == 200
    assert browser.post(f"/{number(store)}/verdict", verdict="real").status_code == 403
    assert browser.post("/mute").status_code == 403
    assert store.alarms.notes.all("shop") == []
