"""Windows that know their place in the calendar, and what the report says of seasons."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from monitor.config.cadence import Cadence
from monitor.core.window import Window
from monitor.evidence.types import Observation
from monitor.steps import observations
from monitor.steps.observations import Seen
from monitor.steps.season import Seasons, notes
from monitor.steps.setup import Setup

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SEEN = Observation({"x": np.array([3, 4, 0])}, {"volume:rows": (2.0, 0.1)})


def windows(count, length=DAY):
    return [Window(START + length * i, START + length * (i + 1)) for i in range(count)]


def setup(text="1d", **more):
    return Setup(cadence=Cadence.parse(text), **more)


def test_weeks_seen_by_days_know_their_weekdays():
    seasons = Seasons.covered_by(windows(56), 7, setup("7d"))
    week = Window(START, START + 7 * DAY)
    seen = seasons.dated(Seen((SEEN,) * 7, SEEN), week)

    assert [sum(part.calendar) for part in seen.parts] == [0, 1, 1, 1, 1, 1, 1]
    assert seen.whole.calendar == ()  # weeks have all the days
    assert not seen.aside


def test_a_holiday_that_the_reference_does_not_know_stands_aside():
    seasons = Seasons.covered_by(windows(30), 1, setup(holidays=(date(2024, 2, 3),)))
    day = windows(34)[33]
    seen = seasons.dated(Seen((SEEN,), SEEN), day)

    assert seen.aside
    assert dict(seen.spoken().whole.counts) == {}
    assert dict(seen.spoken().whole.scalars) == {}
    assert seen.spoken().parts[0].calendar == seen.parts[0].calendar
    assert observations.from_bytes(observations.to_bytes(seen)).aside
    (said,) = [text for text in notes(seasons, START, START + 30 * DAY, day) if "holiday" in text]
    assert said.startswith("3 February is a holiday")


def test_blocks_in_file_order_have_no_calendar():
    assert Seasons.covered_by((), 1, setup()) is None


def test_seasons_survive_the_store():
    seasons = Seasons.covered_by(windows(56), 7, setup("7d", holidays=(date(2024, 1, 6),)))

    assert Seasons.from_dict(seasons.to_dict()) == seasons
    assert Seasons.from_dict(None) is None


@pytest.mark.parametrize(
    ("days", "yearly", "said"),
    [
        (59, False, "A yearly season is unknown: the reference has seen weeks 1-9"),
        (366, False, "`yearly = true` under [monitors.season]"),
        (366, True, "The season of the year is taken out as all weeks of the reference had it."),
    ],
)
def test_what_is_said_of_the_year(days, yearly, said):
    seasons = Seasons.covered_by(windows(days), 1, setup(yearly=yearly))
    last = START + days * DAY - timedelta(seconds=1)
    told = notes(seasons, START, last, windows(days + 1)[-1])

    assert any(said in text for text in told), told
    assert any("their weekday" in text for text in told)
