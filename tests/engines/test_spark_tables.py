"""Tables, queries and paths that Spark reads, as a source for any engine."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest

from monitor.core import cluster
from monitor.core.columns import Roles
from monitor.core.errors import EmptySourceError, SourceNotFoundError, UnreadableSourceError
from monitor.core.window import Window
from monitor.engines.local import Local
from monitor.engines.spark import Spark
from monitor.profiles.split import ByOrder
from monitor.sources.files import Files
from monitor.sources.spark import SparkTable
from tests.profiles.tables import assert_same, plan_of

pytestmark = pytest.mark.service

ROWS = 1000
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HOURS = np.datetime64("2024-01-01", "us") + np.arange(ROWS) * np.timedelta64(1, "h")
TABLE = pa.table(
    {
        "id": np.arange(ROWS),
        "ts": pa.array(HOURS).cast(pa.timestamp("us", "UTC")),
        "naive": pa.array(HOURS),
        "day": pa.array(HOURS.astype("datetime64[D]")),
        "text": np.datetime_as_string(HOURS, "s"),
        "seconds": HOURS.astype("datetime64[s]").astype(np.int64),
        "a.b `c`": np.random.default_rng(0).normal(size=ROWS),
    }
)
WEEK = Window(START + dt.timedelta(days=7), START + dt.timedelta(days=14))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("rows")
    pq.write_table(TABLE, place / "x.parquet", row_group_size=100)
    return place


@pytest.fixture(scope="module")
def view(spark, folder) -> str:
    cluster.session(spark).read.parquet(str(folder)).createOrReplaceTempView("hours")
    return "hours"


def source(**options: object) -> SparkTable:
    return SparkTable(SparkTable.Options(**options))


@pytest.mark.parametrize(
    ("column", "unit"),
    [("ts", None), ("naive", None), ("day", None), ("text", None), ("seconds", "s")],
)
def test_a_window_by_any_kind_of_time_is_that_of_files(spark, view, folder, column, unit):
    table = source(table=view, timestamp_unit=unit)
    known = Files(Files.Options(path=str(folder), timestamp_unit=unit))
    plan = plan_of(known.sample(500, timestamp=column), Roles(id="id", timestamp=column))
    one, two = (place.open(WEEK, timestamp=column) for place in (table, known))

    found = Spark().profile(one, plan, window=WEEK)

    assert found.rows == 168
    assert_same(found, Local().profile(two, plan, window=WEEK))
    assert one.notes == two.notes
    assert table.extent(column) == known.extent(column)


def test_a_window_is_pushed_down_to_the_files(spark, folder, capfd):
    reading = source(path=str(folder)).open(WEEK, timestamp="ts", columns=["id"])
    frame = reading.spread(None).frame(lambda: None)

    plan = frame._jdf.queryExecution().executedPlan().toString()

    assert "PushedFilters: [Or(And(GreaterThanOrEqual(ts,2024-01-08" in plan
    assert "ReadSchema: struct<id:bigint,ts:timestamp>" in plan


def test_rows_are_streamed_to_the_local_engine(spark, view, folder):
    known = Files(Files.Options(path=str(folder)))
    table = source(query=f"select * from {view} where id >= 0")
    plan = plan_of(TABLE.slice(0, 500), Roles(id="id", timestamp="ts"))

    assert table.schema().names == known.schema().names
    found = Local().profile(table.open(timestamp="ts"), plan)
    assert_same(found, Local().profile(known.open(timestamp="ts"), plan))


def test_a_sample_is_spread_over_all_rows_and_repeats(spark, view):
    one, two = (source(table=view).sample(100, timestamp="ts") for _ in range(2))

    assert one.equals(two)
    assert 60 <= one.num_rows <= 100
    assert one["id"].to_pylist()[-1] > 0.9 * ROWS
    inside = source(table=view).sample(1000, window=WEEK, timestamp="ts")
    assert inside.num_rows == 168


def test_blocks_in_the_order_of_the_partitions(spark, view):
    plan = plan_of(TABLE.slice(0, 500), Roles(id="id"))

    parts = Spark().profile_split(source(table=view).open(), plan, ByOrder(lo=4, hi=4))

    assert [part.rows for part in parts] == [250] * 4
    assert [part.columns["seconds"].minimum for part in parts] == sorted(
        part.columns["seconds"].minimum for part in parts
    )


def test_what_arrow_has_no_type_for_is_read_as_text(spark):
    table = source(query="select 1 as x, make_interval(1, 2) as odd, parse_json('{}') as loose")

    assert table.open(columns=["odd"]).schema.types == [pa.string()]
    assert next(table.open(columns=["odd"]).batches)["odd"].to_pylist() == ["1 years 2 months"]


def test_a_table_that_is_not_there_is_one_clear_error(spark):
    with pytest.raises(
        SourceNotFoundError, match=r"Spark table no\.such cannot be read: .*cannot be found"
    ):
        source(table="no.such").schema()


def test_a_query_that_is_none_is_one_clear_error_that_does_not_repeat_it(spark):
    with pytest.raises(UnreadableSourceError, match="Spark query cannot be read") as caught:
        source(query="selekt 1").schema()

    assert "\n" not in str(caught.value)


def test_an_empty_table_is_refused(spark, view):
    with pytest.raises(EmptySourceError, match="not one row in Spark query"):
        source(query=f"select * from {view} where id < 0").schema()


@pytest.mark.parametrize(
    "options",
    [{}, {"table": "a", "query": "b"}, {"path": []}, {"table": "a", "master": "x", "remote": "y"}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(pydantic.ValidationError, match="name"):
        source(**options)
