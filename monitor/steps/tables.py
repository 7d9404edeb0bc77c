"""Tables as bytes for the store: Parquet in memory."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq


def to_bytes(table: pa.Table) -> bytes:
    """A table for the store."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def from_bytes(data: bytes) -> pa.Table:
    """What `to_bytes` wrote."""
    return pq.read_table(io.BytesIO(data))
