"""Windows tile time: no hole, no overlap, whatever the zone does to its clocks."""

# ruff: noqa: DTZ001 - wall times have no zone

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from monitor.config.cadence import Cadence, parse_duration, resolve

LENGTHS = ["15min", "1h", "2h", "5h", "6h", "1d", "3d", "7d", "2w", "1mo", "3mo", "1y"]
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks changed at midnight
    "Asia/Beirut",  # the same, the day begins at 01:00
    "Asia/Kolkata",  # half an hour off
    "Australia/Lord_Howe",  # clocks change by half an hour
    "Pacific/Apia",  # skipped a whole day in 2011
]
moments = st.datetimes(datetime(2005, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))
anchors = st.none() | st.dates(date(2000, 1, 1), date(2030, 12, 28)).map(
    lambda day: day.replace(day=min(day.day, 28))
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(LENGTHS), st.sampled_from(ZONES), moments, anchors)
def test_windows_tile_time(length, zone, moment, anchor):
    cadence = Cadence.parse(length, timezone=zone, anchor=anchor)

    windows = list(cadence.tile(moment, moment + cadence.length * 8))
    whole = cadence.window(moment)

    assert whole.start <= moment < whole.end
    assert cadence.window(whole.start) == whole
    assert cadence.next(cadence.previous(whole)) == whole
    assert len(windows) >= 5
    assert windows[0].start - moment < cadence.length * 2
    for left, right in pairwise(windows):
        assert left.end == right.start
        assert cadence.next(left) == right
        assert timedelta(0) < right.end - right.start <= cadence.length * 1.2 + timedelta(days=1)


@pytest.mark.parametrize(
    ("length", "zone", "start", "hours"),
    [
        ("1d", "Europe/Berlin", datetime(2024, 3, 31), [23]),
        ("1d", "Europe/Berlin", datetime(2024, 10, 27), [25]),
        ("7d", "America/New_York", datetime(2024, 3, 4), [167]),
        ("6h", "Europe/Berlin", datetime(2024, 3, 31), [5, 6, 6, 6]),
        ("1h", "Europe/Berlin", datetime(2024, 10, 27), [1] * 25),
        ("1mo", "Europe/Berlin", datetime(2024, 3, 1), [31 * 24 - 1]),
        ("3mo", "UTC", datetime(2024, 1, 1), [91 * 24]),
    ],
)
def test_days_of_23_and_25_hours(length, zone, start, hours):
    cadence = Cadence.parse(length, timezone=zone)
    begin = start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    windows = list(cadence.tile(begin, begin + timedelta(hours=sum(hours))))

    assert [window.end - window.start for window in windows] == [
        timedelta(hours=hour) for hour in hours
    ]


def test_weeks_begin_on_monday_and_at_an_anchor_elsewhere():
    instant = datetime(2024, 5, 16, 12, tzinfo=UTC)  # a Thursday

    assert Cadence.parse("7d").window(instant).start == datetime(2024, 5, 13, tzinfo=UTC)
    anchored = Cadence.parse("7d", anchor=date(2013, 1, 5))
    assert anchored.window(instant).start == datetime(2024, 5, 11, tzinfo=UTC)
    timed = Cadence.parse("1d", anchor=datetime(2024, 1, 1, 6), timezone="Europe/Berlin")
    assert timed.window(instant).start == datetime(2024, 5, 16, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        (datetime(2024, 3, 31, 2, 30), "Europe/Berlin", datetime(2024, 3, 31, 1)),
        (datetime(2024, 10, 27, 2, 30), "Europe/Berlin", datetime(2024, 10, 27, 0, 30)),
        (datetime(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3)),
        (datetime(2011, 12, 30, 12), "Pacific/Apia", datetime(2011, 12, 30, 10)),
    ],
)
def test_a_gap_ends_at_its_first_instant_and_a_fold_counts_once(wall, zone, instant):
    assert resolve(wall, ZoneInfo(zone)) == instant.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "count"), [("1d", 365.25), ("7d", 52.18), ("1h", 8766), ("1mo", 12), ("1y", 1)]
)
def test_windows_a_year(length, count):
    assert Cadence.parse(length).windows_per_year == pytest.approx(count, abs=0.01)


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "1.5d", "7 days", "1M", "٧d"])
def test_what_is_no_window_length_is_refused(text):
    with pytest.raises(ValueError, match="is not a window length"):
        Cadence.parse(text)


def test_an_anchor_must_exist_in_every_month():
    with pytest.raises(ValueError, match="1 to 28"):
        Cadence.parse("1mo", anchor=date(2024, 1, 31))


def test_durations():
    assert parse_duration("90min") == timedelta(minutes=90)
    assert parse_duration("2h") == timedelta(hours=2)
    assert parse_duration("1w") == timedelta(days=7)
    with pytest.raises(ValueError, match="is not a length of time"):
        parse_duration("1mo")
