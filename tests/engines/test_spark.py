"""The Spark engine: real executors, and the numbers of the local engine."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pydantic
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from monitor.core.columns import Roles
from monitor.core.errors import ConfigError, EngineError
from monitor.core.ports import Reading
from monitor.core.window import Window
from monitor.engines.local import Local
from monitor.engines.spark import Spark
from monitor.profiles.rules import Rule
from monitor.profiles.split import ByOrder, ByTime
from monitor.profiles.types import Profile
from monitor.sources.files import Files
from monitor.sources.spark import SparkTable
from monitor.steps import labels as later
from monitor.steps.clustered import ClusterMember
from monitor.steps.shared import MemberSource, SharedRows
from tests.profiles.tables import ROLES, assert_same, mixed, plan_of

pytestmark = pytest.mark.service

ROWS = 1500
START = dt.datetime(2023, 11, 14, tzinfo=dt.UTC)
DAYS = tuple(
    Window(START + dt.timedelta(days=d), START + dt.timedelta(days=d + 1)) for d in range(4)
)
RULES = (
    Rule("positive", "range", "amount", min=0),
    Rule("once", "unique", "id"),
    Rule("sum", "expression", expression="amount + count > 10 or sex == 'f'"),
)


def hostile(rows: int) -> pa.Table:
    """Rows of every kind, under names that break naive SQL."""
    table = mixed(rows - 20)
    table = pa.concat_tables([table, table.slice(0, 20)])  # 20 ids occur twice
    rng = np.random.default_rng(5)
    naive = np.datetime64("2023-01-01", "us") + rng.integers(0, 10**12, rows).astype(
        "timedelta64[us]"
    )
    return (
        table.append_column("we.ird `name` \"of\" 'a' 🙂; --", pa.array(rng.normal(size=rows)))
        .append_column("Amount", pa.array(rng.integers(0, 5, rows)))  # beside "amount"
        .append_column(
            "select", pa.array([Decimal(int(n)) / 100 for n in rng.integers(0, 900, rows)])
        )
        .append_column("local time", pa.array(naive))
        .append_column("day", pa.array(naive.astype("datetime64[D]")))
        .append_column("nothing", pa.nulls(rows, pa.string()))
    )


TABLE = hostile(ROWS)
PLAN = plan_of(TABLE, ROLES, rules=RULES, sample_size=400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of several row groups; the second holds no row."""
    place = tmp_path_factory.mktemp("rows")
    pq.write_table(TABLE.slice(0, 600), place / "1.parquet", row_group_size=130)
    pq.write_table(TABLE.slice(0, 0), place / "2.parquet")
    pq.write_table(TABLE.slice(600), place / "3.parquet", row_group_size=170)
    return place


def files(place: Path) -> Files:
    return Files(Files.Options(path=str(place)))


def reading(place: Path, window: Window | None = None) -> Reading:
    return files(place).open(window, timestamp="ts")


def engine(**options: object) -> Spark:
    return Spark(Spark.Options(**options))


@functools.cache
def alone(place: Path) -> Profile:
    return Local().profile(reading(place), PLAN)


#: A job takes a second and more: few examples, and none to find a smaller one.
few = functools.partial(
    settings,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


@few(max_examples=3)
@given(st.integers(1, 9), st.integers(2, 4))
def test_the_profile_is_that_of_the_local_engine(spark, folder, partitions, fan_in):
    found = engine(partitions=partitions, fan_in=fan_in).profile(reading(folder), PLAN)

    assert_same(found, alone(folder))
    assert found.types == alone(folder).types
    assert found.errors == alone(folder).errors
    assert found.rules["once"].broken == 40
    assert found.columns["vector.novelty"].rows == alone(folder).columns["vector.novelty"].rows


@few(max_examples=2)
@given(st.none() | st.integers(1, 12))
def test_what_spark_reads_has_the_same_profile(spark, folder, partitions):
    source = SparkTable(SparkTable.Options(path=str(folder)))

    found = engine(partitions=partitions).profile(source.open(timestamp="ts"), PLAN)

    assert_same(found, alone(folder))


@pytest.mark.parametrize("partitions", [1, 4])
def test_windows_of_a_reference_are_those_of_the_local_engine(spark, folder, partitions):
    how = ByTime(DAYS, "ts")
    found = engine(partitions=partitions).profile_split(reading(folder), PLAN, how)
    wanted = Local().profile_split(reading(folder), PLAN, how)

    assert [part.rows for part in found] == [part.rows for part in wanted]
    assert found[0].late == wanted[0].late > 0
    for part, other in zip(found, wanted, strict=True):
        assert_same(part, other)


@pytest.mark.parametrize("window", [None, Window(DAYS[1].start, DAYS[3].end)])
def test_blocks_in_file_order_are_those_of_the_local_engine(spark, folder, window):
    how = ByOrder(lo=3, hi=3)
    found = engine(partitions=4).profile_split(reading(folder, window), PLAN, how)
    wanted = Local().profile_split(reading(folder, window), PLAN, how)

    assert len(found) == 3
    for part, other in zip(found, wanted, strict=True):
        assert_same(part, other)


def test_a_window_is_cut_out_and_what_was_seen_comes_back(spark, folder, tmp_path):
    rows = TABLE.slice(0, 300)
    gone = pa.array(
        [None if at % 50 == 0 else value for at, value in enumerate(rows["ts"].to_pylist())]
    )
    column = gone.cast(pa.timestamp("us"))
    pq.write_table(rows.set_column(1, "ts", column), tmp_path / "x.parquet", row_group_size=60)
    window = DAYS[2]
    one, two = reading(tmp_path, window), reading(tmp_path, window)

    found = engine(partitions=3).profile(one, PLAN, window=window)
    wanted = Local().profile(two, PLAN, window=window)

    assert_same(found, wanted)
    assert 0 < found.rows < 300
    assert one.notes == two.notes
    assert {note.kind for note in one.notes} >= {"time_missing", "time_without_zone"}


def test_a_window_without_rows_is_a_profile_of_no_rows(spark, folder):
    window = Window(START - dt.timedelta(days=400), START - dt.timedelta(days=399))

    found = engine().profile(reading(folder, window), PLAN, window=window)

    assert found.rows == 0
    assert found.absent == frozenset()
    assert_same(found, Local().profile(reading(folder, window), PLAN, window=window))


def test_csv_is_read_by_the_executors_with_its_dialect(spark, tmp_path):
    rows = TABLE.select(["id", "ts", "amount", "city"])
    options = pacsv.WriteOptions(delimiter=";")
    for number in range(3):
        pacsv.write_csv(rows.slice(500 * number, 500), tmp_path / f"{number}.csv", options)
    (tmp_path / "3.csv").write_text('"id";"ts";"amount";"city"\n1;2\n')
    plan = plan_of(rows, Roles(id="id", timestamp="ts"))
    one, two = reading(tmp_path), reading(tmp_path)

    assert_same(engine(partitions=3).profile(one, plan), Local().profile(two, plan))
    assert one.notes == two.notes
    assert "unparsable_rows" in {note.kind for note in one.notes}


def test_labels_from_elsewhere_are_joined_on_the_executors(spark, folder):
    ids = TABLE["id"].combine_chunks().cast(pa.string()).unique()
    values = pa.array(np.arange(len(ids)) % 2)
    known = later.Labels("label", "id", ids, values, repeated=0)
    one, two = (later.join(reading(folder), known) for _ in range(2))

    assert_same(engine(partitions=3).profile(one, PLAN), Local().profile(two, PLAN))


def test_one_value_of_a_block_is_picked_by_the_executors(spark, folder):
    block = SharedRows(files(folder), "city")
    mine, kept = ClusterMember(block, "Oslo"), MemberSource(block, "Oslo")

    found = engine(partitions=3).profile(mine.open(timestamp="ts"), PLAN)

    assert 400 < found.rows < 600
    assert_same(found, Local().profile(kept.open(timestamp="ts"), PLAN))
    assert set(mine.sample(50, timestamp="ts")["city"].to_pylist()) == {"Oslo"}
    assert ClusterMember(block, "Ulm").sample(50, timestamp="ts").num_rows == 0


def test_a_run_repeats_itself_bit_for_bit(spark, folder):
    one, two = (engine(partitions=5).profile(reading(folder), PLAN) for _ in range(2))

    assert one.to_bytes(sample=True) == two.to_bytes(sample=True)


def test_a_file_that_is_gone_is_one_clear_error(spark, tmp_path):
    pq.write_table(TABLE, tmp_path / "x.parquet")
    opened = reading(tmp_path)
    (tmp_path / "x.parquet").unlink()

    with pytest.raises(
        EngineError, match=r"the window is taken again: .*x\.parquet is gone"
    ) as caught:
        engine().profile(opened, PLAN)

    assert "Traceback" not in str(caught.value)


def test_a_task_that_fails_is_one_clear_error(spark, folder):
    opened = reading(folder)
    assert opened.spread is not None
    spread = opened.spread

    def broken(wanted):
        def batches(given, told):
            yield from ()
            msg = "no room for 12 GiB"
            raise MemoryError(msg)

        return replace(spread(wanted), batches=batches)

    opened.spread = broken

    with pytest.raises(EngineError, match="MemoryError: no room for 12 GiB"):
        engine().profile(opened, PLAN)


def test_a_source_that_cannot_be_shared_out_says_the_mend():
    with pytest.raises(EngineError, match='Set `engine = "local"`'):
        engine().profile(Reading(TABLE.schema, iter(())), PLAN)


def test_a_process_has_one_cluster(spark, folder):
    other = Spark(Spark.Options(master="local[1]"))

    with pytest.raises(ConfigError, match=r"connected to local\[2\] already"):
        other.profile(reading(folder), PLAN)


@pytest.mark.parametrize(
    "options", [{"master": "local", "remote": "sc://x"}, {"fan_in": 1}, {"cores": 2}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(pydantic.ValidationError):
        Spark.Options(**options)
