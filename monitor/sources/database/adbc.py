"""PostgreSQL by ADBC: rows leave the server as Arrow, several times as fast as by a cursor."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.visitors import replacement_traverse

from monitor.core.errors import PluginError, SourceError, SourceInterruptedError
from monitor.sources.places import reason
from monitor.sources.readers import BATCH_BYTES
from monitor.sources.tally import Tally

_BATCH_HINT = "adbc.postgresql.batch_size_hint_bytes"
#: Settings that carry bound values: the server streams only what has no parameters of its own.
_SETTING = "driftloop."
#: The first and the last day that are taken for real, and how their ordinals count from 1970.
_CALENDAR = (date(1, 1, 2), date(9999, 12, 30))
_EPOCH = date(1970, 1, 1).toordinal()
_DAY_TICKS = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_PASSING = ("08", "40", "53", "55", "57", "58", "00")


def installed() -> bool:
    """Whether the driver is there."""
    return importlib.util.find_spec("adbc_driver_postgresql") is not None


def require() -> None:
    """Raise `PluginError` unless the driver is there."""
    if not installed():
        msg = (
            "`adbc = true` needs the ADBC driver of PostgreSQL, which is not installed: "
            "pip install 'driftloop[adbc]'."
        )
        raise PluginError(msg)


def batches(
    url: sa.URL, question: sa.Select[Any], schema: pa.Schema, tally: Tally
) -> Iterator[pa.RecordBatch]:
    """The rows of a question, in batches of bounded size.

    Raises
    ------
    adbc_driver_manager.Error
        The server refuses, or is gone; see `explain`.
    """
    from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]  # noqa: PLC0415

    text, values = compiled(question)
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(dbapi.connect(address)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        for name, value in values.items():
            cursor.execute("SELECT set_config($1, $2, true)", (name, value))
            cursor.fetchall()
        cursor.adbc_statement.set_options(**{_BATCH_HINT: str(BATCH_BYTES // 4)})
        cursor.execute(text)
        with cursor.fetch_record_batch() as reader:
            for batch in reader:
                columns = [
                    _of_a_calendar(column, name, tally)
                    for column, name in zip(batch.columns, schema.names, strict=True)
                ]
                yield pa.RecordBatch.from_arrays(columns, names=schema.names)


def _of_a_calendar(column: pa.Array, name: str, tally: Tally) -> pa.Array:
    """Times that no calendar has ("infinity", the year 20000) are null, and counted."""
    if pa.types.is_timestamp(column.type):
        values, per_day = column.cast(pa.int64()), _DAY_TICKS[column.type.unit]
    elif pa.types.is_date32(column.type):
        values, per_day = column.cast(pa.int32()).cast(pa.int64()), 1
    else:
        return column
    low, high = (day.toordinal() - _EPOCH for day in _CALENDAR)
    fine = pc.and_(pc.greater_equal(values, low * per_day), pc.less(values, (high + 1) * per_day))
    bad = pc.sum(pc.invert(fine)).as_py() or 0
    if not bad:
        return column
    example = values.filter(pc.invert(fine))[0].as_py() // per_day
    tally.unparsable_values(name, str(column.type), bad, f"day {example:,} since 1970")
    return pc.if_else(fine, column, pa.scalar(None, column.type))


def compiled(question: sa.Select[Any]) -> tuple[str, Mapping[str, str]]:
    """The text of a question with its values taken from settings, and those values."""
    values: dict[str, str] = {}

    def setting(element: Any, **_: Any) -> sa.ColumnElement[Any] | None:
        if not isinstance(element, sa.BindParameter):
            return None
        name = f"{_SETTING}v{len(values)}"
        values[name] = _written(element.effective_value)
        held: sa.ColumnElement[Any] = sa.literal_column(f"current_setting('{name}')")
        return sa.cast(held, element.type)

    dialect = psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    told: Any = replacement_traverse(question, {}, setting)
    return str(told.compile(dialect=dialect)), values


def _written(value: object) -> str:
    return value.isoformat() if isinstance(value, (datetime, date)) else str(value)


def explain(error: Exception, described: str) -> SourceError | None:
    """What an error of the driver means; None when it is none of it."""
    # While rows stream, errors of the driver come through Arrow.
    streaming = isinstance(error, OSError) and "[libpq]" in str(error)
    if type(error).__module__.partition(".")[0] != "adbc_driver_manager" and not streaming:
        return None
    state = getattr(error, "sqlstate", None) or "00000"
    if streaming or state[:2] in _PASSING:
        msg = f"{described} broke off: {reason(error)}. Run again when the database answers."
        return SourceInterruptedError(msg)
    msg = f"{described} cannot be read: {reason(error)}. Correct the `url`, `table` or `query`."
    return SourceError(msg)
