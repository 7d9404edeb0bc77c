"""Which windows of a monitor are due: pure functions of grid, schedule, ledger and time.

A window is due when it is over, its lateness has passed, the monitor's cron line has fired since,
and the ledger does not know it. So windows that were missed while the service was down, or left
out by hand, come up by themselves, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from monitor.config import MonitorConfig
from monitor.config.cadence import EDGE, resolve
from monitor.core.window import Window

#: A source without rows for more windows than this is no news any more.
SILENT_WINDOWS = 5
#: So many windows are announced at once; the others follow when these are known.
MAX_CATCH_UP = 500


def due_windows(
    monitor: MonitorConfig,
    *,
    known: Sequence[Window],
    now: datetime,
    start: datetime | None,
    data_end: datetime | None,
    max_catch_up: int = MAX_CATCH_UP,
) -> list[Window]:
    """Windows that are due and not known to the ledger yet, oldest first.

    Without a timestamp column the whole source is the window, so only the newest one is due.

    Parameters
    ----------
    monitor : MonitorConfig
        Its grid, zone, lateness and cron line.
    known : sequence of Window
        The newest windows of the grid that the ledger knows, in any order. What they leave out
        between them is due too; what lies before them is not.
    now : datetime
        The time, with a zone.
    start : datetime, optional
        With no window known: the first window is the first whole one from there on. None: the
        newest one that is over.
    data_end : datetime, optional
        The time of the newest row. Windows that it does not fill are due as long as the silence
        is news: `SILENT_WINDOWS` windows long. None: not asked for.
    max_catch_up : int
        At most so many, the oldest.
    """
    if monitor.columns.timestamp is None:
        newest = _newest_released(monitor, now, _end(known))
        return [] if newest is None else [newest]
    silent = data_end is not None and not is_news(monitor, now, data_end)
    wanted = takewhile(
        lambda window: not silent or data_end is None or fills(data_end, window),
        _released_windows(monitor, known, now, start),
    )
    return list(islice(wanted, max_catch_up))


def next_look(monitor: MonitorConfig, now: datetime) -> datetime | None:
    """When a window can become due next, in UTC: > `now`. None: the cron line never fires."""
    if monitor.schedule is not None:
        return first_firing(monitor.schedule, monitor.zone, now + timedelta(microseconds=1))
    wait = _wait(monitor)
    return monitor.cadence.window(now - wait).end + wait


def is_news(monitor: MonitorConfig, now: datetime, data_end: datetime) -> bool:
    """Whether it is worth saying that there are no rows after `data_end`, or was said enough."""
    return now - data_end < SILENT_WINDOWS * monitor.cadence.length


def released(monitor: MonitorConfig, window: Window) -> datetime | None:
    """When a window may be run, in UTC: the first firing of the cron line after its lateness.

    Without a cron line as soon as the lateness has passed; None when the line never fires.
    """
    return _Firings(monitor).release(window)


def first_firing(schedule: str, zone: ZoneInfo, instant: datetime) -> datetime | None:
    """The first firing of a cron line at or after an instant, in UTC; None in 50 years.

    Lines that name hours mean wall time: what falls into the gap of a change of clocks fires
    right after the gap, what falls into the repeated hour fires once, in the first of the two.
    Lines that fire in every hour go on by elapsed time, so they fire in both.
    """
    before = (instant - timedelta(microseconds=1)).astimezone(zone)
    if schedule.split()[-4] in {"*", "*/1"}:
        return _next_in_each_hour(schedule, before.astimezone(UTC), zone)
    for wall in CronSim(schedule, before.replace(tzinfo=None)):
        fired = resolve(wall, zone)
        if fired >= instant:  # in the second of two like hours the wall time has fired already
            return fired
    return None


def _next_in_each_hour(schedule: str, before: datetime, zone: ZoneInfo) -> datetime | None:
    """The next instant at which the clock on the wall shows what the line says.

    cronsim's own way through a change of clocks steps by whole hours: where they change by half
    an hour (Caracas, Lord Howe) it leaves one out. So it is asked between two changes only.
    """
    ahead = _ahead(before, zone)
    while True:
        wall = next(CronSim(schedule, before.replace(tzinfo=None) + ahead), None)
        if wall is None:
            return None
        fired = (wall - ahead).replace(tzinfo=UTC)
        if _ahead(fired, zone) == ahead:
            return fired
        early, late = before, fired
        while late - early > timedelta(seconds=1):
            middle = (early + (late - early) / 2).replace(microsecond=0)
            if middle <= early:
                break
            early, late = (middle, late) if _ahead(middle, zone) == ahead else (early, middle)
        before, ahead = late - timedelta(microseconds=1), _ahead(late, zone)


def _ahead(instant: datetime, zone: ZoneInfo) -> timedelta:
    """How far the clock on the wall is ahead of UTC."""
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def fills(data_end: datetime, window: Window) -> bool:
    """Whether rows up to `data_end` fill the window, but for a share of `EDGE`."""
    return window.end - data_end <= EDGE * (window.end - window.start)


def still_settling(
    monitor: MonitorConfig, window: Window, now: datetime, quiet_since: datetime
) -> bool:
    """Whether a window waits because rows still came a short while ago (`settle`).

    `quiet_since`: no row has come since then. However many come, no window waits longer than its
    `lateness` after its end, or without one than its own length.
    """
    longest = monitor.lateness or monitor.cadence.length
    if monitor.settle is None or now >= window.end + longest:
        return False
    return now - max(quiet_since, window.end) < monitor.settle


def _wait(monitor: MonitorConfig) -> timedelta:
    """How long after its end a window waits whatever happens; with `settle` the rows say it."""
    return monitor.lateness if monitor.settle is None else timedelta(0)


class _Firings:
    """Releases of many windows in a row; one firing serves all windows that it releases."""

    def __init__(self, monitor: MonitorConfig) -> None:
        self._monitor = monitor
        self._asked = self._fired = datetime.min.replace(tzinfo=UTC)

    def release(self, window: Window) -> datetime | None:
        over = window.end + _wait(self._monitor)
        if self._monitor.schedule is None:
            return over
        if not self._asked <= over <= self._fired:
            fired = first_firing(self._monitor.schedule, self._monitor.zone, over)
            if fired is None:
                return None
            self._asked, self._fired = over, fired
        return self._fired


def _released_windows(
    monitor: MonitorConfig, known: Sequence[Window], now: datetime, start: datetime | None
) -> Iterator[Window]:
    firings = _Firings(monitor)
    for window in _candidates(monitor, known, now, start):
        moment = firings.release(window)
        if moment is None or moment > now:
            return
        yield window


def _candidates(
    monitor: MonitorConfig, known: Sequence[Window], now: datetime, start: datetime | None
) -> Iterator[Window]:
    """Windows that the ledger does not know, due or not, oldest first, without an end."""
    cadence, end = monitor.cadence, None
    for window in sorted(known):
        if end is not None and window.start > end:
            yield from cadence.tile(end, window.start)
        end = window.end if end is None else max(end, window.end)
    if end is not None:
        window = cadence.window(end)
    elif start is not None:
        window = cadence.window(start)
        if window.start < start:
            window = cadence.next(window)
    else:
        window = cadence.previous(cadence.window(now))
    while True:
        yield window
        window = cadence.next(window)


def _newest_released(monitor: MonitorConfig, now: datetime, end: datetime | None) -> Window | None:
    """The newest window whose release has come, unless it, or a later one, is known."""
    firings, window = _Firings(monitor), monitor.cadence.window(now)
    earliest = now - 2 * timedelta(days=366)  # a cron line that fires less often than yearly
    while window.end > (end or earliest):
        moment = firings.release(window)
        if moment is None:
            return None
        if moment <= now:
            return window
        window = monitor.cadence.previous(window)
    return None


def _end(known: Sequence[Window]) -> datetime | None:
    return max((window.end for window in known), default=None)
