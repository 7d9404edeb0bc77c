"""Weekends and holidays of a daily monitor, from files to alarms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store

CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-02-12
[monitors.season]
holidays = [2024-02-14]
[monitors.columns]
timestamp = "ts"
[monitors.queue]
budget = 0
"""
START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday


def write_day(folder, day, shift):
    rng = np.random.default_rng(day)
    micros = np.sort(rng.integers(0, 86_400_000_000, 1000)).astype("timedelta64[us]")
    start = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
    table = pa.table(
        {
            "ts": pa.array(start + micros, pa.timestamp("us", tz="UTC")),
            "basket": rng.normal(10 + shift, 1, 1000),
        }
    )
    pq.write_table(table, folder / f"{day:03d}.parquet")


def test_a_weekend_is_expected_a_holiday_stands_aside_and_a_weekday_like_a_weekend_is_told(
    tmp_path,
):
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "days").mkdir()
    for day in range(51):
        weekend = day % 7 >= 5 or day == 50  # a Tuesday
        write_day(tmp_path / "days", day, 5.0 if day == 44 else 0.8 * weekend)
    config = load(tmp_path / "config.toml")
    with Store.open(f"sqlite:///{tmp_path}/store.db", upgrade=True) as store:
        pipeline = Pipeline(config, store)
        monitor = config.monitor("shop")
        told = {}
        for day in (42, 43, 44, 47, 50):
            start = START + timedelta(days=day)
            window = Window(start, start + timedelta(days=1))
            told[day] = [a["key"] for a in pipeline.run(monitor, window)["alarms"]]
        view, _ = pipeline.redraw(monitor, Window(START + timedelta(44), START + timedelta(45)))
    words = [note.text for note in view.notes]

    assert told == {42: [], 43: [], 44: [], 47: [], 50: ["column:basket"]}
    assert any("14 February is a holiday" in text for text in words)
    assert any("A yearly season is unknown: the reference has seen weeks 1-6" in t for t in words)
