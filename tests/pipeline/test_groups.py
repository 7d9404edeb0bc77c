"""Columns once more in the largest groups, on a real store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store

CONFIG = """
[[monitors]]
name = "flights"
window = "1d"
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-21
[monitors.columns]
timestamp = "ts"
id = "id"
segments = ["carrier"]
[monitors.queue]
budget = 0
"""
START = datetime(2024, 1, 1, tzinfo=UTC)


def table(day: int, rows: int = 1000) -> pa.Table:
    """On day 22 carrier C alone is late; on day 23 all are."""
    rng = np.random.default_rng(day)
    micros = np.sort(rng.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    start = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
    carrier = rng.choice(["A", "B", "C", "tiny"], rows, p=[0.6, 0.28, 0.1, 0.02])
    late = np.where((carrier == "C") & (day == 22), 1.5, 1.0 if day == 23 else 0.0)
    return pa.table(
        {
            "id": [f"{day}-{n}" for n in range(rows)],
            "ts": pa.array(start + micros, pa.timestamp("us", tz="UTC")),
            "carrier": carrier,
            "delay": rng.normal(late, 1.0),
            "kind": rng.choice(["x", "y"], rows),
        }
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("groups")
    (folder / "days").mkdir()
    for day in range(24):
        pq.write_table(table(day), folder / "days" / f"{day:03d}.parquet")
    (folder / "config.toml").write_text(CONFIG)
    return folder


@pytest.fixture
def pipeline(folder, tmp_path):
    text = CONFIG.replace("days/*", f"{folder}/days/*")
    (tmp_path / "config.toml").write_text(text)
    config = load(tmp_path / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        yield Pipeline(config, store)


def run(pipeline: Pipeline, first: int, last: int) -> list[dict]:
    monitor = pipeline.config.monitor("flights")
    days = Window(START + timedelta(days=first), START + timedelta(days=last + 1))
    return list(pipeline.backfill(monitor, days.start, days.end))


def told(document: dict) -> list[tuple[str, str]]:
    return [
        (finding["segment"], finding["column"])
        for finding in document["findings"]
        if finding["check"] == "drift.segment" and finding["drifted"]
    ]


def test_a_change_in_one_group_is_told_of_the_group(pipeline):
    quiet, one = run(pipeline, 21, 22)

    assert told(quiet) == []
    (summary,) = [f for f in quiet["findings"] if f["statistic"] == "drifted_in_groups"]
    assert "None of 6 columns in groups differs" in summary["message"]
    assert ("carrier=C", "delay") in told(one)
    keys = {alarm["key"]: alarm["title"] for alarm in one["alarms"]}
    assert "segment:carrier=C/delay" in keys
    assert "delay: Where carrier=C: values moved up" in keys[
        "segment:carrier=C/delay"
    ]  # fmt: skip


def test_groups_of_a_column_that_differs_are_told_with_it(pipeline):
    run(pipeline, 21, 21)
    (document,) = run(pipeline, 23, 23)
    shown, _ = pipeline.redraw(pipeline.config.monitor("flights"))

    assert {key for key, _ in told(document)} >= {"carrier=A", "carrier=B"}
    assert [alarm.key for alarm in shown.alarms] == ["column:delay"]
    assert any(sentence.startswith("So in groups: ") for sentence in shown.alarms[0].what)


def test_small_groups_and_the_segment_itself_are_not_judged(pipeline):
    run(pipeline, 21, 21)
    monitor = pipeline.config.monitor("flights")
    (baseline,) = pipeline.references.known.values()

    names = {one.name for one in baseline.groups.series}
    assert names == {
        f"segment:carrier={level}/{column}" for level in "ABC" for column in ("delay", "kind")
    }
    another = Pipeline(pipeline.config, pipeline.store)  # reads the reference from the store
    shown, _ = another.redraw(monitor)
    assert shown.alarms == ()
    (restored,) = another.references.known.values()
    assert restored.groups.series == baseline.groups.series


def test_the_check_can_be_switched_off(pipeline, tmp_path):
    text = (tmp_path / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text + '[monitors.checks]\noff = ["drift.segment"]\n')
    another = Pipeline(load(tmp_path / "config.toml"), pipeline.store)
    (document,) = run(another, 22, 22)

    assert not [f for f in document["findings"] if f["check"] == "drift.segment"]
