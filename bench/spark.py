"""What Spark costs: `python -m bench.spark [--rows N] [--columns N] [--rounds N] [--executors]`.

One Parquet file of a row group a million rows is read by Spark bare, drained through Arrow, and
profiled, in turns in one session `local[2]`. CPU seconds are those of this process and of all
that it started (Java, Python workers): the figure to trust on a machine that others use too.

With `--executors` the same is profiled by one and by two executors of one core each
(`local-cluster`), in turns; what the drain takes less is the kernel's part.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bench.kernel import prepared
from monitor.core import cluster
from monitor.core.cluster import Cluster
from monitor.core.columns import Roles
from monitor.core.ports import Reading, Source
from monitor.engines.spark import Spark
from monitor.profiles.infer import infer_columns
from monitor.profiles.learn import learn
from monitor.profiles.plan import Plan
from monitor.sources.files import Files
from monitor.sources.spark import SparkTable

OVERHEAD, SPEED_UP = 1.5, 1.7
SHARES = 10  #: of the file, for one executor and for two
TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--file", type=Path, help="a Parquet file that is there already")
    parser.add_argument("--executors", action="store_true", help="from one executor to two")
    options = parser.parse_args()
    path = options.file or prepared(options.rows, options.columns)
    found = pq.ParquetFile(path).metadata
    print(f"{found.num_rows:,} rows × {found.num_columns} columns, {options.rounds} rounds")
    print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    if options.executors:
        speed_up(path, options.rounds)
    else:
        overhead(path, options.rounds)
    print(f"\nload at the end: {os.getloadavg()[0]:.1f}")


def overhead(path: Path, rounds: int) -> None:
    """Spark bare, drained and profiled."""
    session = cluster.session(Cluster(master="local[2]", conf={"spark.driver.memory": "2g"}))
    frame = session.read.parquet(str(path))
    files, table = sources(path)
    plan = learnt(files)
    works: dict[str, Callable[[], object]] = {
        "scan, thrown away (noop)": lambda: noop(frame),
        "scan, hashed by Spark": lambda: hashed(frame),
        "scan, drained through Arrow": lambda: drained(frame),
        "profile, Spark reads": lambda: Spark().profile(table.open(), plan),
        "profile, executors read": lambda: Spark().profile(files.open(), plan),
    }
    costs = {name: median(found) for name, found in in_turns(works, rounds).items()}
    cluster.stop()
    print(f"{'':<30}{'wall s':>9}{'CPU s':>9}{'× noop':>9}{'× drained':>11}   (CPU)")
    bare, drain = (costs[name].cpu for name in list(works)[0:3:2])
    for name, cost in costs.items():
        ratios = f"{cost.cpu / bare:>9.2f}{cost.cpu / drain:>11.2f}"
        print(f"{name:<30}{cost.wall:>9.2f}{cost.cpu:>9.2f}{ratios}")
    print()
    judged(costs["profile, Spark reads"].cpu / drain, f"≤ {OVERHEAD} × what Spark hands over")
    judged(costs["profile, executors read"].cpu / bare, f"≤ {OVERHEAD} × Spark's bare scan")


def speed_up(path: Path, rounds: int) -> None:
    """One executor and two, in turns."""
    files, _ = sources(path)
    plan = learnt(files)
    found: dict[int, dict[str, list[Cost]]] = {1: {}, 2: {}}
    for _ in range(rounds):
        for executors, costs in found.items():
            master = f"local-cluster[{executors},1,1024]"
            cluster.session(Cluster(master=master, conf={"spark.executor.memory": "600m"}))
            works: dict[str, Callable[[], object]] = {
                "read": lambda: rows_of(files.open()),
                "read and profile": lambda: Spark(Spark.Options(partitions=SHARES)).profile(
                    files.open(), plan
                ),
            }
            for name, some in in_turns(works, 2).items():
                costs.setdefault(name, []).extend(some)
            cluster.stop()
    print(f"{'wall s, medians':<24}{'1 executor':>12}{'2 executors':>13}{'speed-up':>10}")
    one, two = ({name: median(some).wall for name, some in side.items()} for side in found.values())
    for side in (one, two):
        side["the kernel's part"] = side["read and profile"] - side["read"]
    for name, wall in one.items():
        print(f"{name:<24}{wall:>12.2f}{two[name]:>13.2f}{wall / two[name]:>10.2f}")
    print()
    judged(two["the kernel's part"] / one["the kernel's part"], f"≤ 1 / {SPEED_UP}")


def sources(path: Path) -> tuple[Files, SparkTable]:
    """The same file, read by the executors themselves and by Spark."""
    return (
        Files(Files.Options(path=str(path))),
        SparkTable(SparkTable.Options(path=str(path))),
    )


def learnt(source: Source) -> Plan:
    """A plan from a sample."""
    sample = source.sample(100_000)
    return learn(sample, infer_columns(source.schema(), sample, Roles()), Roles())


def noop(frame: Any) -> None:
    """All columns read by Spark, and thrown away."""
    frame.write.format("noop").mode("overwrite").save()


def hashed(frame: Any) -> None:
    """All values touched by Spark."""
    from pyspark.sql import functions  # noqa: PLC0415 - an extra

    frame.agg(functions.max(functions.xxhash64(*frame.columns))).collect()


def drained(frame: Any) -> int:
    """All batches handed to Python, and only counted there."""
    with cluster.quiet():
        return sum(row["rows"] for row in frame.mapInArrow(counted, "rows long").collect())


def rows_of(reading: Reading) -> int:
    """All rows read by the executors as the engine does, and only counted."""
    assert reading.spread is not None
    spread = reading.spread(SHARES)
    read = spread.batches

    def task(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return counted(read(batches, []))

    frame = spread.frame(lambda: cluster.session(Cluster()))
    with cluster.quiet():
        return sum(row["rows"] for row in frame.mapInArrow(task, "rows long").collect())


def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The number of rows."""
    yield pa.RecordBatch.from_pydict({"rows": [sum(batch.num_rows for batch in batches)]})


def in_turns(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[Cost]]:
    """Costs of each, after one call of each that does not count."""
    for work in works.values():
        work()
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), cpu_of_all()
            work()
            found[name].append(Cost(time.perf_counter() - wall, cpu_of_all() - cpu))
    return found


def median(costs: list[Cost]) -> Cost:
    """Of wall and of CPU seconds."""
    return Cost(*(statistics.median(side) for side in zip(*costs, strict=True)))


def judged(ratio: float, promise: str) -> None:
    """A promise, and whether it held."""
    limit = 1 / SPEED_UP if "/" in promise else OVERHEAD
    print(f"{'met   ' if ratio <= limit else 'MISSED'} {promise}: {ratio:.2f}")


TICKS_OF: dict[int, int] = {}  #: by process, those that ended included


def cpu_of_all() -> float:
    """CPU seconds of this process and of all below it, as far as they were seen at work."""
    parents, ticks = {}, {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:  # it ended just now
            continue
        parents[int(place.parent.name)] = int(fields[1])
        ticks[int(place.parent.name)] = int(fields[11]) + int(fields[12])
    todo = [os.getpid()]
    while todo:
        process = todo.pop()
        TICKS_OF[process] = max(TICKS_OF.get(process, 0), ticks.get(process, 0))
        todo += [child for child, parent in parents.items() if parent == process]
    return sum(TICKS_OF.values()) / TICKS


if __name__ == "__main__":
    main()
