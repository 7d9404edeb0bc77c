"""Days that are known to differ: how much rows scatter on them, and what their bins say."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.evidence import Reference
from monitor.evidence.contrasts import BIN, LOCATION
from monitor.evidence.types import Observation, Series
from monitor.evidence.weigh import merge

TOP, ROWS, DAYS = 14, 4000, 56
SERIES = (Series("calls", "numeric", tuple(map(str, range(TOP + 1)))),)


def day(rng, sunday: bool, calendar: bool = True) -> Observation:
    """Calls in an hour: three on average, nearly twice as many on a Sunday."""
    values = np.minimum(rng.poisson(5.0 if sunday else 3.0, ROWS), TOP)
    counts = np.append(np.bincount(values, minlength=TOP + 1), 0)
    return Observation({"calls": counts}, calendar=(float(sunday),) if calendar else ())


def days(calendar: bool = True) -> list[Observation]:
    rng = np.random.default_rng(1)
    return [day(rng, i % 7 == 6, calendar) for i in range(DAYS)]


def learned(calendar: bool = True) -> Reference:
    return Reference.learn(SERIES, (), days(calendar), design_effects={})


def test_counts_scatter_more_on_days_on_which_they_are_larger():
    reference, rng = learned(), np.random.default_rng(2)
    location = int(np.flatnonzero(reference.contrasts.kind == LOCATION)[0])
    monday, sunday = (merge(reference, [day(rng, so)], (1,)) for so in (False, True))

    scores = reference.layout.scores[0]
    draws = np.minimum(rng.poisson(5.0, 200_000), TOP)
    assert sunday.scatter[0, location] == pytest.approx(scores[draws].var(), rel=0.1)
    assert monday.scatter[0, location] == pytest.approx(1.0, abs=0.1)
    assert sunday.sampling[0, location] == sunday.scatter[0, location] / ROWS


def test_without_a_calendar_rows_scatter_as_in_the_reference():
    reference = learned(calendar=False)

    assert (merge(reference, days(calendar=False)[-1:], (1,)).scatter == 1).all()


def test_bins_of_a_day_that_is_always_so_are_judged():
    """Sundays lie more than 0.25 sd off, where bins leave it to the location: but as ever."""
    reference, rng = learned(), np.random.default_rng(3)
    bins = (reference.contrasts.kind == BIN) & reference.contrasts.judged
    usual = merge(reference, [day(rng, True)], (1,))
    strange = Observation(day(rng, True).counts, calendar=(0.0,))

    assert usual.said[0, bins].all()
    assert not merge(reference, [strange], (1,)).said[0, bins].any()
