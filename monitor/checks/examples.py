"""Keys of rows that show what a finding means, from the sample that every profile keeps."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import filled, values_of
from monitor.core.finding import MAX_ROWS
from monitor.profiles.levels import encode_levels
from monitor.profiles.types import Sample

BoolArray = npt.NDArray[np.bool_]


def keys_where(sample: Sample, chosen: BoolArray) -> tuple[Any, ...]:
    """Keys of the first rows of the sample that were chosen, each once."""
    found = (sample.keys[int(i)] for i in np.flatnonzero(chosen))
    return tuple(dict.fromkeys(found))[:MAX_ROWS]


def missing_rows(sample: Sample, column: str) -> tuple[Any, ...]:
    """Keys of sampled rows without a value in that column."""
    values = _column(sample, column)
    if values is None:
        return ()
    return keys_where(sample, _mask(pc.is_null(values, nan_is_null=_is_float(values))))


def level_rows(sample: Sample, column: str, levels: Collection[str]) -> tuple[Any, ...]:
    """Keys of sampled rows whose value is one of the levels."""
    values = _column(sample, column)
    if values is None or not levels:
        return ()
    wanted = set(levels)
    found = encode_levels(values)
    hit = np.array([name in wanted for name in found.names()] + [False], dtype=np.bool_)
    return keys_where(sample, hit[found.positions])


def outside_rows(
    sample: Sample, column: str, low: float, high: float
) -> tuple[tuple[Any, ...], int, int]:
    """(keys, how many outside, how many with a value) of sampled rows outside of [low, high]."""
    values = _column(sample, column)
    if values is None:
        return (), 0, 0
    try:
        numbers = filled(pc.cast(values, pa.float64(), safe=False), np.nan)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return (), 0, 0
    chosen = (numbers < low) | (numbers > high)
    return keys_where(sample, chosen), int(chosen.sum()), int(np.count_nonzero(~np.isnan(numbers)))


def _column(sample: Sample, column: str) -> pa.Array | None:
    if column not in sample.table.column_names:
        return None
    values = sample.table.column(column).combine_chunks()
    return values if isinstance(values, pa.Array) else pa.concat_arrays(values.chunks)


def _is_float(values: pa.Array) -> bool:
    return bool(pa.types.is_floating(values.type))


def _mask(values: pa.Array) -> BoolArray:
    return np.asarray(values_of(values), dtype=np.bool_)
