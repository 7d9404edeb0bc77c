"""What the documents promise about files is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import monitor
from monitor.config import load

ROOT = Path(monitor.__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    broken = [link for link in links if not (page.parent / link).exists()]

    assert not broken


@pytest.mark.parametrize("picture", ["flights", "fashion", "queue"])
def test_pictures_stay_small(picture: str):
    assert (ROOT / "docs" / "images" / f"report-{picture}.png").stat().st_size <= 300_000


def test_every_decision_is_in_the_list():
    folder = ROOT / "docs" / "decisions"
    listed = LINK.findall((folder / "README.md").read_text())

    assert sorted(listed) == sorted(page.name for page in folder.glob("0*.md"))


def test_the_text_of_the_licence_that_asks_for_it_travels_with_the_data():
    text = (ROOT / "monitor" / "demo" / "data" / "LICENSE-fashion-mnist.txt").read_text()

    assert "Copyright © 2017 Zalando SE" in text
    assert "shall be included in all copies" in text


def test_the_config_in_the_readme_loads(tmp_path: Path):
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "config.toml").write_text(blocks[0])

    assert len(blocks) == 1
    assert load(tmp_path / "config.toml").monitors[0].queue.budget == 50
