"""The page in a real browser, without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import report_attacks as attacks
import report_pictures as pictures
import report_views as views

import reports

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.service

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
VIEWS = {
    "flights": views.flights,
    "quiet": views.quiet,
    "fashion": pictures.fashion,
    "hostile": attacks.hostile,
    "wide": views.wide,
}


@pytest.fixture(scope="module")
def browser(chromium) -> Iterator:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, view in VIEWS.items():
        (folder / f"{name}.html").write_text(reports.render(view()), encoding="utf-8")
        (folder / f"{name}-mail.html").write_text(reports.mail(view()).html, encoding="utf-8")
    return {path.stem: path for path in folder.iterdir()}


@pytest.mark.parametrize("name", [*VIEWS, "flights-mail", "hostile-mail"])
@pytest.mark.parametrize("width", [360, 1280])
def test_page_opens_quietly_and_fits_its_screen(browser, pages, name, width):
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))

    page.goto(pages[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


@pytest.fixture
def page(browser, pages) -> Iterator:
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.goto(pages["flights"].as_uri())
    yield page
    context.close()


def test_evidence_opens_by_keyboard_without_scripts(page):
    evidence = page.locator("#c1 .facts").first
    assert not evidence.is_visible()

    page.locator("summary", has_text="carrier").focus()
    page.keyboard.press("Enter")

    assert evidence.is_visible()


def test_the_name_in_the_heat_map_opens_the_evidence(page):
    page.locator(".names a", has_text="carrier").click()

    assert page.locator("#c1 .facts").first.is_visible()


def test_first_tab_leads_past_the_navigation(page):
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.url.endswith("#main")


def test_paper_shows_all_evidence(page):
    page.emulate_media(media="print")

    assert page.locator("#c1 .facts").first.is_visible()
    assert not page.locator("nav").is_visible()


def test_roles_of_the_table_survive_on_a_phone(browser, pages):
    context = browser.new_context(viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(pages["flights"].as_uri())

    assert page.get_by_role("rowheader", name="carrier").count() == 1
    assert page.get_by_role("region", name="Heat map of columns and windows").count() == 1
    assert page.get_by_role("navigation", name="Parts of this report").count() == 1
    context.close()


def test_dark_and_light_are_two_pages(browser, pages, tmp_path):
    grounds = {}
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(pages["fashion"].as_uri())
        grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        context.close()

    assert grounds == {"light": "rgb(247, 246, 243)", "dark": "rgb(20, 23, 26)"}
    assert (tmp_path / "dark.png").read_bytes() != (tmp_path / "light.png").read_bytes()
