"""The web page on a store with runs in it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from monitor.config import load
from monitor.store.store import Store
from monitor.web.app import create_app
from monitor.web.guard import HEADERS

PAGES = ["/", "/monitors/shop", "/monitors/new", "/monitors/shop/queue", "/monitors/new/queue"]


class Client:
    """Asks the application without a socket."""

    def __init__(self, app, base: str = "http://web") -> None:
        self.app, self.base = app, base

    def __call__(self, method: str, path: str, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.base) as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options) -> httpx.Response:
        return self("GET", path, **options)


@pytest.fixture
def client(config, store) -> Client:
    return Client(create_app(config, store))


@pytest.fixture
def report(folder) -> str:
    assert (folder / "reports" / "shop" / "2024-01-13.html").is_file()
    return "/reports/shop/2024-01-13.html"


def words(answer: httpx.Response) -> str:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return " ".join(text.split())


@pytest.mark.parametrize(
    "path", [*PAGES, "/healthz", "/readyz", "/nope", "/monitors/shop?before=x"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_carries_the_headers(client, path, method):
    answer = client(method, path)

    for name in HEADERS:
        assert name in answer.headers
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", [*PAGES, "/healthz", "/readyz"])
def test_pages_can_be_read_and_only_read(client, path):
    assert client.get(path).status_code == 200
    assert client("HEAD", path).status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client(method, path).status_code == 405


@pytest.mark.parametrize("path", PAGES)
def test_the_style_is_the_one_that_the_policy_names(client, path):
    answer = client.get(path)
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert "style=" not in answer.text.replace(style, "")


def test_the_overview_says_what_there_is_to_say(client):
    said = words(client.get("/"))

    assert "1 of 2 monitors differs from the reference." in said
    assert "x differs from the reference." in said
    assert "newest window 13 Jan 2024 , 240 rows" in said
    assert "1 window could not be run." in said
    assert "Not run yet." in said
    assert re.search(r"last run \d+ \w+ \d{4}, \d\d:\d\d (CET|CEST)", said)


def test_a_monitor_shows_its_runs_in_its_own_zone_with_links_to_reports(client):
    answer = client.get("/monitors/shop")

    links = re.findall(r'href="(/reports/[^"]+)"', answer.text)
    assert [link.rpartition("/")[2] for link in links] == [
        "2024-01-13.html",
        "2024-01-12.html",
        "2024-01-11.html",
    ]
    assert {client.get(link).status_code for link in links} == {200}
    assert "13 Jan 2024" in words(answer)
    assert "not tried again by itself" in words(answer)


def test_a_run_whose_report_was_removed_has_no_link(folder, config, store, tmp_path):
    elsewhere = config.model_copy(
        update={"report": config.report.model_copy(update={"folder": tmp_path})}
    )
    answer = Client(create_app(elsewhere, store)).get("/monitors/shop")

    assert answer.status_code == 200
    assert "/reports/" not in answer.text


def test_older_runs_are_on_pages_of_their_own(client):
    said = words(client.get("/monitors/shop?before=2024-01-11T23:00:00Z"))

    assert "11 Jan 2024" in said
    assert "12 Jan 2024" not in said


@pytest.mark.parametrize(
    ("before", "status"),
    [
        ("x", 400),
        ("2024-01-11", 400),
        ("2024-01-11T00:00:00", 400),
        ("0001-01-01T00:00:00%2B14:00", 404),
        ("0001-01-01T00:00:00Z", 200),
        ("9999-12-31T23:59:59Z", 200),
    ],
)
def test_odd_times_are_refused_or_empty(client, before, status):
    assert client.get(f"/monitors/shop?before={before}").status_code == status


def test_the_queue_shows_the_rows_with_their_reasons(client, store):
    said = words(client.get("/monitors/shop/queue"))
    total = store.queue.counts("shop")["proposed"]

    assert f"{total} rows to label" in said
    plain = [row.row_id for row in store.queue.rows("shop") if "<" not in row.row_id]
    assert len(plain) == 9  # three of each day
    assert all(row_id in said for row_id in plain)


@pytest.mark.parametrize("path", PAGES)
def test_words_from_elsewhere_stay_words(client, path):
    text = client.get(path).text

    assert "<script" not in text
    for character in ("\x1b", "\u202e", "49", "no picture"):
        assert character not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_hostile_words_are_shown(client):
    assert "&lt;script&gt;alert(1)" in client.get("/monitors/shop/queue").text
    assert "The source says &lt;script&gt;" in client.get("/monitors/shop").text


def test_the_report_is_served_as_it_was_drawn_and_then_from_the_cache(client, folder, report):
    answer = client.get(report)

    assert answer.content == (folder / report.removeprefix("/")).read_bytes()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "script-src" not in answer.headers["content-security-policy"]
    tag = answer.headers["etag"]
    for asked in (tag, f"W/{tag}", f'"other", {tag}'):
        again = client.get(report, headers={"If-None-Match": asked})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get(report, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/reports/shop/../../config.toml",
        "/reports/shop/..%2F..%2Fconfig.toml",
        "/reports/shop/%2e%2e%2f%2e%2e%2fconfig.toml",
        "/reports/shop/..%5C..%5Cconfig.toml",
        "/reports/shop/%2Fetc%2Fpasswd",
        "/reports/shop/secret.html",
        "/reports/shop/.hidden.html",
        "/reports/shop/folder.html",
        "/reports/shop/x%00.html",
        "/reports/shop/" + "x" * 5000 + ".html",
        "/reports/shop/notes.txt",
        "/reports/../shop/x.html",
        "/reports/%2e%2e/config.toml",
        "/reports/nope/x.html",
        "/reports/shop/",
        "/reports/shop",
        "/monitors/nope",
        "/monitors/",
        "/docs",
        "/openapi.json",
        "/static/page.css",
    ],
)
def test_nothing_else_is_served(client, folder, path):
    reports = folder / "reports" / "shop"
    (folder / "secret.html").write_text("secret")
    if not (reports / "secret.html").is_symlink():
        (reports / "secret.html").symlink_to(folder / "secret.html")
    (reports / "folder.html").mkdir(exist_ok=True)
    (reports / ".hidden.html").write_text("half a page")
    (reports / "notes.txt").write_text("notes")

    assert client.get(path).status_code == 404


def test_reading_changes_nothing(client, config, report):
    def content() -> list[str]:
        with sqlite3.connect(config.store.url.removeprefix("sqlite:///")) as connection:
            lines = list(connection.iterdump())
        connection.close()
        return lines

    before = content()
    for path in [*PAGES, report, "/readyz", "/monitors/shop?before=2024-01-12T00:00:00Z"]:
        assert client.get(path).status_code == 200
    assert content() == before


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("evil.example:8000", 421),
        ("", 421),
    ],
)
def test_only_our_names_are_answered_to(config, store, host, status):
    app = create_app(config, store, hosts=["localhost", "127.0.0.1", "::1"])
    answer = Client(app).get("/", headers={"Host": host})

    assert answer.status_code == status
    assert all(name in answer.headers for name in HEADERS)
    assert "shop" in answer.text if status == 200 else "shop" not in answer.text


def test_a_store_that_is_gone_is_said_and_the_process_is_alive(tmp_path):
    config_file = tmp_path / "config.toml"
    config_file.write_text("")
    config = load(config_file)
    store = Store.open(config.store.url, upgrade=True)
    client = Client(create_app(config, store))
    assert client.get("/readyz").text == "ready"
    assert "There is no monitor yet." in client.get("/").text
    store.close()
    for path in tmp_path.glob("driftloop.db*"):
        path.unlink()

    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the store does not answer")
    assert client.get("/healthz").text == "ok"


def test_a_page_without_its_store_is_an_answer_too(config, store, monkeypatch):
    store.database.engine.dispose()
    monkeypatch.setattr(
        store.database, "engine", Store.open(_empty(config.base), upgrade=True).database.engine
    )
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE findings")
        connection.exec_driver_sql("DROP TABLE queue_events")
        connection.exec_driver_sql("DROP TABLE queue_rows")

    answer = Client(create_app(config, store)).get("/")

    assert answer.status_code == 503
    assert "The store does not answer." in answer.text
    assert "queue_rows" not in answer.text


def _empty(folder: Path) -> str:
    return f"sqlite:///{folder / 'empty.db'}"


def test_an_error_that_nobody_foresaw_says_nothing_about_itself(config):
    answer = Client(create_app(config, SimpleNamespace())).get("/")

    assert answer.status_code == 500
    assert "SimpleNamespace" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
