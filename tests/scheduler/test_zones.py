"""All zones, all changes of clocks from 2016 to 2037, a dozen kinds: against brute force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from cronsim import CronSim

from monitor.config.cadence import Cadence, resolve
from monitor.scheduler.due import first_firing

FIRST, LAST = datetime(2016, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MONDAY = 4 * 1440  #: 5 January 1970, in minutes
#: kind -> (minutes of a period, minutes from which it counts), by the clock on the wall
WALL = {"2h": (120, 0), "6h": (360, 0), "12h": (720, 0), "1d": (1440, 0), "7d": (10080, MONDAY)}
ELAPSED = {"15min": 15, "1h": 60, "5h": 300}
#: Lines that name hours, and whether they fire at (minute of the hour, hour, weekday, day)
CRON = {
    "0 0 * * *": lambda m, h, _w, _d: (m == 0) & (h == 0),
    "30 2 * * *": lambda m, h, _w, _d: (m == 30) & (h == 2),
    "15 0,1,3 * * 1": lambda m, h, w, _d: (m == 15) & np.isin(h, [0, 1, 3]) & (w == 0),
    "0 0 * * 0": lambda m, h, w, _d: (m == 0) & (h == 0) & (w == 6),
    "*/20 1-3 * * *": lambda m, h, _w, _d: (m % 20 == 0) & (h >= 1) & (h <= 3),
    "0 0 1 * *": lambda m, h, _w, d: (m == 0) & (h == 0) & (d == 1),
}
HOURLY = {"5 * * * *": 60, "*/15 * * * *": 15}


def minutes(moment: datetime) -> int:
    return (moment - EPOCH) // MINUTE


def offset(zone: ZoneInfo, at: int) -> int:
    """Minutes that the zone is ahead of UTC at that minute."""
    found = (EPOCH + at * MINUTE).astimezone(zone).utcoffset()
    assert found is not None
    return found // MINUTE


def changes_of(zone: ZoneInfo) -> tuple[tuple[int, int, int], ...]:
    """Each change of clocks: its first minute in UTC, the offset before and after."""
    found = []
    days = range(minutes(FIRST), minutes(LAST), 2 * 1440)
    offsets = [offset(zone, day) for day in days]
    for low, before, after in zip(days, offsets, offsets[1:], strict=False):
        if before != after:
            early, late = low, low + 2 * 1440
            while late - early > 1:
                middle = (early + late) // 2
                early, late = (middle, late) if offset(zone, middle) == before else (early, middle)
            found.append((late, before, after))
    return tuple(found)


@cache
def zones() -> dict[tuple[tuple[int, int, int], ...], ZoneInfo]:
    """One zone for each list of changes that some zone has."""
    found: dict[tuple[tuple[int, int, int], ...], ZoneInfo] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        found.setdefault(changes_of(zone), zone)
    return found


def around(change: tuple[int, int, int], hours: int) -> tuple[np.ndarray, np.ndarray]:
    """The minutes around a change, in UTC and on the wall."""
    at, before, after = change
    utc = np.arange(at - hours * 60, at + hours * 60)
    return utc, utc + np.where(utc < at, before, after)


def passed(utc: np.ndarray, wall: np.ndarray, count: np.ndarray) -> list[int]:
    """Minutes in which the wall clock reaches a moment for the first time, or jumps over it.

    `count`: how many moments there are up to each wall minute from the first one on.
    """
    reached = count[np.maximum.accumulate(wall) - wall.min()]
    return [int(minute) for minute in utc[1:][np.diff(reached) > 0]]


def told(moments: list[datetime]) -> list[int]:
    return [minutes(moment) for moment in moments]


def starts(cadence: Cadence, utc: np.ndarray) -> list[int]:
    """Where windows begin after the first minute and up to the last one."""
    window, last, found = cadence.window(EPOCH + int(utc[0]) * MINUTE), int(utc[-1]), []
    while minutes(window.end) <= last:
        found.append(window.end)
        following = cadence.next(window)
        assert following.start == window.end
        window = following
    return told(found)


def firings(schedule: str, zone: ZoneInfo, utc: np.ndarray) -> list[int]:
    found, moment = [], EPOCH + (int(utc[0]) + 1) * MINUTE
    while True:
        fired = first_firing(schedule, zone, moment)
        assert fired is not None
        if minutes(fired) > utc[-1]:
            return told(found)
        found.append(fired)
        moment = fired + timedelta(microseconds=1)


def calendar(wall: np.ndarray) -> tuple[np.ndarray, ...]:
    """Every wall minute between the first and the last one: minute, hour, weekday, day."""
    every = np.arange(wall.min(), wall.max() + 1)
    dates = (every // 1440).astype("datetime64[D]")
    day = (dates - dates.astype("datetime64[M]")).astype(int) + 1
    return every % 60, every // 60 % 24, (every // 1440 + 3) % 7, day


@pytest.mark.slow
def test_windows_of_all_zones_begin_where_the_wall_clock_says():
    for changes, zone in zones().items():
        cadences = {kind: Cadence.parse(kind, timezone=zone.key) for kind in (*WALL, *ELAPSED)}
        for change in changes:
            utc, wall = around(change, 30)
            for kind, (period, origin) in WALL.items():
                every = np.arange(wall.min(), wall.max() + 1)
                brute = passed(utc, wall, (every - origin) // period)
                assert starts(cadences[kind], utc) == brute, (zone, kind, change)
            short = utc[len(utc) // 2 - 300 : len(utc) // 2 + 300]
            for kind, period in ELAPSED.items():
                first = resolve(datetime(1970, 1, 1), zone)  # noqa: DTZ001 - a wall time
                if first.second:  # Monrovia's clocks were 44 min 30 s behind
                    continue
                brute = [int(m) for m in short[1:] if (m - minutes(first)) % period == 0]
                assert starts(cadences[kind], short) == brute, (zone, kind, change)


@pytest.mark.slow
def test_cron_lines_fire_in_all_zones_where_the_wall_clock_says():
    for changes, zone in zones().items():
        for change in changes:
            utc, wall = around(change, 30)
            parts = calendar(wall)
            for schedule, matches in CRON.items():
                brute = passed(utc, wall, np.cumsum(matches(*parts)))
                assert firings(schedule, zone, utc) == brute, (zone, schedule, change)


@pytest.mark.slow
def test_lines_of_every_hour_fire_in_all_zones_as_cronsim_and_the_clock_say():
    for changes, zone in zones().items():
        for change in changes:
            utc, wall = around(change, 4)
            for schedule, period in HOURLY.items():
                phase = 5 if period == 60 else 0
                brute = [int(minute) for minute in utc[1:][wall[1:] % period == phase]]
                found = firings(schedule, zone, utc)
                assert found == brute, (zone, schedule, change)
                if abs(change[1] - change[2]) % 60 == 0:  # cronsim steps over half hours
                    sim = CronSim(schedule, (EPOCH + int(utc[0]) * MINUTE).astimezone(zone))
                    second = [minutes(next(sim).astimezone(UTC)) for _ in found]
                    assert second == found, (zone, schedule, change)
