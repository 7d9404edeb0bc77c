"""Stable 64-bit hashes of Arrow columns: the same on any machine, for any split of the rows.

Finaliser: splitmix64 (Steele, Lea & Flood 2014). Strings and lists: polynomial over their bytes
(or the hashes of their elements) modulo 2**64, vectorised by prefix sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import filled, missing_in, values_of
from monitor.profiles.scratch import scratch

Hashes = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_BASE = 0x2545F4914F6CDD1D  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)
_NULL = np.uint64(0xA5A5A5A55A5A5A5A)
_NAN_BITS = np.uint64(0x7FF8000000000000)
_CHUNK = 1 << 16


def splitmix64(values: Hashes) -> Hashes:
    """Finaliser of splitmix64, element by element."""
    z = values + _GOLDEN
    shifted = scratch.get("shifted", np.uint64, len(z))
    for shift, factor in ((30, _MIX_1), (27, _MIX_2), (31, None)):
        np.right_shift(z, np.uint64(shift), out=shifted)
        np.bitwise_xor(z, shifted, out=z)
        if factor is not None:
            np.multiply(z, factor, out=z)
    return z


def combine(left: Hashes, right: Hashes) -> Hashes:
    """One hash of two columns; the order matters."""
    return splitmix64(left * np.uint64(31) ^ right)


def hash_rows(columns: Iterable[pa.Array], rows: int) -> Hashes:
    """One hash of several columns, shape (rows,); the order matters.

    The columns' values are mixed by multiply and shift, and finished once: a third of the cost
    of hashing each.
    """
    total = np.zeros(rows, np.uint64)
    shifted = scratch.get("shifted", np.uint64, rows)
    for array in columns:
        np.bitwise_xor(total, _words(array), out=total)
        np.multiply(total, np.uint64(_BASE), out=total)
        np.right_shift(total, np.uint64(32), out=shifted)
        np.bitwise_xor(total, shifted, out=total)
    return splitmix64(total)


def _words(array: pa.Array) -> Hashes:
    """The bits of numbers, the hashes of all else; nulls are one fixed word."""
    kind = array.type
    if array.null_count == 0 and pa.types.is_float64(kind):
        return _float_bits(values_of(array))
    if array.null_count == 0 and kind == pa.int64():
        return np.asarray(values_of(array).view(np.uint64))
    if pa.types.is_floating(kind):
        bits = _float_bits(filled(array.cast(pa.float64()), 0.0))
    elif pa.types.is_integer(kind) and kind != pa.uint64():
        bits = filled(array.cast(pa.int64()), 0).view(np.uint64)
    else:
        return hash_array(array)
    if array.null_count:
        bits = np.where(missing_in(array), _NULL, bits)
    return bits


def fitting_half(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Rows for fitting an encoder (about one half); the others are held out.

    The bit is taken from a second mix: the bottom-k sample has the least hashes, so that their
    own top bits are all alike.
    """
    mixed = splitmix64(hashes ^ _MIX_1)
    return np.asarray(mixed >> np.uint64(63) == 0)


def hash_array(array: pa.Array | pa.ChunkedArray) -> Hashes:
    """Hash of each value, shape (n,). Equal values of int, string … types have equal hashes."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if isinstance(array, pa.ChunkedArray):
            return np.concatenate([hash_array(chunk) for chunk in array.chunks])
    if len(array) == 0:
        return np.empty(0, np.uint64)
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _hash_dictionary(array)
    if pa.types.is_null(kind):
        return np.full(len(array), _NULL)
    hashes = _hash_values(array, kind)
    if array.null_count:
        hashes = np.where(missing_in(array), _NULL, hashes)
    return hashes


def hash_key(key: Any) -> int:
    """Hash of one row key (int or str), equal to that of the same value in a column."""
    kind = pa.int64() if isinstance(key, int) else pa.string()
    return int(hash_array(pa.array([key], kind))[0])


def _hash_dictionary(array: pa.DictionaryArray) -> Hashes:
    table = np.append(hash_array(array.dictionary), _NULL)
    at = filled(array.indices.cast(pa.int64()), len(array.dictionary))
    return np.asarray(table[at])


def _hash_values(array: pa.Array, kind: pa.DataType) -> Hashes:  # noqa: PLR0911 - a line a type
    types = pa.types
    if types.is_boolean(kind) or types.is_integer(kind):
        wide = kind if kind == pa.uint64() else pa.int64()
        numbers = filled(array.cast(wide), 0)
        return splitmix64(numbers.view(np.uint64))
    if types.is_floating(kind):
        return _hash_floats(filled(array.cast(pa.float64()), 0.0))
    if types.is_temporal(kind) and not types.is_interval(kind):
        return _hash_temporal(array, kind)
    if types.is_string(kind) or types.is_binary(kind):
        return _hash_bytes(array)
    if types.is_large_string(kind) or types.is_large_binary(kind):
        return _hash_bytes(array)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _hash_lists(array)
    return _hash_bytes(
        pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.large_string())
    )


def _float_bits(numbers: npt.NDArray[np.float64]) -> Hashes:
    bits = (numbers + 0.0).view(np.uint64)  # -0.0 + 0.0 is 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        odd = not np.isfinite(numbers.sum())
    return np.where(np.isnan(numbers), _NAN_BITS, bits) if odd else bits


def _hash_floats(numbers: npt.NDArray[np.float64]) -> Hashes:
    return splitmix64(_float_bits(numbers) ^ _MIX_2)


def _hash_temporal(array: pa.Array, kind: pa.DataType) -> Hashes:
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        array = array.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
    width = array.type.bit_width
    integers = array.view(pa.int64() if width == 64 else pa.int32()).cast(pa.int64())
    return splitmix64(filled(integers, 0).view(np.uint64))


def _hash_bytes(array: pa.Array) -> Hashes:
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    dtype = np.int64 if large else np.int32
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=dtype)[array.offset :][: len(array) + 1]
    raw = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    return _polynomial(raw, offsets.astype(np.int64))


def _hash_lists(array: pa.Array) -> Hashes:
    if pa.types.is_fixed_size_list(array.type):
        width = array.type.list_size
        values = array.values.slice(array.offset * width, len(array) * width)
        offsets = np.arange(len(array) + 1, dtype=np.int64) * width
    else:
        offsets = values_of(array.offsets).astype(np.int64)
        values = array.values
    return _polynomial(hash_array(values), offsets)


def _polynomial(elements: npt.NDArray[Any], offsets: npt.NDArray[np.int64]) -> Hashes:
    """Sum of element * BASE**(position in its row), mixed with the length, row by row."""
    lengths = np.diff(offsets)
    hashes = np.zeros(len(lengths), np.uint64)
    row = 0
    while row < len(lengths):
        limit = offsets[row] + _CHUNK
        stop = max(row + 1, int(np.searchsorted(offsets, limit, side="right")) - 1)
        piece = elements[offsets[row] : offsets[stop]].astype(np.uint64)
        starts = offsets[row : stop + 1] - offsets[row]
        hashes[row:stop] = _rows_of_piece(piece, starts)
        row = stop
    return splitmix64(hashes ^ (lengths.astype(np.uint64) * _MIX_1))


def _rows_of_piece(piece: Hashes, starts: npt.NDArray[np.int64]) -> Hashes:
    prefix = np.zeros(len(piece) + 1, np.uint64)
    np.cumsum((piece + np.uint64(1)) * _powers(_BASE, len(piece)), out=prefix[1:])
    sums = prefix[starts[1:]] - prefix[starts[:-1]]
    return sums * _powers(_INVERSE, len(piece) + 1)[starts[:-1]]


_POWERS: dict[int, Hashes] = {}


def _powers(base: int, count: int) -> Hashes:
    known = _POWERS.get(base)
    if known is None or len(known) < count:
        steps = np.full(max(count, _CHUNK + 1), np.uint64(base))
        steps[0] = 1
        known = np.cumprod(steps)
        _POWERS[base] = known
    return known[:count]
