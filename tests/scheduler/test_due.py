from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from monitor.config import MonitorConfig, PluginConfig
from monitor.core.window import Window
from monitor.scheduler.due import due_windows, released


def monitor(
    window: str = "7d", schedule: str | None = None, timezone: str = "UTC", lateness: str = "0h"
) -> MonitorConfig:
    return MonitorConfig(
        name="m",
        source=PluginConfig(kind="files", options=None),
        window=window,
        schedule=schedule,
        timezone=timezone,
        lateness=lateness,
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(one: MonitorConfig, now: datetime, last=None, start=None, data_end=None) -> list[Window]:
    return due_windows(one, now=now, last=last, start=start, data_end=data_end)


def test_a_week_is_due_at_the_first_firing_after_its_end():
    weekly = monitor(schedule="0 6 * * mon")
    monday = at("2026-01-12")

    assert due(weekly, monday + timedelta(hours=5, minutes=59), start=at("2026-01-05")) == []
    found = due(weekly, monday + timedelta(hours=6), start=at("2026-01-05"))
    assert found == [Window(at("2026-01-05"), monday)]


def test_missed_weeks_come_oldest_first_and_known_ones_do_not_come_again():
    weekly = monitor(schedule="0 6 * * mon")
    last = Window(at("2026-01-05"), at("2026-01-12"))

    found = due(weekly, at("2026-02-03"), last=last)

    assert [window.start for window in found] == [
        at("2026-01-12"),
        at("2026-01-19"),
        at("2026-01-26"),
    ]


def test_lateness_is_waited_for():
    hourly = monitor(window="1h", lateness="30min")

    assert due(hourly, at("2026-01-01T10:29"), start=at("2026-01-01T09:00")) == []
    assert len(due(hourly, at("2026-01-01T10:30"), start=at("2026-01-01T09:00"))) == 1


def test_the_first_window_is_whole():
    found = due(monitor(), at("2026-01-20"), start=at("2026-01-07T12:00"))

    assert found == [Window(at("2026-01-12"), at("2026-01-19"))]


def test_without_a_start_only_the_newest_window_is_due():
    assert due(monitor(window="1d"), at("2026-01-20T03:00")) == [
        Window(at("2026-01-19"), at("2026-01-20"))
    ]


@pytest.mark.parametrize(("weeks", "expected"), [(2, 2), (40, 0)])
def test_a_source_that_fell_silent_is_news_for_a_while_and_then_is_not(weeks, expected):
    end = at("2026-01-05")

    found = due(monitor(), end + timedelta(weeks=weeks, hours=1), start=end, data_end=end)

    assert len(found) == expected


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("schedule", ["0 0 * * *", "30 2 * * *", "0 0 * * mon", "0 0 1 * *"])
def test_over_a_year_of_clock_changes_every_window_is_run_once(timezone, schedule):
    """The service looks every three hours; what it runs tiles the year."""
    one = monitor(window="1d", schedule=schedule, timezone=timezone)
    now, end = at("2025-01-01"), at("2026-02-05")
    start = one.cadence.window(now).start
    last, ran = None, []
    while now < end:
        for window in due(one, now, last=last, start=start):
            assert released(one, window) <= now
            ran.append(window)
            last = window
        now += timedelta(hours=3)

    assert all(left.end == right.start for left, right in pairwise(ran))
    assert len(ran) >= 365


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_the_firing_is_the_one_that_a_look_at_every_minute_finds(timezone):
    zone = ZoneInfo(timezone)
    one = monitor(window="1d", schedule="30 2 * * *", timezone=timezone)
    window = one.cadence.window(datetime(2025, 3, 8, 12, tzinfo=zone))
    for _ in range(40):
        minute = window.end
        while True:
            local = minute.astimezone(zone)
            gap = (minute - timedelta(minutes=1)).astimezone(zone).utcoffset() != local.utcoffset()
            if (local.hour, local.minute) == (2, 30) or (gap and local.hour == 3):
                break
            minute += timedelta(minutes=1)
        assert released(one, window) == minute
        window = one.cadence.next(window)
