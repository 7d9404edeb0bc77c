"""Values of any type as levels: positions in a list of names, the names always text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import array_of, filled, missing_in, texts_of, values_of

IntArray = npt.NDArray[np.int64]

#: Longer names are cut, with a digest of the whole behind.
MAX_NAME = 200
_DENSE_RANGE = 4096


@dataclass(frozen=True, slots=True)
class Levels:
    """A buffer's values of one column as positions in `values`."""

    positions: npt.NDArray[np.integer[Any]]  #: shape (n,), in `values`; len(values) is null
    values: pa.Array  #: the distinct values, of any type; no nulls
    nulls: int

    def names(self, at: IntArray | None = None) -> list[str]:
        """Names of all values, or of those at some positions."""
        values = self.values if at is None else self.values.take(array_of(at))
        return level_names(values)


def level_names(values: pa.Array) -> list[str]:
    """Names of distinct values: "1", "true", "2013-01-05"; floats that are whole lose the ".0"."""
    kind = values.type
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        texts: list[str] = values.to_pylist()
        return texts if _short(values) else [_bounded(text) for text in texts]
    if types.is_integer(kind):
        return [str(value) for value in values.to_pylist()]
    if types.is_boolean(kind):
        return ["true" if value else "false" for value in values.to_pylist()]
    try:
        return [_bounded(name_of(value)) for value in values.to_pylist()]
    except (ValueError, OverflowError):  # times that Python does not know
        return [str(value) for value in values.cast(pa.int64()).to_pylist()]


def name_of(value: Any) -> str:
    """The name of one Python value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, bytes):
        return value[: MAX_NAME + 1].decode("utf-8", "backslashreplace")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _short(texts: pa.Array) -> bool:
    """Whether no text is cut: one look at all costs less than one at each."""
    if pa.types.is_string_view(texts.type):
        return False
    longest = pc.max(pc.binary_length(texts)).as_py()
    return longest is None or longest <= MAX_NAME


def _bounded(name: str) -> str:
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[:MAX_NAME]}… {digest}"


def encode_levels(array: pa.Array) -> Levels:
    """Positions and distinct values of a column of any type; NaN counts as null."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _of_dictionary(array)
    if pa.types.is_null(kind):
        return Levels(np.zeros(len(array), np.int64), texts_of([], pa.string()), len(array))
    if pa.types.is_boolean(kind):
        array = array.cast(pa.uint8())
        return _of_range(array, 0, 1, array_of(np.array([False, True])))
    if pa.types.is_integer(kind) and len(array) > array.null_count:
        ends = pc.min_max(array)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        if high - low < _DENSE_RANGE and abs(high) < 2**62:
            return _of_range(array, low, high, array_of(np.arange(low, high + 1, dtype=np.int64)))
    if pa.types.is_floating(kind):
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, kind), array)
    elif pa.types.is_nested(kind) or pa.types.is_decimal(kind) or pa.types.is_interval(kind):
        texts = [None if value is None else str(value) for value in array.to_pylist()]
        array = pa.array(texts, pa.large_string())
    return _of_dictionary(array.dictionary_encode())


def _of_dictionary(array: pa.DictionaryArray) -> Levels:
    values = array.dictionary
    indices = array.indices
    if values.null_count:  # a null may hide in the dictionary itself
        return encode_levels(array.cast(array.type.value_type))
    nulls = indices.null_count
    if not nulls:
        return Levels(values_of(indices), values, 0)
    wide: type[np.signedinteger[Any]] = np.int64 if len(values) >= 1 << 31 else np.int32
    positions = values_of(indices).astype(wide)
    np.copyto(positions, len(values), where=missing_in(indices))
    return Levels(positions, values, nulls)


def _of_range(array: pa.Array, low: int, high: int, values: pa.Array) -> Levels:
    nulls = array.null_count
    if nulls:
        array = array.cast(pa.int64())
    positions = filled(array, high + 1).astype(np.int64, copy=False)
    positions = positions - low if low else positions
    return Levels(positions, values, nulls)
