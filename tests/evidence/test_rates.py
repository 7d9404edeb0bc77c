"""What the p-values and the budget promise, held to it in simulated years (slow)."""

from __future__ import annotations

import numpy as np
import pytest

from bench.alarms_cells import (
    AR8,
    CLUSTERED,
    DAILY,
    IID,
    UNEQUAL,
    WANDERING,
    WEEKDAYS,
    Cell,
)
from bench.alarms_clean import clean_stretch, dated_windows, learned
from bench.worlds import columns, simulate
from monitor.evidence import judge, judge_once
from monitor.evidence.assessment import assess
from monitor.evidence.types import Budget

FREQUENT = Budget(per_year=26.0)  # a column may fire once in two windows


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell(IID),
        Cell(CLUSTERED),
        Cell(WANDERING),
        Cell(AR8),
        Cell(UNEQUAL, reference=26),
        Cell(CLUSTERED, through=True, columns=10, windows=26),
        Cell(WEEKDAYS, reference=56, budget=DAILY, windows=365, calendar=True, columns=10),
    ],
    ids=["iid", "clustered", "tau", "memory", "unequal", "by rows", "weekdays"],
)
def test_years_in_which_nothing_happens_send_at_most_one_mail(cell: Cell):
    wanted = 3 if cell.through or cell.budget == DAILY else 12
    stretches = round(wanted / cell.years)
    mails = sum(clean_stretch(cell, seed)[0] for seed in range(stretches))

    # A budget of 1 a year; exactly that would exceed this in one case of 40.
    years = stretches * cell.years
    assert mails <= years + 2 * years**0.5


@pytest.mark.slow
def test_knowing_the_weekday_sharpens_the_sight():
    sights = []
    for calendar in (True, False):
        cell = Cell(WEEKDAYS, reference=56, budget=DAILY, windows=1, calendar=calendar)
        rng = np.random.default_rng(3)
        windows, _ = simulate(cell.world, columns(10), cell.reference, cell.rows, rng)
        sights.append(_least(cell, windows, rng))

    assert sights[0] < 0.6 * sights[1]


def _least(cell, windows, rng):
    windows = dated_windows(cell, windows)
    reference = learned(cell, windows, rng)
    return judge(reference, windows[-1:], position=1, budget=cell.budget)["000"].sight[1]


@pytest.mark.slow
def test_few_rows_keep_the_rate_that_a_generous_budget_allows():
    fired = looks = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        cell = Cell(IID, rows=150, columns=10, budget=FREQUENT)
        windows, _ = simulate(cell.world, columns(10), 13 + 20, cell.rows, rng)
        reference = learned(cell, windows[:13], rng)
        for position in range(1, 21):
            recent = windows[13 + max(0, position - 8) : 13 + position]
            found = assess(reference, recent, position=position, budget=FREQUENT, only_due=True)
            fired += bool(found.fired.any())
            looks += 1

    # 0.7 * 26 / 52 windows may fire on average; looks of one reference hang together.
    assert fired / looks <= 0.35


@pytest.mark.slow
@pytest.mark.parametrize("rows", [200, 2000])
def test_comparisons_of_equals_rarely_find_anything(rows):
    wrong = 0
    for seed in range(150):
        rng = np.random.default_rng([9, seed])
        cell = Cell(IID, rows=rows, columns=10)
        windows, _ = simulate(cell.world, columns(10), 9, rows, rng)
        reference = learned(cell, windows[:8], rng)
        wrong += any(one.fired for one in judge_once(reference, windows[8]).values())

    # 5 % at most; three standard errors of 150 trials are 5.3 points.
    assert wrong / 150 <= 0.05 + 0.053
