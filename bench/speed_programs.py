"""What is measured beside driftloop: `python -P bench/speed_programs.py NAME FILE [FILE]`.

Each program runs in a process of its own, some by the Python of another environment, so that this
file imports nothing of driftloop. It prints one JSON document: the CPU seconds of the work itself
(imports left out) and what it saw, so that a program that did nothing is found out.
"""

# ruff: noqa: PLC0415 - each program imports its own library, before its clock starts
from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable

Work = Callable[..., int]
BATCH = 131_072


def bare() -> Work:
    """The rows of Parquet files in dictionary-decoded batches."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def work(*paths: str) -> int:
        rows = 0
        for path in paths:
            texts = [f.name for f in pq.read_schema(path) if pa.types.is_string(f.type)]
            for batch in pq.ParquetFile(path, read_dictionary=texts).iter_batches(BATCH):
                rows += batch.num_rows
        return rows

    return work


def bare_plain() -> Work:
    """The same with texts as they are: what suits columns of very many levels."""
    import pyarrow.parquet as pq

    def work(*paths: str) -> int:
        return sum(b.num_rows for path in paths for b in pq.ParquetFile(path).iter_batches(BATCH))

    return work


def bare_csv() -> Work:
    """The rows of CSV files, streamed."""
    from pyarrow import csv

    return lambda *paths: sum(batch.num_rows for path in paths for batch in csv.open_csv(path))


def polars() -> Work:
    """polars' batches, streamed."""
    import polars as pl

    def work(*paths: str) -> int:
        frames = (f for p in paths for f in pl.scan_parquet(p).collect_batches(chunk_size=BATCH))
        return sum(frame.height for frame in frames)

    return work


def duckdb() -> Work:
    """DuckDB's SUMMARIZE of each file."""
    import duckdb as db

    query = "SUMMARIZE SELECT * FROM read_parquet(?)"
    return lambda *paths: sum(len(db.execute(query, [path]).fetchall()) for path in paths)


def evidently() -> Work:
    """Evidently's DataDriftPreset."""
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    def work(reference: str, current: str) -> int:
        tables = [pd.read_parquet(path) for path in (current, reference)]
        return len(Report([DataDriftPreset()]).run(*tables).dict()["metrics"])

    return work


def nannyml() -> Work:
    """NannyML's univariate drift of each column."""
    import nannyml as nml
    import pandas as pd

    def work(reference: str, current: str) -> int:
        old, new = pd.read_parquet(reference), pd.read_parquet(current)
        columns = [name for name in old.columns if name != "ts"]
        calculator = nml.UnivariateDriftCalculator(column_names=columns, chunk_number=1)
        return int(calculator.fit(old).calculate(new).to_df().shape[1])

    return work


def whylogs() -> Work:
    """whylogs' profiles of both tables; it compares them by hand."""
    import pandas as pd
    import whylogs as why

    def work(*paths: str) -> int:
        return sum(len(why.log(pd.read_parquet(path)).view().get_columns()) for path in paths)

    return work


def deepchecks() -> Work:
    """Deepchecks' feature drift, on all rows."""
    import pandas as pd
    from deepchecks.tabular import Dataset
    from deepchecks.tabular.checks import FeatureDrift

    def work(reference: str, current: str) -> int:
        sets = []
        for path in (reference, current):
            table = pd.read_parquet(path).drop(columns="ts", errors="ignore")
            texts = [n for n in table.columns if not pd.api.types.is_numeric_dtype(table[n])]
            sets.append(Dataset(table, cat_features=texts))
        return len(FeatureDrift(n_samples=10**9).run(*sets).value)

    return work


PROGRAMS = {
    program.__name__: program
    for program in (
        bare, bare_plain, bare_csv, polars, duckdb, evidently, nannyml, whylogs, deepchecks,
    )
}  # fmt: skip

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    run = PROGRAMS[sys.argv[1]]()
    start = time.process_time()
    seen = run(*sys.argv[2:])
    print(json.dumps({"cpu": time.process_time() - start, "seen": seen}))
