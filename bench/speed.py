"""What runs cost beside bare reading and beside others: `python -m bench.speed [--quick|--long]`.

Every program runs in a process of its own, and those of one cell in turns, so that all of them see
the same machine. Wall time, CPU seconds (user and system, all threads) and peak memory are those of
the whole process, start-up included; of a run in a service those of the run alone, without imports.
The target holds a run against the CPU of a bare pyarrow read into dictionary-decoded batches, the
reading alone. `--peers` adds the other tools, each in an environment of its own that is made with
pip the first time; `--write` puts the tables and the plot into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.first import CACHE, ROOT, Cost, measured
from bench.speed_draw import plot, written
from bench.speed_peers import PEERS, python_of

PROGRAMS = Path(__file__).resolve().parent / "speed_programs.py"
DRIFTLOOP = str(Path(sys.executable).parent / "driftloop")
DOCS = ROOT / "docs"
FACTOR, CSV_FACTOR, PEAK = 2.0, 1.3, 700
LIMIT = 900  #: seconds that another tool may take


@dataclass(frozen=True, slots=True)
class Data:
    """A pair of files, made once."""

    rows: int
    columns: int = 30
    codec: str = "zstd"
    levels: int | None = None

    @property
    def folder(self) -> Path:
        many = f"-{self.levels}" if self.levels else ""
        return CACHE / f"speed-{self.rows}x{self.columns}-{self.codec}{many}"

    def files(self) -> list[str]:
        """Reference and current; in a child, so that its memory is not counted here."""
        ending = "csv" if self.codec == "csv" else "parquet"
        files = [self.folder / f"{name}.{ending}" for name in ("reference", "current")]
        if not all(file.exists() for file in files):
            command = [sys.executable, "-m", "bench.mixed_table", str(self.folder), str(self.rows)]
            command += [str(self.columns), "--codec", self.codec, "--timestamp"]
            command += ["--levels", str(self.levels)] if self.levels else []
            subprocess.run(command, check=True, cwd=ROOT)
        return [str(file) for file in files]


@dataclass(frozen=True, slots=True)
class Row:
    """What one program used: medians."""

    name: str
    rows: int  #: that it read
    wall: float
    cpu: float
    peak: float
    work: float  #: CPU of reading alone; of driftloop that of all


def program(name: str, *files: str, python: str = sys.executable) -> list[str]:
    """The command of a program beside driftloop."""
    return [python, "-P", str(PROGRAMS), name, *files]  # -P: nothing here hides a library


def compare(files: list[str]) -> list[str]:
    """The command of a comparison."""
    return [DRIFTLOOP, "compare", "--json", *files]


class Monitor:
    """A monitor of one day whose reference is learned before anything is measured."""

    def __init__(self, data: Data, repeats: int = 1) -> None:
        self.folder = CACHE / "monitors" / f"{data.folder.name}-{repeats}"
        self.current = [data.files()[1]]
        if repeats > 1:
            self.current = [str(self._linked(data.files()[1], at)) for at in range(repeats)]
        self.folder.mkdir(parents=True, exist_ok=True)
        for store in self.folder.glob("driftloop.db*"):
            store.unlink()  # a run that was stopped midway would hold the window
        config = self.folder / "config.toml"
        config.write_text(
            "[[monitors]]\nname = 'speed'\nwindow = '1d'\n[monitors.source]\nkind = 'files'\n"
            f"path = {json.dumps(self.current)}\n[monitors.reference]\nkind = 'files'\n"
            f"path = {json.dumps(data.files()[0])}\n[monitors.columns]\ntimestamp = 'ts'\n"
        )
        span = "2024-01-15T00:00:00+00:00/2024-01-16T00:00:00+00:00"
        self.command = [DRIFTLOOP, "-c", str(config), "run", "speed", "--window", span, "--json"]
        self.service = [sys.executable, "-m", "bench.speed_service", str(config), span]

    def _linked(self, file: str, at: int) -> Path:
        link = self.folder / f"current-{at:02d}{Path(file).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            os.link(file, link)
        return link

    def stored(self) -> int:
        """Bytes that the newest window takes in the store."""
        import sqlite3  # noqa: PLC0415

        parts = "+".join(
            f"coalesce(length({name}), 0)" for name in ("profile", "sample", "observation")
        )
        query = f"SELECT {parts} + length(document) FROM runs ORDER BY id DESC"
        with sqlite3.connect(self.folder / "driftloop.db") as store:
            return int(store.execute(query).fetchone()[0])


def in_turns(programs: dict[str, tuple[int, list[str]]], rounds: int) -> list[Row]:
    """Each of the programs, once a round; the first round only warms up."""
    costs: dict[str, list[Cost]] = {name: [] for name in programs}
    for at in range(rounds + 1):
        for name, (_, command) in programs.items():
            if name.startswith("DuckDB") and at != 1:
                continue  # once: it takes forty times as long as the others
            cost = measured(command)
            if at:
                costs[name].append(cost)
    return [_row(name, programs[name][0], found) for name, found in costs.items()]


def _row(name: str, rows: int, costs: list[Cost]) -> Row:
    documents = [json.loads(cost.output) for cost in costs]
    check(name, documents[-1])
    middle = statistics.median
    work = middle(d.get("cpu", cost.cpu) for d, cost in zip(documents, costs, strict=True))
    wall = middle(d.get("wall", cost.wall) for d, cost in zip(documents, costs, strict=True))
    cpu = work if "wall" in documents[-1] else middle(cost.cpu for cost in costs)
    return Row(name, rows, wall, cpu, max(cost.peak for cost in costs), work)


def check(name: str, document: dict[str, object]) -> None:
    """A fast program that skipped the work would be no result."""
    findings = document.get("findings")
    if not (findings if name.startswith("driftloop") else document.get("seen")):
        sys.exit(f"{name} saw nothing")


def beside(data: Data, rounds: int, *, peers: bool = False) -> str:
    """One cell: `compare` and `run`, the bare reads, and others."""
    files, monitor = data.files(), Monitor(data)
    bare = {"csv": "bare_csv"}.get(data.codec, "bare_plain" if data.levels else "bare")
    both, one = 2 * data.rows, data.rows
    programs = {
        "driftloop compare": (both, compare(files)),
        "bare read of both files": (both, program(bare, *files)),
        "driftloop run": (one, monitor.command),
        "driftloop run, in a service": (one, monitor.service),
        "bare read of the window": (one, program(bare, files[1])),
    }
    if data.codec != "csv" and not data.levels:
        programs["DuckDB SUMMARIZE, both files"] = (both, program("duckdb", *files))
        if (python := python_of("polars", install=peers)) is not None:
            command = program("polars", *files, python=python)
            programs["polars collect_batches, both files"] = (both, command)
    found = in_turns(programs, rounds)
    title = f"{data.rows:,} × {data.columns} + time, {data.codec}"
    title += f", {data.levels:,} levels in each column" if data.levels else ""
    lines = [title, "", HEAD, *(line(row) for row in found), ""]
    factor = CSV_FACTOR if data.codec == "csv" else FACTOR
    for ours, bare_read in ((0, 1), (2, 4), (3, 4)):
        lines += verdicts(found[ours], found[bare_read], factor)
    return "\n".join(lines)


HEAD = f"{'':<36}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'rows/s':>13}"


def line(row: Row) -> str:
    """One row of a table."""
    speed = row.rows / row.wall
    return f"{row.name:<36}{row.wall:>9.2f}{row.cpu:>9.2f}{row.peak:>10.0f}{speed:>13,.0f}"


def verdicts(ours: Row, bare: Row, factor: float) -> list[str]:
    """Whether a run is within its bounds."""
    goals = [
        ("CPU of the reading alone", ours.cpu / bare.work, factor),
        ("wall of the bare read", ours.wall / bare.wall, factor),
    ]
    lines = [f"{word(r <= f)} {ours.name}: {r:.2f} × {goal} (≤ {f:g})" for goal, r, f in goals]
    peak = f"{word(ours.peak < PEAK)} {ours.name}: {ours.peak:.0f} MiB (< {PEAK})"
    return [*lines, peak]


def word(met: bool) -> str:
    """How a target fared."""
    return "met   " if met else "MISSED"


def growth(sizes: list[int], rounds: int) -> tuple[str, list[Row]]:
    """Windows of more and more rows; beyond 10 million they are the same file ten times."""
    found: list[Row] = []
    for rows in sizes:
        repeats = max(1, rows // 10_000_000)
        monitor = Monitor(Data(rows // repeats), repeats)
        programs = {
            "driftloop run": (rows, monitor.command),
            "bare read": (rows, program("bare", *monitor.current)),
        }
        found += in_turns(programs, rounds if rows < 10_000_000 else 1)
    lines = ["growth of a window, × 30 + time, zstd", "", f"{'rows':>12}  {HEAD}"]
    lines += [f"{row.rows:>12,}  {line(row)}" for row in found]
    ours = {row.rows: row for row in found if row.name == "driftloop run"}
    if 100_000_000 in ours:
        large, small = ours[100_000_000], ours[10_000_000]
        ratios = f"{large.cpu / small.cpu:.2f} × the CPU of 10 million (≤ 10.5)"
        ratios += f", {large.wall / small.wall:.2f} × the wall"
        ratios += f", {large.peak / small.peak:.2f} × the memory (0.9 … 1.1)"
        lines += ["", f"{word(large.cpu <= 10.5 * small.cpu)} 100 million rows: {ratios}"]
    return "\n".join(lines), found


def sizing(cells: list[tuple[int, int]]) -> str:
    """What a window of so many rows and columns takes."""
    lines = ["sizing: one `driftloop run`", ""]
    lines.append(
        f"{'rows':>12}{'columns':>9}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'store kB':>10}"
    )
    for rows, columns in cells:
        monitor = Monitor(Data(rows, columns))
        row = in_turns({"driftloop run": (rows, monitor.command)}, 1)[0]
        stored = monitor.stored() / 1000
        lines.append(
            f"{rows:>12,}{columns:>9,}{row.wall:>9.2f}{row.cpu:>9.2f}{row.peak:>10.0f}{stored:>10.0f}"
        )
    return "\n".join(lines)


def others(rows: int) -> str:
    """The other tools on one cell, once each."""
    data = Data(rows)
    files = data.files()
    lines = [f"other tools, {rows:,} × 30 + time, twice", "", HEAD]
    ours = in_turns({"driftloop compare": (2 * rows, compare(files))}, 1)[0]
    lines.append(line(ours))
    for name in PEERS:
        if name == "polars":
            continue
        try:
            python = python_of(name, install=True)
            assert python is not None
            row = _row(name, 2 * rows, [measured(program(name, *files, python=python), LIMIT)])
        except (SystemExit, OSError, AssertionError, subprocess.SubprocessError) as error:
            lines.append(f"{name:<36}{str(error)[:80]}")
            continue
        lines.append(f"{line(row)}   {row.cpu / ours.cpu:.0f} × the CPU")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a million rows only")
    parser.add_argument("--long", action="store_true", help="with 100 million rows, and all cells")
    parser.add_argument("--peers", action="store_true", help="with the other tools (minutes)")
    parser.add_argument("--only", help="some cells: zstd, snappy, csv, wide, levels, growth, …")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    options = parser.parse_args()
    for name, make in cells(options).items():
        if options.only and name not in options.only.split(","):
            continue
        text = make()
        points: list[Row] = []
        if isinstance(text, tuple):
            text, points = text
        print(text + "\n", flush=True)
        if options.write:
            command = " ".join(["python -m bench.speed", *sys.argv[1:]])
            stamp = f"{command}\n{os.cpu_count()} cores, Python {platform.python_version()}"
            written(DOCS / "benchmarks.md", name, f"{text}\n\n{stamp}")
            if points:
                plot(DOCS / "images" / "benchmarks-growth.svg", points)


def cells(options: argparse.Namespace) -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    rows, rounds = (1_000_000 if options.quick else 10_000_000), options.rounds
    sizes = [100_000, 1_000_000] + ([] if options.quick else [10_000_000])
    sizes += [100_000_000] if options.long else []
    grid = [(100_000, 10), (100_000, 30), (100_000, 100), (1_000_000, 30)]
    grid += [] if options.quick else [(100_000, 1000), (1_000_000, 100), (10_000_000, 30)]
    found: dict[str, Callable[[], Any]] = {
        "zstd": lambda: beside(Data(rows), rounds, peers=options.peers),
        "growth": lambda: growth(sizes, rounds),
    }
    if not options.quick:
        found |= {
            "snappy": lambda: beside(Data(rows, codec="snappy"), rounds),
            "csv": lambda: beside(Data(1_000_000, codec="csv"), rounds),
            "wide": lambda: beside(Data(100_000, 1000), rounds),
            "levels": lambda: beside(Data(100_000, 500, levels=100_000), 1),
            "sizing": lambda: sizing(grid),
        }
    if options.peers:
        found["peers"] = lambda: others(1_000_000)
    return found


if __name__ == "__main__":
    main()
