"""What a sample decoded whole is handed to the pass that follows, and to that alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.core.window import Window
from monitor.sources import batches, files
from monitor.sources.batches import Kept, Thinner
from monitor.sources.files import Files
from monitor.sources.readers import Request

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY_TWO = Window(START + timedelta(days=1), START + timedelta(days=2))
TABLE = pa.table(
    {
        "x": np.arange(500.0),
        "c": pa.array([["low", "mid", "high"][i % 3] for i in range(500)]),
        "ts": pa.array([START + timedelta(hours=i) for i in range(500)], pa.timestamp("us", "UTC")),
    }
)


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        pq.write_table(TABLE.slice(number * 150, 200), tmp_path / f"{number}.parquet")
    return tmp_path


def source(folder) -> Files:
    return Files(Files.Options(path=str(folder)))


def read(opened: Files, **asked) -> list[pa.RecordBatch]:
    return list(opened.open(**asked).batches)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"columns": ["c"]},
        {"columns": ["x"], "window": DAY_TWO, "timestamp": "ts"},
    ],
)
def test_rows_are_the_same_whether_a_sample_was_taken_before_or_not(folder, asked):
    sampled = source(folder)
    first, again = sampled.sample(100), sampled.sample(100)

    assert first.equals(again)
    assert read(sampled, **asked) == read(source(folder), **asked)
    assert read(sampled, **asked) == read(source(folder), **asked), "the second pass reads anew"


def test_a_pass_after_a_sample_decodes_nothing_and_lets_the_batches_go(folder, monkeypatch):
    opened = source(folder)
    opened.sample(100)
    monkeypatch.setattr(files.Part, "batches", None)  # calling it would fail

    reading = opened.open()

    assert sum(batch.num_rows for batch in reading.batches) == 600
    assert not opened._kept


def test_what_does_not_fit_is_read_again(folder, monkeypatch):
    monkeypatch.setattr(files, "KEPT_BYTES", 5_000)
    opened = source(folder)
    opened.sample(100)

    assert sum(kept.size <= kept.room for kept in opened._kept.values()) == 1
    assert read(opened) == read(source(folder))


def test_rows_that_changed_since_are_read_again(folder):
    opened = source(folder)
    opened.sample(100)
    pq.write_table(TABLE.slice(300, 200), folder / "0.parquet")

    assert read(opened) == read(source(folder))


def test_other_encodings_are_read_again():
    kept = Kept(Request(["x", "c"], categories=frozenset({"c"})), batches.KEPT_BYTES)
    list(kept.watched(TABLE.to_batches()))

    assert kept.serves(Request(["x", "c"], categories=frozenset({"c"})), 500)
    assert kept.serves(Request(["x"]), 500)
    assert not kept.serves(Request(["x", "c"]), 500)
    assert not kept.serves(Request(["x", "ts"]), 500)
    assert not kept.serves(Request(["x"]), 501)


@pytest.mark.parametrize("rows", [1, 30, 249, 250, 251, 499, 500, 900])
def test_a_length_that_is_known_changes_no_sample(rows):
    known, unknown = Thinner(rows, expected=500), Thinner(rows)
    for thinner in (known, unknown):
        for start in range(0, 500, 90):
            thinner.add(TABLE.slice(start, 90).to_batches()[0])

    assert pa.Table.from_batches(known.batches()) == pa.Table.from_batches(unknown.batches())
