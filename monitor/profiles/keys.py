"""What a row is called: its id as an integer or text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from monitor.core.arrow import filled, missing_in
from monitor.profiles.casting import plain
from monitor.profiles.levels import level_names


def key_column(array: pa.Array) -> pa.Array:
    """An id column as integers or text, so that a key is an int or a str on any engine."""
    array = plain(array)
    kind = array.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return array.cast(pa.int64())
    if pa.types.is_large_string(kind):
        return array
    if pa.types.is_floating(kind):
        numbers = filled(array.cast(pa.float64()), np.nan)
        whole = np.isfinite(numbers) & (np.abs(numbers) < 2**53) & (numbers == np.rint(numbers))
        if np.all(whole | np.isnan(numbers)):
            return pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole)
    valid = ~missing_in(array)
    names: list[str | None] = [None] * len(array)
    for at, name in zip(np.flatnonzero(valid), level_names(array.drop_null()), strict=True):
        names[at] = name
    return pa.array(names, pa.large_string())
