from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import ColumnsConfig, MonitorConfig, PluginConfig
from monitor.core.window import Window
from monitor.scheduler.due import due_windows, first_firing, next_look, released

MINUTE = timedelta(minutes=1)


def monitor(
    window: str = "7d",
    schedule: str | None = None,
    timezone: str = "UTC",
    lateness: str = "0h",
    timestamp: str | None = "ts",
) -> MonitorConfig:
    return MonitorConfig(
        name="m",
        source=PluginConfig(kind="files", options=None),
        window=window,
        schedule=schedule,
        timezone=timezone,
        lateness=lateness,
        columns=ColumnsConfig(timestamp=timestamp),
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def week(text: str) -> Window:
    return Window(at(text), at(text) + timedelta(days=7))


def due(one: MonitorConfig, now: datetime, known=(), start=None, data_end=None, **options):
    return due_windows(one, known=known, now=now, start=start, data_end=data_end, **options)


def test_a_week_is_due_at_the_first_firing_after_its_end():
    weekly = monitor(schedule="0 6 * * mon")
    monday = at("2026-01-12")

    assert due(weekly, monday + timedelta(hours=6) - MINUTE, start=at("2026-01-05")) == []
    assert due(weekly, monday + timedelta(hours=6), start=at("2026-01-05")) == [week("2026-01-05")]


def test_missed_weeks_come_oldest_first_and_known_ones_do_not_come_again():
    weekly = monitor(schedule="0 6 * * mon")

    found = due(weekly, at("2026-02-03"), known=[week("2026-01-05"), week("2025-12-29")])

    assert found == [week("2026-01-12"), week("2026-01-19"), week("2026-01-26")]


def test_weeks_that_somebody_left_out_are_found_but_none_before_the_first():
    found = due(monitor(), at("2026-02-03"), known=[week("2026-01-26"), week("2026-01-05")])

    assert found == [week("2026-01-12"), week("2026-01-19")]


def test_what_a_longer_window_holds_is_not_cut_into_shorter_ones():
    """The config said months, and says days now."""
    months = [
        Window(at("2026-01-01"), at("2026-02-01")),
        Window(at("2026-02-01"), at("2026-03-01")),
    ]

    found = due(monitor(window="1d"), at("2026-03-03T01:00"), known=months)

    assert [window.start for window in found] == [at("2026-03-01"), at("2026-03-02")]


def test_lateness_is_waited_for_and_a_firing_inside_of_it_does_not_count():
    hourly = monitor(window="1h", lateness="30min")
    assert due(hourly, at("2026-01-01T10:29"), start=at("2026-01-01T09:00")) == []
    assert len(due(hourly, at("2026-01-01T10:30"), start=at("2026-01-01T09:00"))) == 1

    fired = monitor(window="1h", lateness="30min", schedule="15 * * * *")
    assert released(fired, Window(at("2026-01-01T09"), at("2026-01-01T10"))) == at(
        "2026-01-01T11:15"
    )


def test_hours_wait_for_the_cron_line_of_the_day():
    hourly = monitor(window="1h", schedule="0 6 * * *")

    assert due(hourly, at("2026-01-02T05:59"), start=at("2026-01-01T06:00")) == []
    found = due(hourly, at("2026-01-02T06:00"), start=at("2026-01-01T06:00"))
    assert len(found) == 24
    assert found[-1].end == at("2026-01-02T06:00")


def test_the_first_window_is_whole():
    assert due(monitor(), at("2026-01-20"), start=at("2026-01-07T12:00")) == [week("2026-01-12")]


def test_catching_up_is_bounded_and_goes_on_where_it_stopped():
    hourly, now, known = monitor(window="1h"), at("2026-01-02"), []
    sizes = []
    while found := due(hourly, now, known=known, start=at("2026-01-01"), max_catch_up=10):
        sizes.append(len(found))
        known += found

    assert sizes == [10, 10, 4]
    assert all(left.end == right.start for left, right in pairwise(known))


def test_without_times_in_the_rows_only_the_newest_window_is_due():
    daily = monitor(window="1d", schedule="0 6 * * *", timestamp=None)
    newest = Window(at("2026-01-19"), at("2026-01-20"))

    assert due(daily, at("2026-01-20T07:00")) == [newest]
    assert due(
        daily, at("2026-01-20T07:00"), known=[Window(at("2026-01-02"), at("2026-01-03"))]
    ) == [newest]
    assert due(daily, at("2026-01-20T07:00"), known=[newest]) == []
    assert due(daily, at("2026-01-21T05:00"), known=[newest]) == []


@pytest.mark.parametrize(("weeks", "expected"), [(2, 2), (40, 0)])
def test_a_source_that_fell_silent_is_news_for_a_while_and_then_is_not(weeks, expected):
    end = at("2026-01-05")

    found = due(monitor(), end + timedelta(weeks=weeks, hours=1), start=end, data_end=end)

    assert len(found) == expected


@pytest.mark.parametrize(("end", "weeks"), [("2026-01-11T23:50", 1), ("2026-01-07", 0)])
def test_of_old_rows_only_weeks_that_they_fill_are_due(end, weeks):
    found = due(monitor(), at("2027-01-01"), start=at("2026-01-05"), data_end=at(end))

    assert found == [week("2026-01-05")][:weeks]


def test_a_cron_line_that_never_fires_makes_nothing_due():
    never = monitor(schedule="0 0 lw * */7")  # the last weekday, if a Sunday

    assert released(never, week("2026-01-05")) is None
    assert due(never, at("2027-01-01"), start=at("2026-01-05")) == []
    assert due(monitor(schedule="0 0 lw * */7", timestamp=None), at("2027-01-01")) == []


def test_next_look_is_the_next_moment_at_which_something_can_become_due():
    now = at("2026-01-05T06:00")

    assert next_look(monitor(schedule="0 6 * * mon"), now) == at("2026-01-12T06:00")
    assert next_look(monitor(window="1h", lateness="90min"), now) == at("2026-01-05T06:30")


# --- against a look at every minute ---------------------------------------------------------

Match = Callable[[datetime], bool]
#: cron line -> the same in Python, and whether it fires in every hour
LINES: dict[str, tuple[Match, bool]] = {
    "30 2 * * *": (lambda t: (t.hour, t.minute) == (2, 30), False),
    "0 0 * * *": (lambda t: (t.hour, t.minute) == (0, 0), False),
    "0 6 * * mon": (lambda t: (t.weekday(), t.hour, t.minute) == (0, 6, 0), False),
    "15 0 1 * *": (lambda t: (t.day, t.hour, t.minute) == (1, 0, 15), False),
    "*/20 1-2 * * *": (lambda t: t.hour in (1, 2) and t.minute % 20 == 0, False),
    "5 * * * *": (lambda t: t.minute == 5, True),
    "*/15 * * * *": (lambda t: t.minute % 15 == 0, True),
    "0 */6 * * *": (lambda t: t.hour % 6 == 0 and t.minute == 0, False),
}
#: zone -> days around which its clocks change; Sao Paulo, Havana and Beirut change at midnight
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-04", "2026-10-03"),  # by half an hour
    "America/Sao_Paulo": ("2018-02-17", "2018-11-04"),
    "America/Havana": ("2026-03-08", "2026-11-01"),
    "Asia/Beirut": ("2026-03-29", "2026-10-24"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "Pacific/Apia": ("2011-12-29",),  # a day that never was
    "Asia/Kolkata": ("2026-05-01",),
}
CASES = [(zone, day) for zone, days in CHANGES.items() for day in days]


@functools.cache
def fired_by_minutes(zone: ZoneInfo, first: datetime, minutes: int, line: str) -> list[datetime]:
    """Wall times fire when the clock first shows them, or a later time; hours go on by minutes."""
    match, hourly = LINES[line]
    found = []
    latest = (first - MINUTE).astimezone(zone).replace(tzinfo=None)
    for moment in (first + n * MINUTE for n in range(minutes)):
        wall = moment.astimezone(zone).replace(tzinfo=None)
        if hourly:
            passed = [wall]
        else:
            passed = list(walls(latest, wall))
            latest = max(latest, wall)
        found += [moment] if any(match(one) for one in passed) else []
    return found


def walls(after: datetime, until: datetime) -> Iterator[datetime]:
    while after < until:
        after += MINUTE
        yield after


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("timezone", "day"), CASES)
def test_firings_are_those_that_a_look_at_every_minute_finds(timezone, day, line):
    zone, first = ZoneInfo(timezone), at(day) - timedelta(days=2)
    expected = fired_by_minutes(zone, first, 5 * 1440, line)
    last = first + timedelta(days=5)

    found, moment = [], first
    while True:
        fired = first_firing(line, zone, moment)
        assert fired is not None
        assert fired >= moment
        if fired >= last:
            break
        found.append(fired)
        moment = fired + timedelta(microseconds=1)

    assert found == expected


@pytest.mark.parametrize("window", ["1d", "1h", "7d"])
@pytest.mark.parametrize("line", ["30 2 * * *", "5 * * * *", "0 6 * * mon"])
@pytest.mark.parametrize(("timezone", "day"), CASES)
def test_windows_are_released_by_the_first_firing_at_or_after_their_end(
    timezone, day, line, window
):
    one = monitor(window=window, schedule=line, timezone=timezone, lateness="20min")
    first = at(day) - timedelta(days=2)
    fired = fired_by_minutes(one.zone, first, 5 * 1440, line)
    ends = list(one.cadence.tile(first - timedelta(days=7), first + timedelta(days=3)))
    for one_window in (w for w in ends if w.end >= first):
        after = [m for m in fired if m >= one_window.end + timedelta(minutes=20)]
        if after:
            assert released(one, one_window) == after[0]


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("schedule", ["0 0 * * *", "30 2 * * *", "0 0 * * mon", "0 0 1 * *"])
def test_over_a_year_of_clock_changes_every_window_is_run_once(timezone, schedule):
    """The service looks every seven hours; what it runs tiles the year."""
    one = monitor(window="1d", schedule=schedule, timezone=timezone)
    now, end = at("2025-01-01"), at("2026-02-05")
    start = one.cadence.window(now).start
    ran: list[Window] = []
    while now < end:
        for window in due(one, now, known=ran[-9:], start=start):
            moment = released(one, window)
            assert moment is not None
            assert moment <= now
            ran.append(window)
        now += timedelta(hours=7)

    assert all(left.end == right.start for left, right in pairwise(ran))
    assert len(ran) >= 365


@settings(deadline=None, max_examples=60)
@given(
    timezone=st.sampled_from(list(CHANGES)),
    line=st.sampled_from([None, *LINES]),
    window=st.sampled_from(["1h", "6h", "1d", "7d", "1mo"]),
    offset=st.integers(0, 2 * 365 * 24 * 60),
    data=st.data(),
)
def test_however_often_it_looks_the_same_windows_are_due(timezone, line, window, offset, data):
    """Looking in between changes nothing: what is due comes once, and in order."""
    one = monitor(window=window, schedule=line, timezone=timezone)
    start = at("2025-01-01") + offset * MINUTE
    end = start + 40 * one.cadence.length
    at_once = due(one, end, start=start)

    looks = data.draw(st.lists(st.floats(0, 1), max_size=6))
    in_parts: list[Window] = []
    for share in sorted([*looks, 1.0]):
        in_parts += due(one, start + share * (end - start), known=in_parts, start=start)

    assert in_parts == at_once
    assert len(set(at_once)) == len(at_once)
