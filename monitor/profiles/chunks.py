"""Chunked columns as one array."""

from __future__ import annotations

import pyarrow as pa


def whole(column: pa.ChunkedArray) -> pa.Array:
    """One array of a chunked column; dictionaries are unified in bulk."""
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    if column.num_chunks == 0:
        return pa.nulls(0, column.type) if not _odd(column.type) else pa.array([], column.type)
    return pa.concat_arrays(column.chunks)


def _odd(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind))
