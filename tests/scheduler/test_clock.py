"""The clock on a real store and real data."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import monitor
from monitor.config import load
from monitor.pipeline import Pipeline
from monitor.scheduler.clock import Clock, start
from monitor.store.store import Store

DEMO = Path(monitor.__file__).parent / "demo"
CONFIG = """
[[alerts]]
kind = "mail"
folder = "mails"

[[monitors]]
name = "fashion"
schedule = "0 6 * * mon"
{source}
[monitors.reference]
kind = "files"
path = "data/fashion/reference.parquet"
blocks = 7
[monitors.columns]
timestamp = "ts"
id = "id"
prediction = "pred"
embeddings = ["embedding"]
images = ["image"]
[monitors.queue]
budget = 5
"""
SOURCE = '[monitors.source]\nkind = "files"\npath = "data/fashion/weeks/*.parquet"\n'


@pytest.fixture
def folder(tmp_path) -> Path:
    shutil.copytree(DEMO / "data" / "fashion", tmp_path / "data" / "fashion")
    (tmp_path / "config.toml").write_text(CONFIG.format(source=SOURCE))
    return tmp_path


def clock_at(folder: Path, now: datetime, said: list[str]) -> tuple[Clock, Store]:
    config = load(folder / "config.toml")
    store = Store.open(config.store.url, upgrade=True)
    return Clock(Pipeline(config, store, clock=lambda: now), said.append), store


def test_it_runs_what_is_due_once_and_the_next_week_when_that_is_due(folder):
    said: list[str] = []
    monday = datetime(2024, 1, 22, 6, 1, tzinfo=UTC)
    clock, store = clock_at(folder, monday, said)
    with store:
        assert clock.tick() == 2  # the weeks of 8 and 15 January
        assert clock.tick() == 0
        clock.pipeline.clock = lambda: monday + timedelta(days=7)
        assert clock.tick() == 1
        entries = store.ledger.entries("fashion")
    assert [entry.state for entry in entries] == ["done"] * 3
    assert [entry.attempts for entry in entries] == [1, 1, 1]


def test_a_second_clock_on_the_same_store_runs_nothing_again(folder):
    now = datetime(2024, 1, 16, tzinfo=UTC)
    first, store = clock_at(folder, now, [])
    second, other = clock_at(folder, now, [])
    with store, other:
        assert [first.tick(), second.tick()] == [1, 0]


def test_a_monitor_that_fails_is_said_and_does_not_stop_the_others(folder):
    broken = CONFIG.format(source='[monitors.source]\nkind = "files"\npath = "gone/*.parquet"\n')
    broken = broken.replace('"fashion"', '"broken"').split("[[monitors]]")[1]
    with (folder / "config.toml").open("a") as file:
        file.write("[[monitors]]" + broken)
    said: list[str] = []
    clock, store = clock_at(folder, datetime(2024, 1, 16, tzinfo=UTC), said)
    with store:
        assert clock.tick() == 1
    assert any(line.startswith("broken: ") and "gone" in line for line in said)
    assert not any("Traceback" in line for line in said)


def test_it_ticks_by_itself_and_stops(folder):
    said: list[str] = []
    clock, store = clock_at(folder, datetime(2024, 1, 16, tzinfo=UTC), said)
    with store:
        scheduler = start(clock, seconds=3600)
        for _ in range(600):
            if any(" done, " in line for line in said):
                break
            clock.stopping.wait(0.1)
        clock.stopping.set()
        scheduler.shutdown(wait=True)
    assert any("fashion: " in line and " done, " in line for line in said)
