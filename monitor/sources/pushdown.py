"""What a window means in the words of a column, so that a store need not hand out the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from monitor.core.window import Window
from monitor.sources.times import Clock, plain_time

#: A zone's offset from UTC is less than a day, and its changes are a few hours at most.
_DAY, _CHANGE = timedelta(days=1), timedelta(hours=3)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
#: Text that begins like an ISO date, as SQL's LIKE says it.
ISO_DATE = "____-__-__%"


@dataclass(frozen=True, slots=True)
class Limits:
    """`low <= column < high` holds for every row of the window, and for few others.

    With `text`, only values that begin like an ISO date are ordered as times are; the others are
    to be read, and counted.
    """

    low: datetime | date | int | str
    high: datetime | date | int | str
    text: bool = False


def limits(clock: Clock, window: Window, dtype: pa.DataType) -> Limits | None:
    """Limits in the type of the timestamp column; None where its order says nothing.

    A column without a zone is compared without one, in the zone of the clock.
    """
    dtype = plain_time(dtype)
    if pa.types.is_timestamp(dtype):
        if dtype.tz is not None:
            return Limits(window.start, window.end)
        return Limits(*_naive(clock, window))
    if pa.types.is_date(dtype):
        low, high = _naive(clock, window)
        last = _later(high, -timedelta(microseconds=1))  # of the window
        return Limits(low.date(), _later(last, _DAY).date())
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        per_second = _PER_SECOND[clock.unit or "s"]
        return Limits(_count(window.start, per_second), _count(window.end, per_second) + 1)
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return None if clock.format is not None else _text(window)
    return None


def _naive(clock: Clock, window: Window) -> tuple[datetime, datetime]:
    if clock.zone is None:
        return window.start.replace(tzinfo=None), window.end.replace(tzinfo=None)
    zone = ZoneInfo(clock.zone)
    low, high = (
        moment.astimezone(zone).replace(tzinfo=None) for moment in (window.start, window.end)
    )
    return _later(low, -_CHANGE), _later(high, _CHANGE)


def _text(window: Window) -> Limits:
    """Dates a day further out: the texts may carry any zone."""
    low, high = _later(window.start, -_DAY), _later(window.end, 2 * _DAY)
    return Limits(f"{low:%Y-%m-%d}".zfill(10), f"{high:%Y-%m-%d}".zfill(10), text=True)


def _later(moment: datetime, by: timedelta) -> datetime:
    """Where a calendar ends, it ends; there are no rows beyond."""
    try:
        return moment + by
    except OverflowError:
        return moment


def _count(moment: datetime, per_second: int) -> int:
    """Units since 1970, rounded down."""
    past = moment - datetime.fromtimestamp(0, tz=moment.tzinfo)
    return past // timedelta(microseconds=1) * per_second // 1_000_000
