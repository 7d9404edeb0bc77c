"""One schema over files whose types disagree, and columns cast to it without a crash."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from monitor.sources.tally import Tally

_CONVERSION_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)

_PLAIN = {
    "large_string": pa.string(),
    "string_view": pa.string(),
    "large_binary": pa.binary(),
    "binary_view": pa.binary(),
}


def plain(dtype: pa.DataType) -> pa.DataType:
    """The type that values have, whatever their encoding: no views, no large offsets."""
    if isinstance(dtype, pa.BaseExtensionType):
        return plain(dtype.storage_type)
    if pa.types.is_dictionary(dtype) or pa.types.is_run_end_encoded(dtype):
        return plain(dtype.value_type)
    if pa.types.is_list_view(dtype) or pa.types.is_large_list_view(dtype):
        return pa.list_(plain(dtype.value_type))
    return _PLAIN.get(str(dtype), dtype)


def common_type(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    """The least type that holds the values of both; text when no other does.

    Examples
    --------
    >>> common_type(pa.int32(), pa.float32())
    DataType(double)
    >>> common_type(pa.int64(), pa.bool_())
    DataType(string)
    """
    left, right = plain(left), plain(right)
    if left.equals(right) or pa.types.is_null(left) or pa.types.is_null(right):
        return right if pa.types.is_null(left) else left
    if _is_number(left) and _is_number(right):
        return _common_number(left, right)
    return _common_other(left, right)


def _common_other(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    if _is_time(left) and _is_time(right):
        zone = getattr(left, "tz", None) or getattr(right, "tz", None)
        return pa.timestamp("us", tz="UTC" if zone else None)
    if _is_list(left) and _is_list(right):
        return pa.list_(common_type(left.value_type, right.value_type))
    return pa.string()


def _is_number(dtype: pa.DataType) -> bool:
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(kind(dtype) for kind in kinds)


def _is_time(dtype: pa.DataType) -> bool:
    return any(kind(dtype) for kind in (pa.types.is_timestamp, pa.types.is_date))


def _is_list(dtype: pa.DataType) -> bool:
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(kind(dtype) for kind in kinds)


def _common_number(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(left) and pa.types.is_integer(right):
        wide = max(left.bit_width, right.bit_width)
        if pa.types.is_signed_integer(left) == pa.types.is_signed_integer(right):
            return left if left.bit_width == wide else right
        unsigned = max(d.bit_width for d in (left, right) if pa.types.is_unsigned_integer(d))
        bits = max(wide, unsigned * 2)
        signed = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
        return signed.get(bits, pa.float64())
    if pa.types.is_floating(left) and pa.types.is_floating(right):
        return left if left.bit_width >= right.bit_width else right
    return pa.float64()


def reader_for(
    source: pa.DataType, target: pa.DataType, column: str, tally: Tally
) -> Callable[[pa.Array], pa.Array]:
    """A function that brings arrays of a column to its type; what does not fit is counted."""
    convert = _converter(source, target, column, tally)
    if pa.types.is_string(target):
        return lambda array: _sound(convert(array), column, tally)
    return convert


def _converter(
    source: pa.DataType, target: pa.DataType, column: str, tally: Tally
) -> Callable[[pa.Array], pa.Array]:
    if pa.types.is_dictionary(target) and source.equals(target):
        levels = reader_for(source.value_type, target.value_type, column, tally)
        return lambda array: _releveled(array, levels, target)
    if source.equals(target):
        return lambda array: array
    if pa.types.is_dictionary(target):
        if pa.types.is_dictionary(source):
            levels = reader_for(source.value_type, target.value_type, column, tally)
            return lambda array: _releveled(array, levels, target)
        inner = reader_for(source, target.value_type, column, tally)
        return lambda array: _encode(inner(array), target)
    return lambda array: _convert(array, target, column, tally)


def _sound(array: pa.StringArray, column: str, tally: Tally) -> pa.StringArray:
    """Text that is UTF-8: files may hold other bytes, which nothing below could print."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.binary()).to_pylist()
        texts = [as_text(value) for value in raw]
        pairs = zip(raw, texts, strict=True)
        bad = sum(1 for was, now in pairs if was is not None and was != (now or "").encode())
        tally.broken_text[column] = tally.broken_text.get(column, 0) + bad
        return pa.array(texts, pa.string())
    return array


def _encode(array: pa.Array, target: pa.DataType) -> pa.Array:
    return array.dictionary_encode().cast(target)


def _releveled(
    array: pa.DictionaryArray, levels: Callable[[pa.Array], pa.Array], target: pa.DataType
) -> pa.Array:
    """The same codes over converted levels; nothing is decoded."""
    codes = array.indices.cast(target.index_type)
    return pa.DictionaryArray.from_arrays(codes, levels(array.dictionary))


def _convert(array: pa.Array, target: pa.DataType, column: str, tally: Tally) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_dictionary(array.type):
        array = without_views(array).dictionary_decode()
    try:
        return array.cast(target, safe=not _is_time(target))
    except _CONVERSION_ERRORS:
        pass
    if pa.types.is_string(target):
        return pa.array([as_text(value) for value in array.to_pylist()], pa.string())
    return coerce(array, target, column, tally)


def without_views(array: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Text and bytes with offsets: Arrow cannot `take` from views yet."""
    dtype = array.type
    if pa.types.is_dictionary(dtype) and isinstance(array, pa.ChunkedArray):
        return pa.chunked_array([without_views(chunk) for chunk in array.chunks])
    if pa.types.is_dictionary(dtype):
        levels = without_views(array.dictionary)
        return pa.DictionaryArray.from_arrays(array.indices, levels)
    if pa.types.is_string_view(dtype):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_binary_view(dtype) else array


def as_text(value: object) -> str | None:
    """Any value as text: bytes decoded, nested ones as JSON."""
    if value is None:
        return None
    if isinstance(value, str):  # half of a surrogate pair is no text that can be stored
        return value.encode("utf-8", errors="replace").decode("utf-8")
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, default=as_text, ensure_ascii=False)
    return str(value)


def coerce(array: pa.Array, target: pa.DataType, column: str, tally: Tally) -> pa.Array:
    """Values as `target`; those that are none become null, are counted, and one is named."""
    import pandas as pd  # noqa: PLC0415 - half a second that only dirty files pay

    if pa.types.is_binary(array.type):
        array = pa.array([as_text(value) for value in array.to_pylist()], pa.string())
    values = array.to_pandas()
    if _is_number(target):
        parsed = pd.to_numeric(values, errors="coerce")
        if pa.types.is_integer(target):
            parsed = parsed.where(parsed % 1 == 0)
    elif _is_time(target):
        parsed = pd.to_datetime(values, errors="coerce", format="ISO8601", utc=True)
        parsed = parsed.dt.tz_localize(None) if getattr(target, "tz", None) is None else parsed
    elif pa.types.is_boolean(target):
        words = values.astype("string").str.strip().str.lower()
        parsed = words.map({"true": True, "1": True, "false": False, "0": False})
    else:
        parsed = pd.Series([None] * len(array))
    result = pa.array(parsed, from_pandas=True).cast(target, safe=False)
    bad = pc.and_(array.is_valid(), result.is_null())
    if count := pc.sum(bad).as_py():
        tally.unparsable_values(column, str(target), count, array.filter(bad)[0].as_py())
    return result


def unify(schemas: Iterable[tuple[str, pa.Schema]]) -> pa.Schema:
    """One schema over named parts: columns in order of first sight, types that hold all."""
    types: dict[str, pa.DataType] = {}
    stored: dict[str, pa.DataType] = {}
    for _, schema in schemas:
        for field in schema:
            known = types.get(field.name)
            types[field.name] = plain(field.type) if known is None else known
            if known is not None and not known.equals(field.type):
                types[field.name] = common_type(known, field.type)
            stored.setdefault(field.name, field.type)
    return pa.schema([pa.field(name, _kept(types[name], stored[name])) for name in types])


def _kept(dtype: pa.DataType, first: pa.DataType) -> pa.DataType:
    """A column stored as categories stays one, where all parts agree on its values."""
    if pa.types.is_dictionary(first) and plain(first).equals(dtype):
        return pa.dictionary(pa.int32(), dtype)
    return dtype


def usual_types(schemas: Iterable[pa.Schema]) -> dict[str, pa.DataType]:
    """For each column the type that most parts have."""
    seen: dict[str, Counter[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            if not pa.types.is_null(field.type):
                seen.setdefault(field.name, Counter())[plain(field.type)] += 1
    return {name: counts.most_common(1)[0][0] for name, counts in seen.items()}
