"""Spark Connect: the driver is a server, and this side has no Java."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: A process of its own: PySpark cannot speak to a server and be a driver in one.
CLIENT = """
from pathlib import Path
import sys

import pyarrow.parquet as pq

from monitor.core import cluster
from monitor.core.errors import SourceNotFoundError
from monitor.engines.local import Local
from monitor.engines.spark import Spark
from monitor.profiles.split import ByOrder
from monitor.sources.files import Files
from monitor.sources.spark import SparkTable
from tests.profiles.tables import ROLES, assert_same, mixed, plan_of

path = Path(sys.argv[1]) / "x.parquet"
pq.write_table(mixed(900), path, row_group_size=200)
plan = plan_of(mixed(900), ROLES, sample_size=100)
engine = Spark(Spark.Options(remote="local[2]", partitions=3))
files = Files(Files.Options(path=str(path)))
table = SparkTable(SparkTable.Options(path=str(path)))
wanted = Local().profile(files.open(timestamp="ts"), plan)

assert_same(engine.profile(files.open(timestamp="ts"), plan), wanted)
assert_same(engine.profile(table.open(timestamp="ts"), plan), wanted)
assert table.extent("ts") == files.extent("ts")
assert table.sample(900, timestamp="ts").num_rows == 900
blocks = engine.profile_split(table.open(timestamp="ts"), plan, ByOrder(lo=3, hi=3))
assert [part.rows for part in blocks] == [300] * 3
try:
    SparkTable(SparkTable.Options(table="none")).schema()
except SourceNotFoundError as error:
    assert "Spark table none cannot be read: " in str(error)
assert "connect" in type(
    cluster.session(cluster.Cluster())
).__module__
cluster.stop()
print("as one machine")
"""


@pytest.mark.slow
@pytest.mark.service
def test_files_and_tables_are_counted_by_a_server(java, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CLIENT, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    assert done.stdout.strip().endswith("as one machine"), done.stderr[-3000:]
