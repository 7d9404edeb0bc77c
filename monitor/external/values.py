"""Columns of stored samples as the plain series of pandas that other tools take."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from monitor.core.columns import Kind
from monitor.profiles.casting import to_numbers, to_text
from monitor.profiles.chunks import whole
from monitor.profiles.levels import encode_levels

Shape = Literal["num", "cat", "text"]

_SHAPES: dict[Kind, Shape] = {
    "numeric": "num",
    "categorical": "cat",
    "boolean": "cat",
    "text": "text",
}
#: Other tools write values into pages without escaping them.
_HARMLESS = str.maketrans({"<": "‹", ">": "›"})


def shape_of(kind: Kind) -> Shape | None:
    """How other tools see a column of that kind; None where they have no tests for it."""
    return _SHAPES.get(kind)


def present(table: pa.Table, name: str, shape: Shape) -> pd.Series:
    """The finite, or not missing, values of a column; empty when the column is not there.

    Numbers are float64, levels bear the names that profiles give them.
    """
    values = column(table, name, shape)
    return values[values.notna()].reset_index(drop=True)


def column(table: pa.Table, name: str, shape: Shape) -> pd.Series:
    """The values of a column, missing and infinite ones as NaN or None."""
    if name not in table.column_names:
        return pd.Series([], dtype="float64" if shape == "num" else "object")
    array = whole(table.column(name))
    if shape == "num":
        numbers = to_numbers(array)[0].cast(pa.float64(), safe=False)
        floats = numbers.to_numpy(zero_copy_only=False)
        return pd.Series(np.where(np.isfinite(floats), floats, np.nan))
    if shape == "text":
        return pd.Series(to_text(array).to_pylist(), dtype="object")
    levels = encode_levels(array)
    names = np.array([*levels.names(), None], dtype=object)
    return pd.Series(names[levels.positions], dtype="object")


def harmless(text: str) -> str:
    """The text without the signs that open a tag.

    >>> harmless("</script>")
    '‹/script›'
    """
    return text.translate(_HARMLESS)
