"""The web page on a store with runs in it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from monitor.config import load
from monitor.pipeline import Pipeline
from monitor.store.store import Store
from monitor.web.app import create_app

CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "data.csv"
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"
[monitors.queue]
budget = 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    rows = [
        f"{day}-{n},2024-01-{day:02d}T{n % 24:02d}:00:00Z,{(n * 7 + day) % 13},"
        f"<script>alert({n % 3})</script>"
        for day in range(1, 14)
        for n in range(120)
    ]
    (folder / "data.csv").write_text("id,ts,x,label\n" + "\n".join(rows) + "\n")
    (folder / "config.toml").write_text(CONFIG)
    config = load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        chosen = config.monitor("shop")
        pipeline.run(chosen)
    return folder


class Client:
    """Asks the application without a socket."""

    def __init__(self, app) -> None:
        self.app = app

    def __call__(self, method: str, path: str, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
                return await client.request(method, path, **options)

        return asyncio.run(ask())

    def get(self, path: str, **options) -> httpx.Response:
        return self("GET", path, **options)


@pytest.fixture
def client(folder):
    config = load(folder / "config.toml")
    with Store.open(config.store.url) as store:
        yield Client(create_app(config, store))


@pytest.mark.parametrize(
    "path", ["/", "/monitors/shop", "/monitors/shop/queue", "/healthz", "/readyz"]
)
def test_pages_answer_with_strict_headers(client, path):
    answer = client.get(path)

    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text


def test_the_report_is_served_once_and_then_from_the_cache(client, folder):
    name = next((folder / "reports" / "shop").glob("*.html")).name
    answer = client.get(f"/reports/shop/{name}")

    assert answer.status_code == 200
    assert "shop" in answer.text
    again = client.get(f"/reports/shop/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "/reports/shop/../../config.toml",
        "/reports/shop/..%2F..%2Fconfig.toml",
        "/reports/shop/%2e%2e%2fconfig.toml",
        "/reports/nope/x.html",
        "/reports/shop/x.html",
        "/monitors/nope",
        "/docs",
    ],
)
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_nothing_can_be_changed(client, method):
    assert client(method, "/").status_code == 405


def test_serve_starts_answers_and_stops_on_sigterm(folder):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "monitor.cli",
            "serve",
            "-c",
            str(folder / "config.toml"),
            "--port",
            "0",
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:
            if "http://" in line:
                address = line.split("http://")[1].strip().rstrip("/")
                break
        for _ in range(100):
            try:
                answer = httpx.get(f"http://{address}/healthz", timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        assert answer.text == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
