"""Named events: which windows they meet, and what they explain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.config.columns import OverrideConfig
from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.evidence.types import Observation, Scalar
from monitor.steps.occasions import Occasion, explained, meeting, without
from monitor.steps.setup import Setup

ROLES = Roles(prediction="pred", scores=("score",))
NAMES = ["x", "e.pc0", "pred", "score", "segment:c=A/pred", "performance:accuracy", "volume:rows"]
OWNERS = {"x": "x", "e.pc0": "e", "pred": "pred", "score": "score"}


def occasion(start: str, end: str, **more: object) -> Occasion:
    values = {"name": "n", "kind": "other", **more}
    moments = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end))
    return Occasion(start=next(moments), end=next(moments), **values)


def day(text: str, days: int = 1) -> Window:
    start = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return Window(start, start + timedelta(days=days))


@pytest.mark.parametrize(
    ("window", "meets"),
    [
        (day("2024-11-28"), False),
        (day("2024-11-28", 2), True),
        (day("2024-11-29"), True),
        (day("2024-11-30"), False),  # the end is not part of it
        (day("2023-11-29"), False),
    ],
)
def test_an_event_meets_the_windows_that_it_overlaps(window, meets):
    assert bool(meeting([occasion("2024-11-29", "2024-11-30")], window)) is meets


@pytest.mark.parametrize("year", [2019, 2024, 2031])
def test_a_yearly_event_comes_every_year_over_new_year_too(year):
    holidays = occasion("2020-12-24", "2021-01-02", yearly=True)
    leap = occasion("2024-02-29", "2024-03-01", yearly=True)

    for text in (f"{year}-12-24", f"{year}-01-01"):
        (met,) = meeting([holidays], day(text))
        assert met.start <= day(text).start < met.end
    assert not meeting([holidays], day(f"{year}-01-02"))
    assert meeting([leap], day(f"{year}-02-28", 2))


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, set(NAMES)),
        (
            {"kind": "deployment"},
            {"pred", "score", "segment:c=A/pred", "performance:accuracy"},
        ),
        ({"columns": ("e",)}, {"e.pc0"}),
        ({"columns": ("pred",)}, {"pred", "segment:c=A/pred"}),
    ],
)
def test_what_an_event_explains(more, names):
    one = occasion("2024-01-01", "2024-01-02", **more)

    assert set(explained(NAMES, OWNERS, [one], ROLES)) == names


def test_only_an_incident_of_all_explains_facts():
    one = occasion("2024-01-01", "2024-01-02", kind="incident")

    assert one.explains_facts
    assert not replace(one, columns=("x",)).explains_facts
    assert not replace(one, kind="holiday").explains_facts


def test_a_window_without_some_names_keeps_the_others():
    seen = Observation({"x": np.ones(2, int), "y": np.ones(2, int)}, {"volume:rows": (1.0, 0.1)})

    left = without(seen, {"x", "volume:rows"})

    assert (set(left.counts), set(left.scalars)) == ({"y"}, set())


def test_a_person_says_how_a_figure_is_judged():
    specs = (
        Scalar("performance:accuracy", gate=0.01),
        Scalar("bias:sex=F:accuracy", gate=0.05),
        Scalar("volume:rows", gate=0.2),
    )
    setup = Setup(
        metrics=(
            OverrideConfig(metric="accuracy", alarm_on="fall", gate=0.03, weight=2),
            OverrideConfig(metric="bias:accuracy", ignore=True),
        )
    )

    assert setup.figures(specs) == (
        Scalar("performance:accuracy", gate=0.03, weight=2.0, alarm_on="fall"),
        Scalar("volume:rows", gate=0.2),
    )
