"""What sources over an Arrow dataset share: a window as a filter that prunes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.window import Window
from monitor.sources.pushdown import ISO_DATE, limits
from monitor.sources.times import Clock, plain_time


def window_filter(clock: Clock | None, window: Window | None, schema: pa.Schema) -> Any:
    """An expression for rows that can be in the window, or have no time; None: for all rows."""
    if clock is None or window is None:
        return None
    dtype = schema.field(clock.column).type
    bounds = limits(clock, window, dtype)
    if bounds is None:
        return None
    field = pc.field(clock.column)
    low, high = (_scalar(value, dtype) for value in (bounds.low, bounds.high))
    found = (field >= low) & (field < high)
    if bounds.text:
        found = found | ~pc.match_like(field, ISO_DATE)
    return found | field.is_null()


def _scalar(value: object, dtype: pa.DataType) -> pa.Scalar:
    """In microseconds: a bound is not rounded to the unit of the column."""
    dtype = plain_time(dtype)
    if pa.types.is_timestamp(dtype):
        return pa.scalar(value, pa.timestamp("us", dtype.tz))
    return pa.scalar(value) if isinstance(value, (str, int)) else pa.scalar(value, dtype)


def window_text(clock: Clock | None, window: Window | None, schema: pa.Schema) -> str | None:
    """The same filter as text for DataFusion, which takes no parameters; None: for all rows.

    The values are times of ours, the name is quoted.
    """
    if clock is None or window is None:
        return None
    dtype = plain_time(schema.field(clock.column).type)
    bounds = limits(clock, window, dtype)
    if bounds is None:
        return None
    name = '"' + clock.column.replace('"', '""') + '"'
    low, high = (_literal(value, dtype) for value in (bounds.low, bounds.high))
    found = f"({name} >= {low} AND {name} < {high}) OR {name} IS NULL"
    return f"{found} OR {name} NOT LIKE '{ISO_DATE}'" if bounds.text else found


def _literal(value: object, dtype: pa.DataType) -> str:
    if isinstance(value, int):
        return str(value)
    text = value.isoformat() if isinstance(value, date) else str(value)
    if pa.types.is_timestamp(dtype):
        zone = "None" if dtype.tz is None else 'Some("UTC")'
        return f"arrow_cast('{text}', 'Timestamp(Microsecond, {zone})')"
    return f"DATE '{text}'" if pa.types.is_date(dtype) else f"'{text}'"
