"""What a service posts: an Arrow stream or JSON lines becomes one table, or is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import ipc
from pyarrow import json as arrow_json

from monitor.core.errors import BatchRefusedError, DuplicateColumnError
from monitor.sources.arrowbounds import check_stream
from monitor.sources.places import reason
from monitor.sources.readers import check_names
from monitor.sources.tally import short

#: Media types, and what they stand for.
KINDS = {
    "application/vnd.apache.arrow.stream": "arrow",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/jsonlines": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/json-lines": "jsonl",
}
_LONGEST_NAME = 1_000
_DEEPEST = 32
_CELL_BYTES = 8


def kind_of(media_type: str) -> str:
    """`arrow` or `jsonl`. Raises `BatchRefusedError` (415) for anything else."""
    name = media_type.partition(";")[0].strip().lower()
    if name not in KINDS:
        msg = (
            f"The content type {short(name)!r} is not taken. Send an Arrow IPC stream as "
            "application/vnd.apache.arrow.stream, or JSON lines as application/x-ndjson."
        )
        raise BatchRefusedError(msg, 415)
    return KINDS[name]


def parse(path: Path, kind: str, *, max_bytes: int, max_rows: int, max_columns: int) -> pa.Table:
    """The table in a file that was sent; types as the sender has them.

    Raises
    ------
    BatchRefusedError
        It cannot be read (400), or is larger than it may be (413).
    """
    if kind == "arrow":
        table = _arrow(path, max_bytes=max_bytes, max_rows=max_rows)
    else:
        table = _json_lines(path, max_bytes=max_bytes, max_rows=max_rows, max_columns=max_columns)
    if table.num_rows > max_rows:
        msg = f"The batch has {table.num_rows:,} rows, more than {max_rows:,}; send less at once."
        raise BatchRefusedError(msg, 413)
    if table.num_columns > max_columns:
        msg = f"The batch has {table.num_columns:,} columns, more than {max_columns:,}."
        raise BatchRefusedError(msg, 413)
    _check_names(table.column_names)
    return table


def _arrow(path: Path, *, max_bytes: int, max_rows: int) -> pa.Table:
    with path.open("rb") as file:
        check_stream(file, max_bytes=max_bytes, max_rows=max_rows)
        try:
            with ipc.open_stream(pa.PythonFile(file, mode="r")) as reader:
                table: pa.Table = reader.read_all()
            table.validate(full=True)  # offsets in it may point anywhere
        except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
            msg = f"The batch is no Arrow IPC stream that can be read: {reason(error)}."
            raise BatchRefusedError(msg) from error
    return table


def _json_lines(path: Path, *, max_bytes: int, max_rows: int, max_columns: int) -> pa.Table:
    data = path.read_bytes()
    rows, columns = _shape(data)
    if not rows:
        return pa.table({})
    if rows > max_rows or columns > max_columns:
        msg = (
            f"The batch has {rows:,} rows and {columns:,} columns; it may have {max_rows:,} and "
            f"{max_columns:,}."
        )
        raise BatchRefusedError(msg, 413)
    if rows * columns * _CELL_BYTES > max_bytes:
        msg = (
            f"The batch has {rows:,} rows and {columns:,} columns, most of them empty: it becomes "
            "too large. Send rows that have the same columns."
        )
        raise BatchRefusedError(msg, 413)
    try:
        options = arrow_json.ReadOptions(block_size=len(data) + 1)
        table: pa.Table = arrow_json.read_json(io.BytesIO(data), options)
    except (pa.ArrowException, ValueError) as error:
        msg = f"The batch is no table: {reason(error)}. Give each column one type."
        raise BatchRefusedError(msg) from error
    return table


def _shape(data: bytes) -> tuple[int, int]:
    """Rows, and columns with those inside of columns; raises at a line that is no object.

    Arrow makes a column of every key before it can be asked how many there are.
    """
    paths: set[Any] = set()
    rows = 0
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            text = short(line.decode("utf-8", errors="replace"))
            msg = f"Line {number} of the batch is no JSON object: {text!r}."
            raise BatchRefusedError(msg)
        rows += 1
        paths.update(row)
        for name, value in row.items():
            if isinstance(value, (dict, list)):
                _inside(value, (name,), paths)
    return rows, len(paths)


def _inside(value: dict[str, Any] | list[Any], path: tuple[str, ...], paths: set[Any]) -> None:
    if len(path) > _DEEPEST:
        msg = f"Values are nested more than {_DEEPEST} deep in column {short(path[0])!r}."
        raise BatchRefusedError(msg)
    pairs = value.items() if isinstance(value, dict) else (("", item) for item in value)
    for name, item in pairs:
        if isinstance(value, dict):
            paths.add((*path, name))
        if isinstance(item, (dict, list)):
            _inside(item, (*path, name), paths)


def _check_names(names: list[str]) -> None:
    if not names:
        msg = "The batch has no column. Send rows."
        raise BatchRefusedError(msg)
    long = [name for name in names if len(name) > _LONGEST_NAME]
    if long:
        msg = f"A column's name has more than {_LONGEST_NAME} characters: {short(long[0])!r}."
        raise BatchRefusedError(msg)
    try:
        check_names(names, "the batch")
    except DuplicateColumnError as error:
        raise BatchRefusedError(str(error)) from None
