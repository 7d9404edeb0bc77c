"""Columns of any type as the numbers, times or texts that the plan wants."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.columns import Kind
from monitor.profiles.chunks import simple

#: Types that Arrow parses whole columns to, before values are tried one by one.
_AT_ONCE = {
    pa.float64(): (pa.float64(),),
    pa.int64(): (pa.timestamp("us"), pa.timestamp("us", "UTC")),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(array: pa.Array) -> pa.Array:
    """The array without dictionary, views or extension type; strings become `large_string`."""
    array = simple(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if is_text(kind) and not pa.types.is_large_string(kind):
        return array.cast(pa.large_string())
    return array


def is_text(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's string types (dictionaries are not unwrapped)."""
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def type_name(kind: pa.DataType) -> str:
    """The type's name; dictionaries count as their values, all string types as "string"."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return "string" if is_text(kind) else str(kind)


def to_numbers(array: pa.Array) -> tuple[pa.Array, str]:  # noqa: PLR0911 - one line a type
    """Signed integers or float64/float32, and a note when values were lost.

    Booleans are 0 and 1, durations and times of day microseconds, times microseconds since 1970.
    Text is parsed; what does not parse is null, and the note says so.
    """
    array = simple(array)
    types, kind = pa.types, array.type
    if types.is_float64(kind) or types.is_float32(kind) or types.is_signed_integer(kind):
        return array, ""
    if types.is_null(kind):
        return array.cast(pa.float64()), ""
    if types.is_boolean(kind):
        return array.cast(pa.int8()), ""
    if kind == pa.uint64() or types.is_float16(kind) or types.is_decimal(kind):
        return array.cast(pa.float64(), safe=False), ""
    if types.is_unsigned_integer(kind):
        return array.cast(pa.int64()), ""
    if types.is_duration(kind):
        return array.cast(pa.duration("us"), safe=False).cast(pa.int64()), ""
    if types.is_time(kind):
        return array.cast(pa.time64("us"), safe=False).cast(pa.int64()), ""
    if types.is_timestamp(kind) or types.is_date(kind):
        return to_micros(array)
    return _parse(array, pa.float64(), _number, "numbers")


def to_micros(array: pa.Array) -> tuple[pa.Array, str]:
    """Microseconds since 1970 UTC (int64), and a note when values were lost.

    Times without a zone are taken as UTC. Text is parsed as ISO 8601.
    """
    types, kind = pa.types, array.type
    if types.is_timestamp(kind) or types.is_date(kind):
        wanted = pa.timestamp("us", tz=getattr(kind, "tz", None))
        try:
            return array.cast(wanted, safe=False).cast(pa.int64()), ""
        except pa.ArrowInvalid:
            return pa.nulls(len(array), pa.int64()), "Times outside of the range that fits."
    if types.is_null(kind):
        return array.cast(pa.int64()), ""
    if types.is_integer(kind):
        return array.cast(pa.int64(), safe=False), ""
    if types.is_floating(kind):
        numbers = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        good = np.isfinite(numbers) & (np.abs(numbers) < 9.2e18)
        micros = np.where(good, numbers, 0).astype(np.int64)
        return pa.array(micros, mask=~good), ""
    return _parse(array, pa.int64(), _micros, "ISO 8601 times")


def _parse(
    array: pa.Array, wanted: pa.DataType, parse: Callable[[Any], float | int | None], what: str
) -> tuple[pa.Array, str]:
    name = type_name(array.type)
    if not (pa.types.is_dictionary(array.type) or is_text(array.type)):
        note = f"Values of type {name} are no {what}; all count as missing."
        return pa.nulls(len(array), wanted), note
    if not pa.types.is_dictionary(array.type):
        array = plain(array)
        for kind in _AT_ONCE[wanted]:
            with contextlib.suppress(pa.ArrowInvalid):
                return array.cast(kind).cast(wanted), ""
        array = array.dictionary_encode()
    parsed = pa.array([parse(value) for value in array.dictionary.to_pylist()], wanted)
    result = parsed.take(array.indices)
    lost = result.null_count > array.null_count
    note = f"Some values of type {name} are no {what}; they count as missing." if lost else ""
    return result, note


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _micros(value: Any) -> int | None:
    try:
        time = datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    delta = time - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def to_text(array: pa.Array) -> pa.Array:
    """The column as `large_string`; other types by their Python text."""
    array = plain(array)
    if pa.types.is_large_string(array.type):
        return array
    if pa.types.is_nested(array.type) or pa.types.is_binary(array.type) or _odd(array.type):
        values = array.to_pylist()
        return pa.array([None if v is None else str(v) for v in values], pa.large_string())
    return array.cast(pa.large_string())


def _odd(kind: pa.DataType) -> bool:
    return bool(pa.types.is_fixed_size_binary(kind) or pa.types.is_interval(kind))


def is_missing(array: pa.Array) -> pa.BooleanArray:
    """True where a value is null or NaN; any type."""
    array = simple(array)
    if pa.types.is_floating(array.type):
        return pc.is_null(array, nan_is_null=True)
    return pc.is_null(array)


def numbers_of(array: pa.Array, kind: Kind) -> tuple[pa.Array, str]:
    """What a numeric or datetime column is counted from."""
    return to_micros(plain(array)) if kind == "datetime" else to_numbers(array)
