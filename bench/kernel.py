"""What the profile kernel costs: `python -m bench.kernel [--rows N] [--columns N] [--rounds N]`.

One Parquet file is read by pyarrow into dictionary-decoded batches, once bare and once through
the local engine, in turns in one process. CPU seconds (all threads) are the figure to trust on a
machine that others use too; the peak of memory is the whole process's.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.core.columns import Roles
from monitor.core.ports import Reading
from monitor.engines.local import Local
from monitor.profiles.infer import infer_columns
from monitor.profiles.learn import learn
from monitor.profiles.plan import Plan
from monitor.profiles.split import ByOrder

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(__file__).resolve().parent / ".cache"
BATCH = 262_144
TARGET = 1.7

_T = TypeVar("_T")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--split", action="store_true", help="as a reference, in blocks")
    options = parser.parse_args()
    path = prepared(options.rows, options.columns)
    learning, plan = timed(lambda: learnt(path))
    engine = Local(Local.Options(threads=options.threads))
    bare, whole = [], []
    for _ in range(options.rounds):
        bare.append(timed(lambda: sum(batch.num_rows for batch in batches(path)))[0])
        whole.append(timed(lambda: profiled(engine, path, plan, split=options.split))[0])
    print(drawn(options.rows, options.columns, learning, bare, whole))


def prepared(rows: int, columns: int) -> Path:
    """The file, made once by a child, so that its memory is not counted here."""
    folder = CACHE / f"mixed-{rows}x{columns}"
    file = folder / "current.parquet"
    if not file.exists():
        command = [sys.executable, "-m", "bench.mixed_table", str(folder), str(rows), str(columns)]
        subprocess.run(command, check=True, cwd=ROOT)
    return file


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Dictionary-decoded batches, texts as dictionaries."""
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    yield from pq.ParquetFile(path, read_dictionary=texts).iter_batches(batch_size=BATCH)


def learnt(path: Path) -> Plan:
    """A plan from the file's first rows."""
    sample = pa.Table.from_batches([next(batches(path))])
    return learn(sample, infer_columns(sample.schema, sample, Roles()), Roles())


def profiled(engine: Local, path: Path, plan: Plan, *, split: bool) -> int:
    """Rows that were profiled."""
    stream = batches(path)
    first = next(stream)
    rows = pq.ParquetFile(path).metadata.num_rows
    reading = Reading(first.schema, chained(first, stream), rows_hint=rows)
    if split:
        return sum(part.rows for part in engine.profile_split(reading, plan, ByOrder()))
    return engine.profile(reading, plan).rows


def chained(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The first batch and the rest."""
    yield first
    yield from rest


def timed(work: Callable[[], _T]) -> tuple[tuple[float, float], _T]:
    """(wall, CPU) seconds of a call, and its result."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def drawn(
    rows: int,
    columns: int,
    learning: tuple[float, float],
    bare: list[tuple[float, float]],
    whole: list[tuple[float, float]],
) -> str:
    """The table."""
    values = rows * columns
    lines = [f"{rows:,} rows × {columns} columns; medians of {len(bare)} rounds", ""]
    lines.append(f"{'':<28}{'wall s':>9}{'CPU s':>9}{'CPU ns a value':>16}")
    for name, times in (
        ("learning the plan", [learning]),
        ("bare read", bare),
        ("read and profile", whole),
    ):
        wall, cpu = (statistics.median(side) for side in zip(*times, strict=True))
        lines.append(f"{name:<28}{wall:>9.2f}{cpu:>9.2f}{cpu / values * 1e9:>16.2f}")
    ratio = statistics.median(b[1] / a[1] for a, b in zip(bare, whole, strict=True))
    word = "met   " if ratio <= TARGET else "MISSED"
    lines += ["", f"{word} CPU ≤ {TARGET} × bare read: {ratio:.2f} (median of the pairs)"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines.append(f"peak memory {peak:.0f} MiB")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
