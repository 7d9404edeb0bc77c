"""Wide files: `python -m bench.mixed_table FOLDER ROWS COLUMNS [--codec C] [--timestamp]`.

Two thirds of the columns are numeric (normal, with nulls, heavy-tailed, bimodal, zero-inflated,
integers …), one third categorical (3 to 2,000 levels, some with nulls). A few columns of the
current file have drifted a little. With `--timestamp` a column `ts` comes first: 14 days of the
reference, then a day. With `--levels N` all columns are texts of so many levels.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

Rng = np.random.Generator
Maker = Callable[[Rng, int, float], npt.NDArray[Any]]

PIECE = 1_000_000  #: rows that are made, and written as a row group, at once
DAY = 86_400_000_000
START = 1_704_067_200_000_000  #: 2024-01-01 in microseconds
LEVELS = (3, 5, 8, 12, 20, 50, 120, 300, 800, 2000)


def bimodal(rng: Rng, n: int, shift: float) -> npt.NDArray[Any]:
    """Two narrow modes far apart."""
    mode = rng.random(n) < 0.6 + 0.1 * shift
    return np.where(mode, rng.normal(0, 1, n), rng.normal(1_000, 1, n))


def zero_inflated(rng: Rng, n: int, shift: float) -> npt.NDArray[Any]:
    """Mostly zero, else exponential."""
    return np.where(rng.random(n) < 0.7, 0.0, rng.exponential(10 + 5 * shift, n))


NUMERIC: tuple[tuple[str, Maker], ...] = (
    ("normal", lambda rng, n, shift: rng.normal(shift, 1, n)),
    ("lognormal", lambda rng, n, shift: rng.lognormal(shift, 1.5, n)),
    ("bimodal", bimodal),
    ("count", lambda rng, n, shift: rng.poisson(12 + 4 * shift, n)),
    ("student", lambda rng, n, shift: rng.standard_t(2, n) + shift),
    ("uniform", lambda rng, n, shift: rng.random(n) * (1 + shift)),
    ("price", lambda rng, n, shift: np.round(rng.gamma(2 + shift, 30, n), 2)),
    ("zeros", zero_inflated),
    ("key", lambda rng, n, _: rng.integers(0, 10**9, n)),
    ("pareto", lambda rng, n, shift: rng.pareto(1.5, n) + shift),
)


def numeric(rng: Rng, index: int, n: int, shift: float) -> pa.Array:
    """The column with that index; every third one has nulls."""
    values = NUMERIC[index % len(NUMERIC)][1](rng, n, shift)
    nulls = rng.random(n) < 0.05 if index % 3 == 0 else None
    return pa.array(values, mask=nulls)


def categorical(rng: Rng, levels: int, n: int, shift: float, *, nulls: bool) -> pa.Array:
    """Levels with Zipf shares, where wanted with nulls."""
    share = 1 / np.arange(1, levels + 1) ** (1 + shift)
    codes = rng.choice(levels, n, p=share / share.sum()).astype(np.int32)
    mask = rng.random(n) < 0.03 if nulls else None
    names = pa.array([f"level-{level:04d}" for level in range(levels)])
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), names).cast(pa.string())


def table(
    seed: tuple[int, ...], rows: int, columns: int, *, drifted: bool, levels: int | None = None
) -> pa.Table:
    """`rows` × `columns`; of a drifted table the first of every seven columns has moved."""
    rng = np.random.default_rng(seed)
    numbers = columns - columns // 3 if levels is None else 0
    made: dict[str, pa.Array] = {}
    for index in range(columns):
        shift = 0.2 if drifted and index % 7 == 0 else 0.0
        if index < numbers:
            made[f"{NUMERIC[index % len(NUMERIC)][0]}_{index}"] = numeric(rng, index, rows, shift)
        else:
            many = levels or LEVELS[(index - numbers) % len(LEVELS)]
            nulls = (index - numbers) % 4 == 0
            made[f"category_{index}"] = categorical(rng, many, rows, shift, nulls=nulls)
    return pa.table(made)


def pieces(options: argparse.Namespace, side: int) -> Iterator[pa.Table]:
    """The rows of one file, a million at once."""
    first, days = (START, 14) if side == 0 else (START + 14 * DAY, 1)
    for at in range(0, options.rows, PIECE):
        rows = min(PIECE, options.rows - at)
        seed = (side,) if at == 0 else (side, at)
        made = table(seed, rows, options.columns, drifted=side == 1, levels=options.levels)
        if options.timestamp:
            share = np.arange(at, at + rows) / options.rows
            times = pa.array((first + share * days * DAY).astype(np.int64))
            made = made.add_column(0, "ts", times.cast(pa.timestamp("us", "UTC")))
        yield made


def main() -> None:
    """Write both files; each appears only when it is whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", type=int)
    parser.add_argument("columns", type=int)
    parser.add_argument("--codec", default="zstd", choices=("zstd", "snappy", "csv"))
    parser.add_argument("--timestamp", action="store_true")
    parser.add_argument("--levels", type=int)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    ending = "csv" if options.codec == "csv" else "parquet"
    for side, name in enumerate(("reference", "current")):
        part, writer = options.folder / f"{name}.part", None
        for piece in pieces(options, side):
            if writer is None and ending == "csv":
                writer = csv.CSVWriter(part, piece.schema)
            elif writer is None:
                writer = pq.ParquetWriter(part, piece.schema, compression=options.codec)
            writer.write_table(piece)
        if writer is not None:
            writer.close()
        part.rename(options.folder / f"{name}.{ending}")


if __name__ == "__main__":
    main()
