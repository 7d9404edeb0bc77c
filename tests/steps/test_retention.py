"""What is old goes: profiles are merged, samples, reports and posted batches let go."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.profiles.types import Profile
from monitor.steps.retention import prune
from monitor.store.records import StoredRun
from monitor.store.store import Store

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CONFIG = """
{retention}
[[monitors]]
name = "shop"
window = "{window}"
[monitors.source]
{source}
[monitors.reference]
start = 2024-01-01
end = 2024-01-04
[monitors.columns]
timestamp = "ts"
"""
FILES = 'kind = "files"\npath = "data.parquet"'
INBOX = 'kind = "http"\nfolder = "inbox"'


def table(start: datetime, days: int) -> pa.Table:
    times = [start + HOUR * hour / 2 for hour in range(48 * days)]
    x = np.random.default_rng(days).normal(size=len(times))
    return pa.table({"ts": pa.array(times, pa.timestamp("us", tz="UTC")), "x": x})


def write(folder: Path, *, window: str, retention: str = "", source: str = FILES) -> Path:
    text = CONFIG.format(window=window, retention=retention, source=source)
    (folder / "config.toml").write_text(text)
    return folder / "config.toml"


Said = list[str]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Pipeline]]:
    stores: list[Store] = []

    def make(**options: str) -> Pipeline:
        config = load(write(tmp_path, **options))
        stores.append(Store.open(config.store.url, upgrade=True))
        return Pipeline(config, stores[-1], clock=lambda: START + 30 * DAY)

    yield make
    for store in stores:
        store.close()


def run_days(pipeline: Pipeline, first: int, last: int) -> list[StoredRun]:
    shop = pipeline.config.monitor("shop")
    list(pipeline.backfill(shop, START + first * DAY, START + last * DAY))
    found = [pipeline.store.runs.get("shop", r.window) for r in runs_of(pipeline)]
    return [run for run in found if run is not None]


def runs_of(pipeline: Pipeline) -> list:
    return pipeline.store.runs.summaries("shop", limit=1000)


def test_hourly_profiles_become_days_and_days_become_weeks_with_the_same_rows(tmp_path, opened):
    pq.write_table(table(START, 9), tmp_path / "data.parquet")
    pipeline = opened(window="6h", retention='[retention]\nhourly_profiles = "2d"')
    before = run_days(pipeline, 4, 8)
    rows = sum(run.rows for run in before)
    store, now = pipeline.store, START + 10 * DAY

    done = prune(store, pipeline.config, now, lambda _: None)

    days = store.periods.get("shop", "day")
    assert done.profiles == len(before) == 16
    assert [(p.window.start.day, p.windows) for p in days] == [(5, 4), (6, 4), (7, 4), (8, 4)]
    assert sum(Profile.from_bytes(day.profile).rows for day in days) == rows
    assert all(store.runs.get("shop", run.window).profile is None for run in before)
    assert all(store.runs.get("shop", run.window).document for run in before)
    assert not prune(store, pipeline.config, now, lambda _: None)

    settings = pipeline.config.retention.model_copy(update={"daily_profiles": 2 * DAY})
    config = pipeline.config.model_copy(update={"retention": settings})
    assert prune(store, config, START + 40 * DAY, lambda _: None).profiles == 4
    weeks = store.periods.get("shop", "week")
    assert store.periods.get("shop", "day") == []
    assert sum(Profile.from_bytes(week.profile).rows for week in weeks) == rows


def test_samples_and_reports_go_by_age_and_size(tmp_path, opened):
    pq.write_table(table(START, 9), tmp_path / "data.parquet")
    retention = '[retention]\nsamples = "2d"\nreports = "100d"\nreports_gb = 0.000001'
    pipeline = opened(window="1d", retention=retention)
    run_days(pipeline, 4, 8)
    pages = sorted(pipeline.config.report.folder.rglob("*.html"))
    assert len(pages) == 4
    said: Said = []

    done = prune(pipeline.store, pipeline.config, START + 60 * DAY, said.append)

    assert (done.samples, done.reports) == (4, 4)  # pages of more than a kilobyte each
    assert not any(page.exists() for page in pages)
    assert all(pipeline.store.runs.get("shop", r.window).sample is None for r in runs_of(pipeline))
    assert "4 samples, 4 reports" in said[-1]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A batch for each of nine days, in the order in which they came."""
    for number in range(9):
        path = tmp_path / "inbox" / f"{number:02}" / "batch.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(table(START + number * DAY, 1), path)
        came = (START + (number + 1) * DAY).timestamp()
        os.utime(path, (came, came))
    return tmp_path / "inbox"


def left(inbox: Path) -> list[int]:
    return sorted(int(path.parent.name) for path in inbox.glob("*/*.parquet"))


def test_batches_go_when_they_are_old_and_nobody_needs_them(inbox, opened):
    pipeline = opened(window="1d", source=INBOX, retention='[retention]\nspool = "5d"')
    said: Said = []
    assert not prune(pipeline.store, pipeline.config, START + 12 * DAY, said.append)
    assert left(inbox) == list(range(9))  # no window is known yet: all of them may be needed

    run_days(pipeline, 3, 8)
    done = prune(pipeline.store, pipeline.config, START + 12 * DAY, said.append)

    assert done.batches == 3
    assert left(inbox) == [0, 1, 2, 6, 7, 8]  # the reference's three; came less than 5 days ago
    assert "3 posted batches" in said[-1]


def test_a_window_that_is_not_done_keeps_its_batches(inbox, opened):
    pipeline = opened(window="1d", source=INBOX, retention='[retention]\nspool = "1d"')
    run_days(pipeline, 5, 8)
    fourth = Window(START + 4 * DAY, START + 5 * DAY)
    pipeline.store.ledger.ensure_windows("shop", [fourth])

    assert prune(pipeline.store, pipeline.config, START + 30 * DAY, lambda _: None).batches == 1
    assert left(inbox) == [0, 1, 2, 4, 5, 6, 7, 8]


def test_an_inbox_that_is_too_large_lets_the_first_go_and_says_what_it_has_to_keep(inbox, opened):
    retention = '[retention]\nspool = "900d"\nspool_gb = 0.0000001'
    pipeline = opened(window="1d", source=INBOX, retention=retention)
    run_days(pipeline, 3, 8)
    said: Said = []

    assert prune(pipeline.store, pipeline.config, START + 30 * DAY, said.append).batches == 5
    assert left(inbox) == [0, 1, 2, 8]  # the window of the last day is yet to come
    assert any("4 of its oldest batches stay" in line for line in said)
