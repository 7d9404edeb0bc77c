"""The pages in a real browser, served by a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from monitor.config import load
from monitor.store.store import Store
from monitor.web.app import create_app

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.service

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = [
    "/", "/monitors/shop", "/monitors/shop/alarms", "/monitors/shop/queue",
    "/reports/shop/2024-01-13.html",
]  # fmt: skip


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    config = load(folder / "config.toml")
    with Store.open(config.store.url) as store:
        app = create_app(config, store, hosts=["127.0.0.1"])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser(chromium) -> Iterator:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_pages_open_quietly_and_fit_their_screen(browser, address, path, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, locale="en-GB"
    )
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(address + path)

    assert said == []
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"dark": "rgb(20, 23, 26)", "light": "rgb(247, 246, 243)"}[scheme]
    context.close()


def test_from_the_overview_to_a_report_by_links(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)

    page.get_by_role("link", name="shop").click()
    page.get_by_role("link", name="13 Jan 2024").click()

    assert page.url.endswith("/reports/shop/2024-01-13.html")
    page.locator("nav a", has_text="Columns").click()
    assert page.url.endswith("#columns")
    context.close()


def test_the_first_tab_skips_to_the_content(browser, address):
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.url.endswith("#main")
    context.close()


def test_a_person_says_what_an_alarm_was(browser, address):
    page = browser.new_page(locale="en-GB")
    page.goto(f"{address}/monitors/shop")
    page.get_by_role("link", name="Say what they were").click()
    card = page.get_by_role("article").first
    card.get_by_label("What was it?").select_option("expected")
    card.get_by_label("Why").fill("a new sensor")
    card.get_by_role("button", name="Save").click()

    page.get_by_text("Judged expected by local").first.wait_for()
    assert page.url == f"{address}/monitors/shop/alarms"
    assert page.get_by_text("a new sensor").count() == 1
    page.close()
