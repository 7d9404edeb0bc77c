"""What is known of windows beforehand, and what of it a reference covers."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from monitor.core.window import Window
from monitor.evidence.calendar import Calendar, covers_a_year, weeks_seen

START = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday


def windows(count: int, length: timedelta) -> list[Window]:
    return [Window(START + length * i, START + length * (i + 1)) for i in range(count)]


def days(count):
    return windows(count, timedelta(days=1))


def test_weekdays_want_four_weeks():
    assert Calendar.covered_by(days(27)).rows(days(7)).shape == (7, 0)

    rows = Calendar.covered_by(days(28)).rows(days(14))

    assert rows.shape == (14, 6)
    assert (rows[:7] == rows[7:]).all()
    assert (rows[0] == 0).all()  # Monday is what the others are compared with
    assert (rows[1:7] == np.eye(6)).all()


def test_hours_and_weekdays_of_an_hourly_monitor():
    calendar = Calendar.covered_by(windows(24 * 28, timedelta(hours=1)))
    rows = calendar.rows(windows(24, timedelta(hours=1)))

    assert rows.shape == (24, 23 + 6)
    assert (rows[1:, :23] == np.eye(23)).all()


def test_weeks_have_no_weekday_but_a_place_in_the_month_after_half_a_year():
    weeks = windows(30, timedelta(days=7))
    calendar = Calendar.covered_by(weeks)
    rows = calendar.rows(weeks)

    assert rows.shape == (30, 2)
    assert rows[0].tolist() == pytest.approx([3 / 7, 0])  # 1 to 7 January
    assert rows[4].tolist() == pytest.approx([3 / 7, 3 / 7])  # 29 January to 4 February
    assert Calendar.covered_by(weeks[:13]).rows(weeks).shape == (30, 0)


def test_holidays_count_from_three_on():
    festive = (date(2024, 1, 6), date(2024, 1, 20), date(2024, 2, 3), date(2024, 7, 4))
    known = Calendar.covered_by(days(40), holidays=festive)
    unknown = Calendar.covered_by(days(30), holidays=festive)
    fourth = Window(datetime(2024, 7, 4, tzinfo=UTC), datetime(2024, 7, 5, tzinfo=UTC))

    assert known.holidays_known
    assert known.row(fourth)[-1] == 1
    assert known.strange(fourth) == ()
    assert not unknown.holidays_known
    assert unknown.strange(fourth) == (date(2024, 7, 4),)


def test_a_week_with_one_holiday_is_a_week():
    calendar = Calendar.covered_by(windows(8, timedelta(days=7)), holidays=[date(2024, 4, 1)])

    assert calendar.strange(windows(14, timedelta(days=7))[13]) == ()


def test_days_begin_where_the_monitor_is():
    berlin = ZoneInfo("Europe/Berlin")
    local = datetime(2024, 3, 3, tzinfo=berlin)
    sundays = [Window(local + timedelta(days=i), local + timedelta(days=i + 1)) for i in range(60)]
    rows = Calendar.covered_by(sundays, zone="Europe/Berlin").rows(sundays)

    # Across the clock change of 31 March every seventh day is a Sunday all the same.
    assert rows[::7, 5].tolist() == [1.0] * 9


def test_the_season_wants_a_year_and_to_be_asked_for():
    year, most = windows(52, timedelta(days=7)), windows(51, timedelta(days=7))
    asked = Calendar.covered_by(year, yearly=True)

    assert asked.harmonics == 2
    assert asked.rows(year).shape == (52, 6)
    assert Calendar.covered_by(year).harmonics == 0
    assert Calendar.covered_by(most, yearly=True).harmonics == 0


def test_a_calendar_survives_json():
    calendar = Calendar.covered_by(days(200), holidays=[date(2024, 5, 1)], zone="Asia/Tokyo")

    assert Calendar.from_dict(json.loads(json.dumps(calendar.to_dict()))) == calendar


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2013-01-01", "2013-02-28", "weeks 1-9"),
        ("2013-05-07", "2013-05-07", "week 19"),
        ("2013-11-05", "2014-01-20", "weeks 45-52 and 1-4"),
        ("2020-12-20", "2021-01-05", "weeks 51-53 and 1-1"),
        ("2012-03-01", "2013-03-20", "all weeks"),
    ],
)
def test_weeks_that_were_seen(first, last, said):
    old, new = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))

    assert weeks_seen(old, new, ZoneInfo("UTC")) == said
    assert covers_a_year(old, new) is (said == "all weeks")
