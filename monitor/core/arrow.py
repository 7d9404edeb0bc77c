"""Between Arrow and numpy by their buffers: no copy, and no pandas.

`pa.array`, `Array.to_numpy` and Arrow scalars look for pandas at their first call, and importing
it takes 0.2 s that most runs have no other use for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def values_of(array: pa.Array) -> npt.NDArray[Any]:
    """Values of a boolean, integer or float array, shape (n,); where null, anything.

    Not a copy, but of booleans: do not write into it.
    """
    start, stop = array.offset, array.offset + len(array)
    buffer = array.buffers()[1]
    if pa.types.is_boolean(array.type):
        return _bits(buffer, start, stop)
    dtype = np.dtype(array.type.to_pandas_dtype())
    if buffer is None or not len(array):
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=stop)[start:]


def missing_in(array: pa.Array) -> npt.NDArray[np.bool_]:
    """True where a value is null, shape (n,)."""
    if not array.null_count:
        return np.zeros(len(array), np.bool_)
    validity = array.buffers()[0]
    if validity is None:  # the null type, and types whose nulls lie deeper
        if pa.types.is_null(array.type):
            return np.ones(len(array), np.bool_)
        return values_of(array.is_null())
    return np.logical_not(_bits(validity, array.offset, array.offset + len(array)))


def filled(array: pa.Array, value: float) -> npt.NDArray[Any]:
    """Values of a boolean, integer or float array with `value` for null, shape (n,)."""
    numbers = values_of(array)
    if not array.null_count:
        return numbers
    numbers = numbers.copy()
    numbers[missing_in(array)] = value
    return numbers


def array_of(values: npt.NDArray[Any]) -> pa.Array:
    """Booleans, integers or floats as an Arrow array without nulls; numbers are not copied."""
    if values.dtype == np.bool_:
        packed = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(packed)])
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def texts_of(values: Sequence[str], kind: pa.DataType | None = None) -> pa.Array:
    """Texts as a `large_string` array, or as another type of text. Lone surrogates raise."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    parts = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    array = pa.Array.from_buffers(pa.large_string(), len(encoded), parts)
    return array if kind is None else array.cast(kind)


def _bits(buffer: pa.Buffer | None, start: int, stop: int) -> npt.NDArray[np.bool_]:
    """Bits of a bitmap, the least significant of each byte first."""
    if buffer is None or stop == start:
        return np.zeros(stop - start, np.bool_)
    packed = np.frombuffer(buffer, np.uint8)[start // 8 : -(-stop // 8)]
    bits = np.unpackbits(packed, bitorder="little")[start % 8 :]
    return bits[: stop - start].view(np.bool_)
