"""What one comparison costs: `python -m bench.first [--rows N] [--columns N] [--rounds N]`.

Three programs read the same two Parquet files, each in a process of its own, in turns:
`driftloop compare`, a bare pyarrow read into dictionary-decoded batches, and Evidently's
DataDriftPreset. Wall time, CPU seconds (user and system, all threads) and peak memory are those of
the whole process, start-up and imports included, as the operating system reports them. Of the bare
read, the CPU of reading alone stands beside it, and the target is held against that.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.speed_draw import written

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(__file__).resolve().parent / ".cache"
#: Bytecode is kept, as of any installed program; an environment may have switched that off.
SETTINGS = {
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(CACHE / "bytecode"),
}

#: Of the bare read's CPU, and seconds for the start of Python and imports.
CPU_FACTOR, CPU_START = 2.0, 0.5
EVIDENTLY_FACTOR = 50.0

BARE = """
import sys, time
import pyarrow as pa, pyarrow.parquet as pq
start = time.process_time()
rows = 0
for path in sys.argv[1:]:
    schema = pq.read_schema(path)
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    for batch in pq.ParquetFile(path, read_dictionary=words).iter_batches(batch_size=131072):
        rows += batch.num_rows
print(time.process_time() - start)
"""

EVIDENTLY = """
import sys, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current = (pd.read_parquet(path) for path in sys.argv[1:])
result = Report([DataDriftPreset()]).run(current, reference).dict()
print(len(result["metrics"]))
"""

BARE_READ = [sys.executable, "-c", BARE]
OURS = [str(Path(sys.executable).parent / "driftloop"), "compare", "--json"]
THEIRS = [sys.executable, "-c", EVIDENTLY]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process used."""

    wall: float  #: seconds
    cpu: float  #: seconds, user and system, all threads
    peak: float  #: MiB of resident memory
    output: str


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3, help="of driftloop and the bare read")
    parser.add_argument("--no-evidently", action="store_true", help="it takes minutes")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    files = prepared(options.rows, options.columns)
    for program in (BARE_READ, OURS):
        measured([*program, *files])  # files into the page cache, bytecode onto the disk
    ours: list[Cost] = []
    bare: list[Cost] = []
    for _ in range(options.rounds):
        bare.append(measured([*BARE_READ, *files]))
        ours.append(measured([*OURS, *files]))
    check_output(ours[-1], options.columns)
    few = [*OURS, *prepared(2_000, options.columns)]
    fixed = [measured(few) for _ in range(options.rounds)]
    theirs = None
    if not options.no_evidently:
        measured([*THEIRS, *prepared(2_000, options.columns)])
        theirs = measured([*THEIRS, *files])
    title = f"{options.rows:,} rows × {options.columns} columns, twice"
    text = f"{title}; medians of {options.rounds}\n\n{drawn(ours, bare, fixed, theirs)}"
    print(text)
    if options.write:
        stamp = f"python -m bench.first\n{os.cpu_count()} cores, Python {platform.python_version()}"
        written(ROOT / "docs" / "benchmarks.md", "first", f"{text}\n\n{stamp}")


def prepared(rows: int, columns: int) -> list[str]:
    """Paths of both files, made once.

    In a child: Linux counts the memory of this process into the peak of those it starts.
    """
    folder = CACHE / f"mixed-{rows}x{columns}"
    files = [folder / "reference.parquet", folder / "current.parquet"]
    if not all(file.exists() for file in files):
        command = [sys.executable, "-m", "bench.mixed_table", str(folder), str(rows), str(columns)]
        subprocess.run(command, check=True, cwd=ROOT)
    return [str(file) for file in files]


def measured(command: list[str], limit: float | None = None) -> Cost:
    """Run to the end; stops the benchmark when the program fails, or needs `limit` seconds."""
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, env={**os.environ, **SETTINGS})
        over = threading.Timer(limit or threading.TIMEOUT_MAX, process.kill)
        over.daemon = True
        over.start()
        _, status, usage = os.wait4(process.pid, 0)
        over.cancel()
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            late = f" after {wall:.0f} s" if limit and wall >= limit else ""
            sys.exit(f"{command[:2]} ended with exit code {process.returncode}{late}")
        output.seek(0)
        return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.read())


def check_output(cost: Cost, columns: int) -> None:
    """A fast program that skipped the work would be no result."""
    seen = {finding["column"] for finding in json.loads(cost.output)["findings"]}
    if len(seen - {None}) < columns:
        sys.exit(f"driftloop judged {len(seen - {None})} of {columns} columns only")


def median(costs: list[Cost], field: str) -> float:
    """The median of one figure."""
    return statistics.median(float(getattr(cost, field)) for cost in costs)


def drawn(ours: list[Cost], bare: list[Cost], fixed: list[Cost], theirs: Cost | None) -> str:
    """The table, and whether the targets are met."""
    reading = statistics.median(float(cost.output) for cost in bare)
    allowed = statistics.median(CPU_FACTOR * float(cost.output) + CPU_START for cost in bare)
    cpu, wall = median(ours, "cpu"), median(ours, "wall")
    lines = [f"{'':<34}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}"]
    rows = [("driftloop compare", ours), ("the same of 2,000 rows", fixed)]
    rows += [("bare pyarrow read, whole process", bare)]
    rows += [("Evidently DataDriftPreset", [theirs])] if theirs else []
    for name, costs in rows:
        figures = (median(costs, "wall"), median(costs, "cpu"), median(costs, "peak"))
        lines.append(f"{name:<34}{figures[0]:>9.2f}{figures[1]:>9.2f}{figures[2]:>10.0f}")
    lines += [f"{'bare pyarrow read, reading alone':<34}{'':>9}{reading:>9.2f}", ""]
    pairs = statistics.median(a.cpu / float(b.output) for a, b in zip(ours, bare, strict=True))
    lines.append(f"CPU of driftloop / of reading alone: {pairs:.2f} (median of the pairs)")
    lines.append(verdict(f"CPU ≤ {CPU_FACTOR:g} × reading + {CPU_START:g} s", cpu, allowed))
    start = median(fixed, "cpu")
    lines.append(f"CPU beyond that of 2,000 rows / of reading alone: {(cpu - start) / reading:.2f}")
    if theirs:
        lines.append(
            f"Evidently / driftloop: wall {theirs.wall / wall:.0f}, CPU {theirs.cpu / cpu:.0f}"
        )
        goal = f"wall ≤ Evidently's / {EVIDENTLY_FACTOR:g}"
        lines.append(verdict(goal, wall, theirs.wall / EVIDENTLY_FACTOR))
    return "\n".join(lines)


def verdict(goal: str, value: float, allowed: float) -> str:
    """One line about one target."""
    return f"{'met   ' if value <= allowed else 'MISSED'} {goal}: {value:.2f} s of {allowed:.2f} s"


if __name__ == "__main__":
    main()
