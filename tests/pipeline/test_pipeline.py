"""The one run, on a real store: whole or not at all, and the same when it is done again."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import reports
from monitor.config import load
from monitor.core.errors import ConfigError, SourceError, UsageError
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store

CONFIG = """
[[alerts]]
kind = "mail"
folder = "mails"
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-15
[monitors.columns]
timestamp = "ts"
id = "id"
label = "y"
prediction = "p"
score = "s"
segments = ["region"]
[[monitors.rules]]
column = "x"
min = -100
[monitors.queue]
budget = 10
"""
START = datetime(2024, 1, 1, tzinfo=UTC)


def write_day(folder: Path, day: int, *, shift: float = 0.0, rows: int = 400) -> None:
    rng = np.random.default_rng(day)
    score = rng.random(rows)
    micros = np.sort(rng.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    start = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
    table = pa.table(
        {
            "id": [f"{day}-{n}" for n in range(rows)],
            "ts": pa.array(start + micros, pa.timestamp("us", tz="UTC")),
            "x": rng.normal(shift, 1, rows),
            "region": rng.choice(["north", "south"], rows),
            "s": score,
            "p": score > 0.5,
            "y": rng.random(rows) < score,
        }
    )
    (folder / "days").mkdir(exist_ok=True)
    pq.write_table(table, folder / "days" / f"{day:03d}.parquet")


def window(day: int) -> Window:
    return Window(START + timedelta(days=day), START + timedelta(days=day + 1))


@pytest.fixture
def pipeline(tmp_path):
    for day in range(18):
        write_day(tmp_path, day, shift=1.0 if day == 17 else 0.0)
    (tmp_path / "config.toml").write_text(CONFIG)
    config = load(tmp_path / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        yield Pipeline(config, store)


def shop(pipeline: Pipeline):
    return pipeline.config.monitor("shop")


def test_a_shift_is_alarmed_in_its_first_window_and_mailed_once(pipeline):
    documents = list(pipeline.backfill(shop(pipeline), window(15).start, window(17).end))

    assert [[alarm["key"] for alarm in one["alarms"]] for one in documents[:2]] == [[], []]
    assert ("column:x", "opened") in {(a["key"], a["state"]) for a in documents[2]["alarms"]}
    assert pipeline.deliver().sent == 1
    again = pipeline.run(shop(pipeline), window(17))
    assert again["alarms"] == documents[2]["alarms"]
    assert pipeline.deliver().sent == 0
    assert len(list((pipeline.config.base / "mails").glob("*.eml"))) == 1


def test_the_same_window_again_is_the_same_document_and_queues_nothing_twice(pipeline):
    first = pipeline.run(shop(pipeline), window(15))
    again = pipeline.run(shop(pipeline), window(15))

    assert again["findings"] == first["findings"]
    assert first["queue"]["added"] == 10
    assert sum(pipeline.store.queue.counts("shop").values()) == 10


def test_a_backfill_that_was_stopped_goes_on(pipeline):
    backfill = pipeline.backfill(shop(pipeline), window(15).start, window(17).end)
    next(backfill)
    backfill.close()
    list(pipeline.backfill(shop(pipeline), window(15).start, window(17).end))

    entries = pipeline.store.ledger.entries("shop")
    assert [(entry.state, entry.attempts) for entry in entries] == [("done", 1)] * 3


def test_a_stored_run_is_drawn_again_without_the_data(pipeline):
    document = pipeline.run(shop(pipeline), window(17))
    for file in (pipeline.config.base / "days").glob("*"):
        file.unlink()

    shown, of = pipeline.redraw(shop(pipeline))

    assert of == window(17)
    assert reports.render(shown) == Path(document["report"]).read_text()


def test_a_window_without_rows_is_an_event_and_no_crash(pipeline):
    document = pipeline.run(shop(pipeline), window(30))

    assert document["rows"]["current"] == 0
    assert "volume:rows" in {alarm["key"] for alarm in document["alarms"]}


def test_a_source_that_breaks_fails_the_window_whole_and_it_is_tried_again(pipeline):
    pipeline.run(shop(pipeline), window(15))
    place = pipeline.config.base / "days" / "016.parquet"
    content = place.read_bytes()
    place.write_bytes(content[: len(content) // 2])

    with pytest.raises(SourceError, match=r"016\.parquet"):
        pipeline.run(shop(pipeline), window(16))

    entry = pipeline.store.ledger.entry("shop", window(16))
    assert entry is not None
    assert entry.state == "failed"
    assert entry.retry_at is not None
    assert pipeline.store.runs.get("shop", window(16)) is None
    place.write_bytes(content)
    assert pipeline.run(shop(pipeline), window(16))["rows"]["current"] == 400


def test_a_window_that_another_worker_runs_is_refused(pipeline):
    chosen = window(15)
    pipeline.store.ledger.ensure_windows("shop", [chosen])
    assert pipeline.store.ledger.claim("shop", chosen, worker="another") is not None

    with pytest.raises(UsageError, match="Another worker"):
        pipeline.run(shop(pipeline), chosen)


def test_the_newest_window_is_the_one_of_the_last_rows(pipeline):
    assert pipeline.newest_window(shop(pipeline)) == window(17)


def test_every_number_of_a_document_is_finite(pipeline):
    document = pipeline.run(shop(pipeline), window(15))

    def numbers(value):
        if isinstance(value, dict):
            for part in value.values():
                yield from numbers(part)
        elif isinstance(value, list):
            for part in value:
                yield from numbers(part)
        elif isinstance(value, float):
            yield value

    assert all(math.isfinite(number) for number in numbers(document))


def test_without_a_reference_the_first_windows_are_it_until_there_are_six(pipeline):
    text = CONFIG.replace("[monitors.reference]\nstart = 2024-01-01\nend = 2024-01-15\n", "")
    path = pipeline.config.base / "learning.toml"
    path.write_text(text)
    learning = Pipeline(load(path), pipeline.store)
    documents = list(learning.backfill(shop(learning), window(1).start, window(17).end))

    assert [one["rows"]["reference"] for one in documents] == [
        400 * min(day, 6) for day in range(1, 18)
    ]
    assert {d for d, one in enumerate(documents, 1) if one["alarms"]} == {17}
    view, _ = learning.redraw(shop(learning), window(3))
    assert any("the first 3 windows are it so far" in note.text for note in view.notes)
    with pytest.raises(UsageError, match="nothing to compare it with"):
        learning.run(shop(learning), window(0))


def test_without_a_reference_and_a_timestamp_there_is_nothing_to_compare_with(pipeline):
    text = CONFIG.replace("[monitors.reference]\nstart = 2024-01-01\nend = 2024-01-15\n", "")
    path = pipeline.config.base / "timeless.toml"
    path.write_text(text.replace('timestamp = "ts"\n', ""))
    timeless = Pipeline(load(path), pipeline.store)

    with pytest.raises(ConfigError, match=r"neither a .* nor a timestamp"):
        timeless.run(shop(timeless), window(3))
