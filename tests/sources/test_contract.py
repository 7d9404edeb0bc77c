"""What every source owes, whatever it reads: the same rows, windows, notes and errors."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitor.core import plugins
from monitor.core.errors import (
    ColumnNotFoundError,
    EmptySourceError,
    SourceError,
    SourceNotFoundError,
)
from monitor.core.ports import Source
from monitor.core.window import Window
from monitor.sources.readers import BATCH_ROWS

from .makers import MAKERS, Made

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 1_000
TIMES = [
    None if i % 100 == 99 else START + timedelta(hours=i // 4, minutes=13 * (i % 4), microseconds=i)
    for i in range(ROWS)
]
TABLE = pa.table(
    {
        "id": pa.array(range(ROWS)),
        "ts": pa.array(TIMES, pa.timestamp("us", "UTC")),
        "x": pa.array([None if i % 10 == 0 else i / 4 for i in range(ROWS)]),
        "c": pa.array([["low", "mïd 🙂", 'hi"gh; DROP'][i % 3] for i in range(ROWS)]),
    }
)
DAY_TWO = Window(START + timedelta(days=1), START + timedelta(days=2))
SERVICES = ("postgres", "mariadb", "s3")
HOSTILE = [
    "a.b",
    'quo"te',
    "tick`'s",
    "with space",
    "select",
    "ORDER",
    "100%",
    "%(x)s",
    ":bind",
    "a;b--c",
    "[0]",
    "{x}",
    "smile🙂",
    "ümlaut",
    "back\\slash",
    "a/b=c",
    "driftloop_row",
]

EVERY = [
    pytest.param(name, marks=pytest.mark.service) if any(s in name for s in SERVICES) else name
    for name in MAKERS
]


@pytest.fixture(params=EVERY)
def made(request, tmp_path) -> Made:
    return MAKERS[request.param](request, tmp_path)


@pytest.fixture
def source(made) -> Source:
    made.write(TABLE)
    return made.source()


def rows_of(reading) -> list[dict]:
    table = pa.Table.from_batches(list(reading.batches), reading.schema)
    return sorted(table.to_pylist(), key=lambda row: row["id"])


def kinds(reading) -> list[str]:
    return [note.kind for note in reading.notes]


def test_every_source_is_held_to_the_contract():
    covered = {name.partition(":")[0] for name in MAKERS}

    # A Spark session takes seconds to start: its source is held to it beside its engine.
    assert covered == set(plugins.names("sources")) - {"spark"}


def test_it_is_a_source_that_says_what_it_is_and_no_secret(made, source):
    assert isinstance(source, Source)
    assert source.describe()
    assert "s3cret-word" not in source.describe() + repr(made.source().options)


def test_columns_come_in_their_order_with_types_that_hold_their_values(source):
    schema = source.schema()

    assert schema.names == TABLE.schema.names
    assert schema.field("id").type == pa.int64()
    assert schema.field("x").type == pa.float64()
    assert schema.field("c").type == pa.string()


def test_all_rows_come_as_they_are(source):
    reading = source.open(timestamp="ts")

    assert rows_of(reading) == TABLE.to_pylist()
    assert reading.schema.field("ts").type == pa.timestamp("us", "UTC")


def test_batches_have_the_schema_and_a_bounded_size(source):
    reading = source.open(columns=["c", "id"])
    batches = list(reading.batches)

    assert reading.schema.names == ["c", "id"]
    assert all(batch.schema == reading.schema for batch in batches)
    assert all(0 < batch.num_rows <= BATCH_ROWS for batch in batches)
    assert sum(batch.num_rows for batch in batches) == ROWS
    assert reading.rows_hint in (None, ROWS)


def test_a_window_is_half_open_to_the_microsecond(source):
    wanted = [row for row in TABLE.to_pylist() if row["ts"]]
    first, last = wanted[40]["ts"], wanted[80]["ts"]
    window = Window(first, last)

    reading = source.open(window, timestamp="ts")

    assert rows_of(reading) == [row for row in wanted if first <= row["ts"] < last]
    after = source.open(Window(first + timedelta(microseconds=1), last), timestamp="ts")
    assert [row["id"] for row in rows_of(after)][:1] == [wanted[41]["id"]]


def test_windows_tile_the_rows_that_have_a_time(source):
    days = [START + timedelta(days=day) for day in range(12)]

    ids = [
        row["id"]
        for start, end in itertools.pairwise(days)
        for row in rows_of(source.open(Window(start, end), timestamp="ts", columns=["id"]))
    ]

    assert ids == [row["id"] for row in TABLE.to_pylist() if row["ts"]]


def test_rows_without_a_time_are_in_no_window_and_counted(source):
    reading = source.open(DAY_TWO, timestamp="ts", columns=["id"])
    found = rows_of(reading)
    note = next(note for note in reading.notes if note.kind == "time_missing")

    assert found
    assert (note.column, note.count) == ("ts", sum(time is None for time in TIMES))


def test_a_window_without_rows_is_no_error(source):
    far = Window(START + timedelta(days=400), START + timedelta(days=401))

    reading = source.open(far, timestamp="ts")

    assert list(reading.batches) == []
    assert source.sample(10, window=far, timestamp="ts").num_rows == 0


def test_a_sample_is_spread_over_the_rows(source):
    whole = source.sample(100)
    part = source.sample(20, window=DAY_TWO, timestamp="ts")

    ids = whole["id"].to_pylist()
    assert 50 <= len(ids) <= 100
    assert len(set(ids)) == len(ids)
    assert max(ids) - min(ids) > 0.8 * ROWS
    known = {row["id"]: row for row in TABLE.to_pylist()}
    assert 10 <= part.num_rows <= 20
    assert all(known[row["id"]] == row for row in part.to_pylist())
    assert pc.all(pc.greater_equal(part["ts"], pa.scalar(DAY_TWO.start))).as_py()
    assert source.sample(10 * ROWS).num_rows == ROWS


def test_the_extent_is_exact(source):
    window, rows = source.extent("ts")
    times = [time for time in TIMES if time]

    assert window == Window(min(times), max(times) + timedelta(microseconds=1))
    assert rows == ROWS


def test_it_can_be_read_again_and_given_up(source):
    started = source.open(timestamp="ts")
    next(started.batches)
    started.batches.close()

    assert rows_of(source.open(timestamp="ts")) == rows_of(source.open(timestamp="ts"))


def test_an_unknown_column_is_an_error_that_names_it(source):
    with pytest.raises(ColumnNotFoundError, match="'idd'"):
        source.open(columns=["idd"])
    with pytest.raises(ColumnNotFoundError, match="'when'"):
        source.open(DAY_TWO, timestamp="when")
    with pytest.raises(SourceError, match="timestamp"):
        source.open(DAY_TWO)


def test_what_is_not_there_is_an_error_that_says_so(made):
    made.write(TABLE.slice(0, 3))
    there = {**made.options, **made.not_there}

    with pytest.raises(SourceNotFoundError) as caught:
        type(made)(made.kind, made.write, there, made.base, {}).source().schema()

    assert str(caught.value).endswith(".")
    assert "s3cret-word" not in str(caught.value)


def test_not_one_row_is_an_error_that_says_so(made):
    made.write(TABLE.slice(0, 0))

    with pytest.raises(EmptySourceError, match="not one row"):
        list(made.source().open().batches)


def test_hostile_names_of_columns_work(made):
    names = [*(name for name in HOSTILE if name not in made.refused), "n" * made.longest]
    columns = {name: pa.array([i + k / 2 for i in range(8)]) for k, name in enumerate(names)}
    table = pa.table({"id": pa.array(range(8)), "t.s \"'": TABLE["ts"].slice(0, 8), **columns})
    made.write(table)
    source = made.source()
    window = Window(START, START + timedelta(hours=1))

    whole = rows_of(source.open(timestamp="t.s \"'"))
    part = rows_of(source.open(window, timestamp="t.s \"'", columns=["id", names[0], names[-1]]))

    assert source.schema().names == table.column_names
    assert whole == table.to_pylist()
    assert part == table.select(["id", names[0], names[-1]]).slice(0, 4).to_pylist()
    assert source.sample(5, window=window, timestamp="t.s \"'").num_rows == 4
    assert source.extent("t.s \"'")[1] == 8


def test_rows_that_come_later_are_seen(made):
    made.write(TABLE.slice(500))
    made.source().open(DAY_TWO, timestamp="ts")

    made.write(TABLE.slice(0, 500))

    assert rows_of(made.source().open(timestamp="ts")) == TABLE.to_pylist()


def test_the_schema_of_a_window_is_that_of_the_whole(source):
    reading = source.open(DAY_TWO, timestamp="ts", columns=["x", "c"])

    assert reading.schema == pa.schema([("x", pa.float64()), reading.schema.field("c")])
    assert reading.schema.field("c").type in (pa.string(), pa.dictionary(pa.int32(), pa.string()))
