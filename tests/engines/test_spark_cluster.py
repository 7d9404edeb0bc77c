"""A cluster of two executors in processes of their own: one of them is killed at work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.core import cluster
from monitor.core.cluster import Cluster
from monitor.core.columns import Roles
from monitor.core.errors import EngineError
from monitor.core.ports import Reading, Spread
from monitor.engines.local import Local
from monitor.engines.spark import Spark
from monitor.sources.files import Files
from tests.engines.conftest import CONF
from tests.profiles.tables import assert_same, plan_of

pytestmark = [pytest.mark.service, pytest.mark.slow]

TABLE = pa.table({"id": np.arange(3000), "x": np.random.default_rng(2).normal(size=3000)})
PLAN = plan_of(TABLE, Roles(id="id"), sample_size=100)


@pytest.fixture(scope="module")
def two(_gateway: None) -> Iterator[Cluster]:
    """Two executors of one core and 1 GiB each."""
    conf = {
        **CONF,
        "spark.executor.memory": "600m",
        "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
        "spark.task.maxFailures": "2",
    }
    here = Cluster(master="local-cluster[2,1,1024]", conf=conf)
    cluster.session(here)
    yield here
    cluster.stop()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    path = tmp_path_factory.mktemp("rows") / "x.parquet"
    pq.write_table(TABLE, path, row_group_size=250)
    return Files(Files.Options(path=str(path)))


def fatal(reading: Reading, attempts: int) -> Reading:
    """The same rows; so many attempts at the second share kill their executor."""
    assert reading.spread is not None
    shared: Callable[[int | None], Spread] = reading.spread

    def spread(wanted: int | None) -> Spread:
        inner = shared(wanted)
        read = inner.batches

        def kill_executor() -> None:
            executor = int(Path(f"/proc/{os.getppid()}/stat").read_text().split()[3])
            assert b"CoarseGrainedExecutorBackend" in Path(f"/proc/{executor}/cmdline").read_bytes()
            os.kill(executor, signal.SIGKILL)

        def batches(given: Iterator[pa.RecordBatch], told: list[str]) -> Iterator[pa.RecordBatch]:
            from pyspark import TaskContext  # noqa: PLC0415 - in the executor

            task = TaskContext.get()
            assert task is not None
            if task.partitionId() == 1 and task.attemptNumber() < attempts:
                kill_executor()  # worker, its daemon, and the process of Java that started it
            return read(given, told)

        return replace(inner, batches=batches)

    return replace(reading, spread=spread)


def test_a_lost_executor_costs_time_and_nothing_else(two, files):
    engine = Spark(Spark.Options(partitions=4))
    wanted = Local().profile(files.open(), PLAN)

    found = engine.profile(fatal(files.open(), attempts=1), PLAN)

    assert_same(found, wanted)


def test_executors_that_die_each_time_are_one_clear_error_and_the_next_try_works(two, files):
    engine = Spark(Spark.Options(partitions=4))

    with pytest.raises(EngineError, match="the window is taken again: ") as caught:
        engine.profile(fatal(files.open(), attempts=9), PLAN)

    assert "ExecutorLostFailure" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert_same(engine.profile(files.open(), PLAN), Local().profile(files.open(), PLAN))
