"""A shop with three runs, a queue and hostile words in all places where words can come from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config import Config, load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.records import NewQueueRow
from monitor.store.store import Store

CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
schedule = "0 6 * * *"
timezone = "Europe/Berlin"
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

[[monitors]]
name = "new"
window = "1h"
[monitors.source]
kind = "files"
path = "data.csv"
"""
HOSTILE = "<script>alert(1)</script>\"'`\u202e\x1b[31m{{7*7}}"


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """The config, the data, and a store in which three days were run and one failed."""
    folder = tmp_path_factory.mktemp("web")
    rows = [
        f"{day}-{n},2024-01-{day:02d}T{n % 24:02d}:00:00Z,{0 if day == 13 else (n * 7 + day) % 13},"
        f"<script>alert({n % 3})</script>"
        for day in range(1, 15)
        for n in range(240)
    ]
    (folder / "data.csv").write_text("id,ts,x,label\n" + "\n".join(rows) + "\n")
    (folder / "config.toml").write_text(CONFIG)
    config = load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        shop = config.monitor("shop")
        list(pipeline.backfill(shop, datetime(2024, 1, 10, 23, tzinfo=UTC), _day(14).start))
        _spoil(store)
    return folder


def _day(number: int) -> Window:
    start = datetime(2024, 1, number - 1, 23, tzinfo=UTC)
    return Window(start, start.replace(day=number))


def _spoil(store: Store) -> None:
    store.ledger.ensure_windows("shop", [_day(14)])
    lease = store.ledger.claim("shop", _day(14), worker="w")
    assert lease is not None
    store.ledger.fail(lease, f"The source says {HOSTILE}", retry_in=None)
    row = NewQueueRow(
        row_id=HOSTILE,
        reason="random",
        reason_text=f"because {HOSTILE}",
        score=0.5,
        inclusion_probability=None,
        weight=1.0,
        push_order=0,
        data={"x": HOSTILE},
        prediction=HOSTILE,
        image=b"no picture <script>",
    )
    store.queue.add("shop", _day(11), [row])


@pytest.fixture
def config(folder) -> Config:
    return load(folder / "config.toml")


@pytest.fixture
def store(config) -> Iterator[Store]:
    with Store.open(config.store.url) as store:
        yield store
