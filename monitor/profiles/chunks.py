"""Chunked columns as one array, and odd types as the ones that Arrow's functions know."""

from __future__ import annotations

from typing import TypeVar

import pyarrow as pa

_C = TypeVar("_C", pa.Array, pa.ChunkedArray)


def whole(column: pa.ChunkedArray) -> pa.Array:
    """One array of a chunked column; dictionaries are unified in bulk, odd types made simple."""
    if column.num_chunks == 1:
        return simple(column.chunk(0))
    if column.num_chunks == 0:
        return simple(column.combine_chunks())
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return pa.concat_arrays(simple(column).chunks)


def simple(column: _C) -> _C:
    """Views as large strings, extension types as their storage; the others as they are.

    Arrow has no `take` and no `filter` for views.
    """
    kind = column.type
    if kind.id in _SIMPLE:
        return column
    if isinstance(kind, pa.BaseExtensionType):
        return simple(column.cast(kind.storage_type))
    wanted = _simple_type(kind)
    return column if wanted is None else column.cast(wanted)


#: Types that are simple as they are, by their number: asked for each column of each buffer.
_SIMPLE = frozenset(
    kind.id
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
        *(pa.string(), pa.large_string(), pa.timestamp("us"), pa.date32()),
    )
)


def _simple_type(kind: pa.DataType) -> pa.DataType | None:
    types = pa.types
    if types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return pa.large_list(kind.value_type)
    if types.is_dictionary(kind) and types.is_string_view(kind.value_type):
        return pa.large_string()
    if types.is_run_end_encoded(kind):
        return kind.value_type
    return None


def simple_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with simple types, itself when it has no others."""
    for at, field in enumerate(batch.schema):
        if field.type.id in _SIMPLE:
            continue
        if isinstance(field.type, pa.BaseExtensionType) or _simple_type(field.type) is not None:
            column = simple(batch.column(at))
            batch = batch.set_column(at, pa.field(field.name, column.type), column)
    return batch
