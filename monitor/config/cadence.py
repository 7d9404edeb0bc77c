"""How time is cut into windows: no hole, no overlap, in the zone of the monitor.

Local wall time decides where a window begins (midnight, Monday, the first of the month), all
arithmetic is in UTC. So days of 23 and 25 hours are windows like others. A boundary inside the
gap of a clock change is the first instant after the gap; in the repeated hour it is the first of
the two. Windows of one hour and of minutes are elapsed time, so each of the two repeated hours is
one window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from monitor.core.window import Window

Unit = Literal["min", "h", "d", "mo"]

#: Unit of the config -> (unit that is computed with, how many of them).
UNITS: dict[str, tuple[Unit, int]] = {
    "min": ("min", 1),
    "h": ("h", 1),
    "d": ("d", 1),
    "w": ("d", 7),
    "mo": ("mo", 1),
    "y": ("mo", 12),
}

_EPOCH = date(1970, 1, 1)
_FIRST_MONDAY = date(1970, 1, 5)
_YEAR = timedelta(days=365.25)
_TEXT = re.compile(r"\s*([0-9]{1,5})\s*([a-z]+)\s*\Z")


def resolve(local: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall time: after a gap the first one, in a fold the first one."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    early, late = local.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def parse_duration(text: str) -> timedelta:
    """`"90min"`, `"2h"`, `"3d"`, `"1w"` as a length of time; months have none.

    Raises
    ------
    ValueError
        Not a number with one of these units.
    """
    match = _TEXT.match(text)
    if match is None or match[2] not in ("min", "h", "d", "w"):
        msg = f'{text!r} is not a length of time; write a number and min, h, d or w, such as "2h"'
        raise ValueError(msg)
    unit, factor = UNITS[match[2]]
    count = int(match[1]) * factor
    return {"min": timedelta(minutes=1), "h": timedelta(hours=1)}.get(
        unit, timedelta(days=1)
    ) * count


#: Share of a window at its ends that may be without rows.
EDGE = 0.1


@dataclass(frozen=True, slots=True)
class Cadence:
    """Windows of equal calendar length that tile time.

    Weeks begin on Monday, months on the first, days at midnight, each in `zone`, unless `anchor`
    (a wall time at which some window begins) says otherwise. Several months are counted from
    January (3mo = quarters), several hours that divide a day from midnight.
    """

    count: int
    unit: Unit
    zone: ZoneInfo
    anchor: datetime | None = None  #: wall time without a zone

    @classmethod
    def parse(
        cls, text: str, *, timezone: str = "UTC", anchor: date | datetime | None = None
    ) -> Cadence:
        """The cadence of a window length such as `"1h"`, `"1d"`, `"7d"`, `"2w"` or `"1mo"`.

        Raises
        ------
        ValueError
            Not a window length, or the anchor cannot begin a window.
        """
        match = _TEXT.match(text)
        if match is None or match[2] not in UNITS or int(match[1]) == 0:
            msg = (
                f"{text!r} is not a window length; write a number and one of "
                f'{", ".join(UNITS)}, such as "1h", "1d", "7d" or "1mo"'
            )
            raise ValueError(msg)
        unit, factor = UNITS[match[2]]
        cadence = cls(int(match[1]) * factor, unit, ZoneInfo(timezone), _wall(anchor, timezone))
        if cadence.unit == "mo" and cadence.anchor is not None and cadence.anchor.day > 28:
            msg = f"anchor {anchor} is no day of every month; take a day from 1 to 28"
            raise ValueError(msg)
        return cadence

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def length(self) -> timedelta:
        """Length of a window on average."""
        if self.unit == "mo":
            return _YEAR / 12 * self.count
        step = {"min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
        return step[self.unit] * self.count

    @property
    def windows_per_year(self) -> float:
        """How many windows end in a year, on average."""
        return _YEAR / self.length

    def boundary(self, index: int) -> datetime:
        """Start of the window with that number, in UTC; numbers count from the anchor."""
        origin = self._origin()
        if self.unit == "mo":
            months = origin.year * 12 + origin.month - 1 + index * self.count
            local = origin.replace(year=months // 12, month=months % 12 + 1)
        elif self._elapsed:
            return resolve(origin, self.zone) + self.length * index
        else:
            local = origin + self.length * index
        return resolve(local, self.zone)

    def index(self, instant: datetime) -> int:
        """Number of the window that holds the instant."""
        origin = self._origin()
        if self._elapsed:
            return (instant.astimezone(UTC) - resolve(origin, self.zone)) // self.length
        local = instant.astimezone(self.zone).replace(tzinfo=None)
        if self.unit == "mo":
            months = (local.year - origin.year) * 12 + local.month - origin.month
            index = months // self.count
        else:
            index = (local - origin) // self.length
        while self.boundary(index) > instant:
            index -= 1
        while self.boundary(index + 1) <= instant:
            index += 1
        return index

    def window(self, instant: datetime) -> Window:
        """The window that holds the instant.

        Examples
        --------
        >>> week = Cadence.parse("7d", timezone="Europe/Berlin")
        >>> print(week.window(datetime(2024, 3, 30, tzinfo=UTC)))
        2024-03-24T23:00:00+00:00/2024-03-31T22:00:00+00:00
        """
        index = self.index(instant)
        return Window(self.boundary(index), self.boundary(index + 1))

    def filled_from(self, moment: datetime) -> datetime:
        """Where the first window begins that rows from `moment` on fill, but for a tenth."""
        window = self.window(moment)
        late = moment - window.start > EDGE * (window.end - window.start)
        return window.end if late else window.start

    def next(self, window: Window) -> Window:
        """The window after it."""
        return self.window(window.end)

    def previous(self, window: Window) -> Window:
        """The window before it."""
        return self.window(window.start - timedelta(microseconds=1))

    def tile(self, start: datetime, end: datetime) -> Iterator[Window]:
        """Whole windows inside of [start, end), oldest first.

        A window that begins before `start` or ends after `end` is left out: `window(start)`
        gives the first, cut or not.
        """
        index = self.index(start)
        if self.boundary(index) < start:
            index += 1
        while (stop := self.boundary(index + 1)) <= end:
            begin = self.boundary(index)
            if begin < stop:  # a zone that once skipped a whole day has a window without length
                yield Window(begin, stop)
            index += 1

    @property
    def _elapsed(self) -> bool:
        """Whether windows are elapsed time rather than wall time."""
        return self.unit == "min" or (self.unit == "h" and (self.count == 1 or 24 % self.count > 0))

    def _origin(self) -> datetime:
        if self.anchor is not None:
            return self.anchor
        weekly = self.unit == "d" and self.count % 7 == 0
        return datetime.combine(_FIRST_MONDAY if weekly else _EPOCH, time())


def _wall(anchor: date | datetime | None, timezone: str) -> datetime | None:
    if anchor is None or not isinstance(anchor, datetime):
        return None if anchor is None else datetime.combine(anchor, time())
    if anchor.tzinfo is not None:
        return anchor.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    return anchor
