"""The questions: what is selected, from where, with bound parameters and quoted names only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from monitor.core.window import Window
from monitor.sources.pushdown import ISO_DATE, Limits, limits
from monitor.sources.times import Clock, plain_time

_SOME_NAME = "driftloop_row"
_FIRST, _LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_ALIAS = "driftloop_source"


def column(name: str) -> sa.ColumnClause[Any]:
    """A column, always quoted, its values as the driver gives them."""
    return sa.column(sa.quoted_name(name, quote=True))


def rows_from(
    table: str | None, schema: str | None, query: str | None, names: Sequence[str] = ()
) -> sa.FromClause:
    """The table, or the query as a table."""
    if table is not None:
        quoted = None if schema is None else sa.quoted_name(schema, quote=True)
        return sa.table(sa.quoted_name(table, quote=True), schema=quoted)
    text = str(query).strip().rstrip(";").replace(":", "\\:")
    # The line break ends a comment that may stand at the end of the query.
    return sa.text(f"{text}\n").columns(*(column(name) for name in names)).subquery(_ALIAS)


def everything(source: sa.FromClause) -> sa.Select[Any]:
    """All columns, whatever they are."""
    return sa.select(sa.literal_column("*")).select_from(source)


def selected(
    source: sa.FromClause,
    schema: pa.Schema,
    names: Sequence[str],
    clock: Clock | None,
    window: Window | None,
    *,
    cast: Collection[str] = (),
) -> sa.Select[Any]:
    """These columns of the rows that can be in the window, or have no time.

    The database makes text of the columns in `cast`.
    """
    wanted = [
        sa.cast(column(name), sa.Text()).label(sa.quoted_name(name, quote=True))
        if name in cast
        else column(name)
        for name in names
    ]
    question = sa.select(*wanted).select_from(source)
    if clock is None or window is None:
        return question
    dtype = schema.field(clock.column).type
    bounds = limits(clock, window, dtype)
    return question if bounds is None else question.where(_between(clock.column, bounds, dtype))


def surplus(schema: pa.Schema, clock: Clock | None, window: Window | None) -> float:
    """How many times the rows of the window a selection may have: 1, or more where text is."""
    if clock is None or window is None:
        return 1.0
    bounds = limits(clock, window, schema.field(clock.column).type)
    if bounds is None or not bounds.text:
        return 1.0
    days = date.fromisoformat(str(bounds.high)) - date.fromisoformat(str(bounds.low))
    return days / (window.end - window.start)


def _between(name: str, bounds: Limits, dtype: pa.DataType) -> sa.ColumnElement[bool]:
    time = column(name)
    low, high = (_bound(key, getattr(bounds, key), dtype) for key in ("low", "high"))
    inside = sa.and_(time >= low, time < high)
    if bounds.text:
        pattern = sa.bindparam("pattern", ISO_DATE, sa.String())
        return sa.or_(inside, time.not_like(pattern), time.is_(None))
    return sa.or_(inside, time.is_(None))


def _bound(name: str, value: object, dtype: pa.DataType) -> sa.BindParameter[Any]:
    return sa.bindparam(name, value, _sql_type(dtype))


def _sql_type(dtype: pa.DataType) -> sa.types.TypeEngine[Any]:
    dtype = plain_time(dtype)
    if pa.types.is_timestamp(dtype):
        return sa.DateTime(timezone=dtype.tz is not None)
    if pa.types.is_date(dtype):
        return sa.Date()
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        return sa.BigInteger()
    return sa.String()


def count(question: sa.Select[Any]) -> sa.Select[Any]:
    """How many rows a selection has."""
    return sa.select(sa.func.count()).select_from(question.subquery("driftloop_counted"))


def every(question: sa.Select[Any], names: Sequence[str], step: int) -> sa.Select[Any]:
    """Every `step`-th row of a selection, in the order that the database reads them."""
    number = _SOME_NAME
    while number in names:
        number += "_"
    order = sa.func.row_number().over(order_by=sa.literal_column("(SELECT NULL)")).label(number)
    numbered = question.add_columns(order).subquery("driftloop_numbered")
    wanted = [numbered.c[index] for index in range(len(names))]
    place = numbered.c[len(names)]
    return sa.select(*wanted).where(place % sa.bindparam("step", step, sa.Integer()) == 0)


def span(source: sa.FromClause, clock: Clock, dtype: pa.DataType) -> sa.Select[Any] | None:
    """First and last time inside of any calendar, and the rows; None where text hides them."""
    dtype = plain_time(dtype)
    if not (
        pa.types.is_timestamp(dtype)
        or pa.types.is_date(dtype)
        or pa.types.is_integer(dtype)
        or pa.types.is_floating(dtype)
    ):
        return None
    era = limits(clock, Window(_FIRST, _LAST), dtype)
    assert era is not None
    time = column(clock.column)
    low, high = (_bound(key, getattr(era, key), dtype) for key in ("low", "high"))
    ends = [
        sa.select(found(time)).select_from(source).where(time >= low, time < high).scalar_subquery()
        for found in (sa.func.min, sa.func.max)
    ]
    rows = sa.select(sa.func.count()).select_from(source).scalar_subquery()
    return sa.select(*ends, rows)
