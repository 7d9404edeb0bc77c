"""JSON lines: parsed by Arrow block by block; a block that Arrow refuses is read line by line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from monitor.core.ports import Note
from monitor.sources.places import Place
from monitor.sources.readers import NothingInItError, Request, WithoutStatistics
from monitor.sources.readers.blocks import lines, pieces
from monitor.sources.tally import Tally, short
from monitor.sources.times import HAS_ZONE
from monitor.sources.types import as_text, reader_for, unify

_BLOCK = 8 << 20
_LOOKED_AT = 20


class JsonLinesReader(WithoutStatistics):
    """One file with one JSON object a line, plain or compressed."""

    def __init__(self, place: Place, budget: int) -> None:
        self._place, self._budget = place, budget
        self.notes: list[Note] = []
        self.rows: int | None = None
        seen = pieces(place, budget)
        if not seen.head.strip(b"\xef\xbb\xbf \t\r\n"):
            raise NothingInItError
        if seen.head.lstrip()[:1] == b"[":
            msg = "it holds one JSON array; write one object a line (`jq -c '.[]'` does it)"
            raise pa.ArrowInvalid(msg)
        self._whole = seen.whole
        tables = [self._parse(piece, Tally()) for piece in (seen.head, *seen.others)]
        self.empty = not any(table.num_rows for table in tables)
        if self.empty:
            msg = "no line of it is a JSON object"
            raise pa.ArrowInvalid(msg)
        schema = unify((place.name, table.schema) for table in tables)
        zoned = _zoned(seen.head)
        self.schema = pa.schema([_field(field, zoned, whole=seen.whole) for field in schema])

    def batches(self, request: Request, tally: Tally) -> Iterator[pa.RecordBatch]:
        """All rows."""
        names = [name for name in request.columns if name in self.schema.names]
        unknown: set[str] = set()
        for block in lines(self._place, _BLOCK):
            table = self._parse(block, tally)
            unknown |= set(table.column_names) - set(self.schema.names)
            yield self._typed(table, names, tally)
        if unknown:
            shown = ", ".join(sorted(map(repr, unknown))[:10])
            message = f"{self._place.name} names further on what it did not at first: {shown}."
            tally.others.append(Note("column_ignored", message, count=len(unknown)))

    def sample(self, request: Request, _rows: int, tally: Tally) -> Iterator[pa.RecordBatch]:
        """The head and pieces from all over a local file; the head of one that is not."""
        names = [name for name in request.columns if name in self.schema.names]
        seen = pieces(self._place, self._budget)
        for piece in (seen.head, *seen.others):
            yield self._typed(self._parse(piece, tally), names, tally)

    def _typed(self, table: pa.Table, names: list[str], tally: Tally) -> pa.RecordBatch:
        arrays = []
        for name in names:
            dtype = self.schema.field(name).type
            if name in table.column_names:
                array = table.column(name).combine_chunks()
                arrays.append(reader_for(array.type, dtype, name, tally)(array))
            else:
                arrays.append(pa.nulls(table.num_rows, dtype))
        schema = pa.schema([self.schema.field(name) for name in names])
        if not names:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * table.num_rows, pa.struct([])))
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _parse(self, block: bytes, tally: Tally) -> pa.Table:
        if not block.strip():
            return pa.table({})
        try:
            return arrow_json.read_json(
                io.BytesIO(block), arrow_json.ReadOptions(block_size=len(block) + 1)
            )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return self._parse_lines(block, tally)

    def _parse_lines(self, block: bytes, tally: Tally) -> pa.Table:
        rows: list[dict[str, Any]] = []
        for line in block.splitlines():
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if isinstance(row, dict):
                rows.append(row)
            else:
                tally.skipped_row(self._place.name, short(line.decode("utf-8", errors="replace")))
        names = dict.fromkeys(name for row in rows for name in row)
        return pa.table({name: _array([row.get(name) for row in rows]) for name in names})


def _array(values: list[Any]) -> pa.Array:
    """Values of one type if they have one, else their text."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
        return pa.array([as_text(value) for value in values], pa.string())


def _field(field: pa.Field, zoned: set[str], *, whole: bool) -> pa.Field:
    """A column as it is announced, from what was seen of it."""
    if pa.types.is_timestamp(field.type) and field.name in zoned:
        return pa.field(field.name, pa.timestamp(field.type.unit, tz="UTC"))
    if pa.types.is_null(field.type) and not whole:  # it may hold anything further on
        return pa.field(field.name, pa.string())
    return field


def _zoned(head: bytes) -> set[str]:
    """Columns whose times carry a zone: Arrow turns them into UTC, but does not say so."""
    found: set[str] = set()
    for line in head.splitlines()[:_LOOKED_AT]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            found |= {k for k, v in row.items() if isinstance(v, str) and HAS_ZONE.search(v)}
    return found
