"""A pair of wide Parquet files: `python -m bench.mixed_table FOLDER ROWS COLUMNS`.

Two thirds of the columns are numeric (normal, with nulls, heavy-tailed, bimodal, zero-inflated,
integers …), one third categorical (3 to 2,000 levels, some with nulls). A few columns of the
current file have drifted a little.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

Rng = np.random.Generator
Maker = Callable[[Rng, int, float], npt.NDArray[Any]]

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


def categorical(rng: Rng, index: int, n: int, shift: float) -> pa.Array:
    """Levels with Zipf shares; every fourth column has nulls."""
    levels = LEVELS[index % len(LEVELS)]
    share = 1 / np.arange(1, levels + 1) ** (1 + shift)
    codes = rng.choice(levels, n, p=share / share.sum()).astype(np.int32)
    nulls = rng.random(n) < 0.03 if index % 4 == 0 else None
    names = pa.array([f"level-{level:04d}" for level in range(levels)])
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=nulls), names).cast(pa.string())


def table(seed: int, rows: int, columns: int, *, drifted: bool) -> pa.Table:
    """`rows` × `columns`; of a drifted table the first of every seven columns has moved."""
    rng = np.random.default_rng(seed)
    numbers = columns - columns // 3
    made: dict[str, pa.Array] = {}
    for index in range(columns):
        shift = 0.2 if drifted and index % 7 == 0 else 0.0
        if index < numbers:
            made[f"{NUMERIC[index % len(NUMERIC)][0]}_{index}"] = numeric(rng, index, rows, shift)
        else:
            made[f"category_{index}"] = categorical(rng, index - numbers, rows, shift)
    return pa.table(made)


def main(folder: Path, rows: int, columns: int) -> None:
    """Write both files; each appears only when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(("reference", "current")):
        part = folder / f"{name}.part"
        made = table(seed, rows, columns, drifted=name == "current")
        pq.write_table(made, part, compression="zstd")
        part.rename(folder / f"{name}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
