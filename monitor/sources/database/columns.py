"""Types of columns in Arrow's words, and rows of a cursor as Arrow batches."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy import types as sqltypes

from monitor.sources.readers import BATCH_BYTES
from monitor.sources.tally import Tally
from monitor.sources.times import UTC_MICROSECONDS
from monitor.sources.types import as_text, coerce

_NAIVE = pa.timestamp("us")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: Rows that are fetched before it is known how wide they are.
_FIRST_ROWS = 500
_WIDEST_INTEGER = 18  #: digits that surely fit into 64 bits

#: Object ids of PostgreSQL's types. What is missing here is text.
_POSTGRES: dict[int, pa.DataType] = {
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    26: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
    1082: pa.date32(),
    1114: _NAIVE,
    1184: UTC_MICROSECONDS,
    1005: pa.list_(pa.int64()),
    1007: pa.list_(pa.int64()),
    1016: pa.list_(pa.int64()),
    1021: pa.list_(pa.float64()),
    1022: pa.list_(pa.float64()),
    1231: pa.list_(pa.float64()),
    1009: pa.list_(pa.string()),
    1015: pa.list_(pa.string()),
}
_POSTGRES_NUMERIC = 1700
_POSTGRES_TEXT = {18, 19, 25, 1042, 1043}
#: Field types of the protocol of MySQL and MariaDB. What is missing here is text.
_MYSQL: dict[int, pa.DataType] = {
    1: pa.int64(),
    2: pa.int64(),
    3: pa.int64(),
    4: pa.float64(),
    5: pa.float64(),
    7: _NAIVE,
    8: pa.int64(),
    9: pa.int64(),
    10: pa.date32(),
    12: _NAIVE,
    13: pa.int64(),
}
_MYSQL_DECIMAL = {0, 246}


def described(description: Sequence[Any], backend: str) -> list[pa.DataType | None]:
    """Types by what the cursor says of its columns; None where it says nothing."""
    if backend == "postgresql":
        return [_postgres(column) for column in description]
    if backend in ("mysql", "mariadb"):
        return [_mysql(column) for column in description]
    return [None] * len(description)


def exotic(names: Sequence[str], description: Sequence[Any], backend: str) -> frozenset[str]:
    """Columns of PostgreSQL that are read as text, but are of another type."""
    if backend != "postgresql":
        return frozenset()
    known = {*_POSTGRES, *_POSTGRES_TEXT, _POSTGRES_NUMERIC}
    pairs = zip(names, description, strict=True)
    return frozenset(name for name, column in pairs if column[1] not in known)


def _postgres(column: Any) -> pa.DataType | None:
    code = column[1]
    if code == _POSTGRES_NUMERIC:
        return _number(column[4], column[5])
    return _POSTGRES.get(code, pa.string()) if isinstance(code, int) else None


def _mysql(column: Any) -> pa.DataType | None:
    if column[1] in _MYSQL_DECIMAL:
        return _number(column[4], column[5])
    if column[1] in range(249, 253):  # bytes and long text share their numbers
        return None
    return _MYSQL.get(column[1], pa.string())


def _number(precision: int | None, scale: int | None) -> pa.DataType:
    whole = scale == 0 and precision is not None and precision <= _WIDEST_INTEGER
    return pa.int64() if whole else pa.float64()


def declared(kind: sa.types.TypeEngine[Any]) -> pa.DataType | None:
    """The Arrow type of a type that SQLAlchemy reflected; None where values decide."""
    if isinstance(kind, sqltypes.DateTime):
        return UTC_MICROSECONDS if kind.timezone else _NAIVE
    if isinstance(kind, sqltypes.Numeric) and not isinstance(kind, sqltypes.Float):
        return _number(kind.precision, kind.scale)
    if isinstance(kind, sqltypes.ARRAY):
        inner = declared(kind.item_type)
        return None if inner is None else pa.list_(inner)
    for known, dtype in _DECLARED:
        if isinstance(kind, known):
            return dtype
    return None


_DECLARED: list[tuple[type[sa.types.TypeEngine[Any]], pa.DataType]] = [
    (sqltypes.Boolean, pa.bool_()),
    (sqltypes.Integer, pa.int64()),
    (sqltypes.Float, pa.float64()),
    (sqltypes.Date, pa.date32()),
    (sqltypes.LargeBinary, pa.binary()),
    (sqltypes.String, pa.string()),
    (sqltypes.Uuid, pa.string()),
    (sqltypes.Time, pa.string()),
    (sqltypes.Interval, pa.string()),
]


def guessed(values: Sequence[Any]) -> pa.DataType:
    """The type of a column by some of its values; text where they disagree or say nothing."""
    there = [value for value in values if value is not None]
    with contextlib.suppress(pa.ArrowException, TypeError, ValueError, OverflowError):
        if there and all(isinstance(value, (Decimal, int, float)) for value in there):
            kinds = {type(value) for value in there}
            if kinds == {bool}:
                return pa.bool_()
            return pa.int64() if kinds <= {int, bool} else pa.float64()
        text = not there or any(isinstance(value, str) for value in there)
        dtype = pa.string() if text else pa.array(there).type
        if pa.types.is_timestamp(dtype):
            return UTC_MICROSECONDS if dtype.tz else _NAIVE
        kept = (pa.types.is_date, pa.types.is_binary, pa.types.is_list)
        return dtype if any(test(dtype) for test in kept) else pa.string()
    return pa.string()


def text_dates(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> frozenset[str]:
    """Columns whose values are dates as text, as far as these rows show."""
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    return frozenset(
        name
        for name, values in columns.items()
        if any(value is not None for value in values)
        and all(value is None or _is_date(value) for value in values)
    )


def _is_date(value: object) -> bool:
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


def array_of(values: Sequence[Any], field: pa.Field, tally: Tally) -> pa.Array:
    """Values of a driver as a column; what does not fit is null, and counted.

    >>> array_of([1, "x", None], pa.field("n", pa.int64()), Tally()).to_pylist()
    [1, None, None]
    """
    for make in (pa.array, _numbers):
        with contextlib.suppress(pa.ArrowException, TypeError, ValueError, OverflowError):
            return make(values, field.type)
    texts = pa.array([as_text(value) for value in values], pa.string())
    if pa.types.is_string(field.type):
        return texts
    if pa.types.is_binary(field.type):
        return texts.cast(pa.binary())
    return coerce(texts, field.type, field.name, tally)


def _numbers(values: Sequence[Any], dtype: pa.DataType) -> pa.Array:
    """Decimals, which Arrow does not take for other numbers. Raises where there is text."""
    if any(isinstance(value, (str, bytes)) for value in values):
        raise TypeError
    if pa.types.is_floating(dtype):
        return pa.array(_floats(values), dtype)
    if pa.types.is_list(dtype) and pa.types.is_floating(dtype.value_type):
        return pa.array([None if value is None else _floats(value) for value in values], dtype)
    if pa.types.is_integer(dtype):
        return pa.array([_whole(value) for value in values], dtype)
    raise TypeError


def _floats(values: Sequence[Any]) -> list[float | None]:
    return [None if value is None else float(value) for value in values]


def _whole(value: Any) -> int | None:
    if value is None:
        return None
    whole = int(value)
    if whole != value:
        raise ValueError
    return whole


def batches_of(
    fetch: Callable[[int], Sequence[Sequence[Any]]],
    schema: pa.Schema,
    rows: int,
    tally: Tally,
) -> Iterator[pa.RecordBatch]:
    """Everything that a cursor gives, in batches of at most `rows` rows and about 64 MiB."""
    count = min(rows, _FIRST_ROWS)
    while found := fetch(count):
        columns = zip(*found, strict=True)
        arrays = [
            array_of(column, field, tally) for column, field in zip(columns, schema, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        yield batch
        width = max(1, batch.nbytes // batch.num_rows)
        count = max(1, min(rows, BATCH_BYTES // width))


def schema_of(
    names: Sequence[str],
    known: Sequence[pa.DataType | None],
    reflected: Mapping[str, pa.DataType | None],
    rows: Sequence[Sequence[Any]],
) -> pa.Schema:
    """Columns of a result: as the cursor has them, as the table declares them, as values are."""
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(names)
    fields = []
    for name, dtype, values in zip(names, known, columns, strict=True):
        found = dtype if dtype is not None else reflected.get(name)
        fields.append(pa.field(name, guessed(values) if found is None else found))
    return pa.schema(fields)
