"""Which windows of a monitor are due: a pure function of grid, schedule, ledger and time.

A window is due when it is over, its lateness has passed, and the monitor's cron line has fired
since. So windows that were missed while the service was down come up by themselves, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from monitor.config import MonitorConfig
from monitor.core.window import Window

#: A source without rows for more windows than this is no news any more.
SILENT_WINDOWS = 5


def due_windows(
    monitor: MonitorConfig,
    *,
    now: datetime,
    last: Window | None,
    start: datetime | None,
    data_end: datetime | None,
) -> list[Window]:
    """Windows that are due and not known to the ledger yet, oldest first.

    Parameters
    ----------
    monitor : MonitorConfig
        Its grid, zone, lateness and cron line.
    now : datetime
        The time, with a zone.
    last : Window, optional
        The newest window of the grid that the ledger knows.
    start : datetime, optional
        Where to begin when it knows none; None: with the newest window that is over.
    data_end : datetime, optional
        The time of the newest row. Windows behind it are due as long as the silence is news:
        `SILENT_WINDOWS` windows long. None: rows have no times.
    """
    found = []
    for window in _candidates(monitor, now, last, start):
        if released(monitor, window) > now:
            break
        if data_end is None or window.start < data_end or _is_news(monitor, now, data_end):
            found.append(window)
    return found


def released(monitor: MonitorConfig, window: Window) -> datetime:
    """When a window may be run, in UTC: after its lateness, at the first firing of its cron line.

    cronsim follows Debian's cron over a change of clocks: a time inside of the gap fires right
    after it, one in the repeated hour once.
    """
    over = window.end + monitor.lateness
    if monitor.schedule is None:
        return over
    just_before = (over - timedelta(microseconds=1)).astimezone(monitor.zone)
    return next(CronSim(monitor.schedule, just_before)).astimezone(UTC)


def next_due(monitor: MonitorConfig, last: Window | None, now: datetime) -> datetime:
    """When the window after the last one (or the one that is filling now) will be due."""
    window = monitor.cadence.window(now) if last is None else monitor.cadence.next(last)
    return released(monitor, window)


def _candidates(
    monitor: MonitorConfig, now: datetime, last: Window | None, start: datetime | None
) -> Iterator[Window]:
    cadence = monitor.cadence
    newest = cadence.previous(cadence.window(now))
    if last is not None:
        window = cadence.window(last.end)
    elif start is not None:
        window = cadence.window(start)
        if window.start < start:
            window = cadence.next(window)
    else:
        window = newest
    while window.end <= now:
        yield window
        window = cadence.next(window)


def _is_news(monitor: MonitorConfig, now: datetime, data_end: datetime) -> bool:
    return now - data_end < SILENT_WINDOWS * monitor.cadence.length
