"""What is known of a window beforehand: its hour, weekday, place in the month, holidays, season.

These are the columns of the design X of the reference (STATS part 1). A feature is the share of
the window's time that it holds for, so windows of any length have it; those that the reference
does not cover well enough are left out, and the report says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from monitor.core.window import Window
from monitor.evidence.types import FloatArray

DAY = timedelta(days=1)
#: The least span of a reference in days, for weekdays (and hours), and for places in the month.
WEEKS, MONTHS = 28, 119
#: A year that all its days, and all but one of its weeks, are inside of.
YEAR = 363
#: Windows that a reference needs before it spends two of them on places in the month.
MONTH_WINDOWS = 26
#: Holidays that a reference must have seen to know what they are like.
FEWEST_HOLIDAYS = 3
#: Days that count as the beginning of a month, and as its end.
TURN = 3
_NO_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which features of windows the reference covers.

    Attributes
    ----------
    zone : name of the time zone in which days begin
    hours : hours of the day that windows begin in, ascending; empty: not a feature
    weekdays, month : whether these are features
    holidays : all that are known, in the reference or later
    holidays_known : whether the reference has seen enough of them to judge others by
    harmonics : waves of the year (0: none, the season is not taken into account)
    kept : features that differ between the windows of the reference
    """

    zone: str = "UTC"
    hours: tuple[int, ...] = ()
    weekdays: bool = False
    month: bool = False
    holidays: tuple[date, ...] = ()
    holidays_known: bool = False
    harmonics: int = 0
    kept: tuple[bool, ...] = ()

    @classmethod
    def covered_by(
        cls,
        windows: Sequence[Window],
        *,
        zone: str = "UTC",
        holidays: Sequence[date] = (),
        yearly: bool = False,
    ) -> Calendar:
        """The features that the windows of a reference cover.

        Hours and weekdays want 28 days; places in the month (its first and its last three days)
        four months and 26 windows; holidays three windows that have one; the season of the year
        a whole year, and that it is asked for.
        """
        if not windows:
            return cls(zone=zone, holidays=tuple(sorted(holidays)))
        span = (windows[-1].end - windows[0].start) / DAY
        length = min(window.end - window.start for window in windows)
        local = ZoneInfo(zone)
        hours = {window.start.astimezone(local).hour for window in windows}
        first = cls(
            zone=zone,
            hours=tuple(sorted(hours)) if span >= WEEKS and length < DAY else (),
            weekdays=span >= WEEKS,
            month=span >= MONTHS and len(windows) >= MONTH_WINDOWS and length <= 7 * DAY,
            holidays=tuple(sorted(holidays)),
            harmonics=_harmonics(len(windows)) if yearly and span >= YEAR else 0,
        )
        festive = sum(any(day in first.holidays for day in first.days(w)) for w in windows)
        known = FEWEST_HOLIDAYS <= festive < len(windows)
        second = replace(first, holidays_known=known)
        rows = second.rows(windows)
        kept = tuple((np.ptp(rows, axis=0) > _NO_SPREAD).tolist())
        return replace(second, kept=kept)

    def rows(self, windows: Sequence[Window]) -> FloatArray:
        """Features of windows, shape (len(windows), k); k = 0 where the reference covers none."""
        rows = np.array([self._features(window) for window in windows], dtype=np.float64)
        rows = rows.reshape(len(windows), -1)
        return rows[:, np.array(self.kept)] if self.kept else rows

    def row(self, window: Window) -> tuple[float, ...]:
        """Features of one window."""
        return tuple(self.rows([window])[0].tolist())

    def strange(self, window: Window) -> tuple[date, ...]:
        """Holidays in a window that the reference cannot judge, if they are half of it or more."""
        if self.holidays_known or not self.holidays:
            return ()
        days = self.days(window)
        found = tuple(day for day in days if day in self.holidays)
        return found if 2 * len(found) >= len(days) else ()

    def days(self, window: Window) -> list[date]:
        """The days that a window has time in, in the zone."""
        return [at.date() for at in self._moments(window)]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"holidays": [day.isoformat() for day in self.holidays]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calendar:
        """What `to_dict` gave."""
        lists = {name: tuple(values[name]) for name in ("hours", "kept")}
        days = tuple(date.fromisoformat(day) for day in values["holidays"])
        return cls(**{**values, **lists, "holidays": days})

    def _moments(self, window: Window) -> list[datetime]:
        """The middle of each day of the window, or of the window where it is shorter."""
        zone = ZoneInfo(self.zone)
        parts = max(1, round((window.end - window.start) / DAY))
        step = (window.end - window.start) / parts
        return [(window.start + step * (i + 0.5)).astimezone(zone) for i in range(parts)]

    def _features(self, window: Window) -> list[float]:
        moments = self._moments(window)
        found: list[float] = []
        if self.hours:
            hour = window.start.astimezone(ZoneInfo(self.zone)).hour
            found += [float(hour == one) for one in self.hours[1:]]
        if self.weekdays:
            found += [_share(at.weekday() == day for at in moments) for day in range(1, 7)]
        if self.month:
            found.append(_share(at.day <= TURN for at in moments))
            found.append(_share((at + TURN * DAY).month != at.month for at in moments))
        if self.holidays_known:
            found.append(_share(at.date() in self.holidays for at in moments))
        for wave in range(1, self.harmonics + 1):
            phases = [2 * math.pi * wave * _of_year(at) for at in moments]
            found.append(float(np.mean(np.sin(phases))))
            found.append(float(np.mean(np.cos(phases))))
        return found


def _harmonics(windows: int) -> int:
    return 2 if windows >= MONTH_WINDOWS else 1


def _share(flags: Any) -> float:
    return float(np.mean([bool(flag) for flag in flags]))


def _of_year(at: datetime) -> float:
    start = datetime(at.year, 1, 1, tzinfo=at.tzinfo)
    whole = datetime(at.year + 1, 1, 1, tzinfo=at.tzinfo) - start
    return (at - start) / whole


def covers_a_year(first: datetime, last: datetime) -> bool:
    """Whether a stretch has seen every season once."""
    return (last - first) / DAY >= YEAR


def weeks_seen(first: datetime, last: datetime, zone: ZoneInfo) -> str:
    """Which weeks of the year a stretch has seen, by the ISO calendar.

    Examples
    --------
    >>> utc = ZoneInfo("UTC")
    >>> weeks_seen(datetime(2013, 1, 1, tzinfo=utc), datetime(2013, 2, 28, tzinfo=utc), utc)
    'weeks 1-9'
    >>> weeks_seen(datetime(2013, 11, 5, tzinfo=utc), datetime(2014, 1, 20, tzinfo=utc), utc)
    'weeks 45-52 and 1-4'
    """
    old, new = (moment.astimezone(zone).isocalendar() for moment in (first, last))
    if old.year == new.year:
        return f"week {old.week}" if old.week == new.week else f"weeks {old.week}-{new.week}"
    if covers_a_year(first, last) or (new.year - old.year, new.week - old.week) >= (1, 0):
        return "all weeks"
    end = date(old.year, 12, 28).isocalendar().week
    return f"weeks {old.week}-{end} and 1-{new.week}"
