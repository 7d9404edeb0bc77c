"""What the p-values and the budget promise, held to it in simulated years (slow)."""

from __future__ import annotations

import time

import numpy as np
import pytest

from bench.alarms import CLUSTERED, IID, WANDERING, Cell, clean_years, learn
from bench.worlds import World, columns, simulate
from monitor.evidence import judge, judge_once
from monitor.evidence.assessment import assess
from monitor.evidence.types import Budget

FREQUENT = Budget(per_year=26.0)  # a column may fire once in two windows


def test_a_run_is_judged_quickly():
    cell = Cell(IID)
    rng = np.random.default_rng(1)
    windows, _ = simulate(cell.world, columns(30), 21, 2000, rng)
    started = time.process_time()
    reference = learn(cell, windows[:13], rng)
    learned = time.process_time() - started
    started = time.process_time()
    verdicts = judge(reference, windows[13:], position=8, budget=cell.budget)
    judged = time.process_time() - started

    assert len(verdicts) == 30
    assert learned < 2.0
    assert judged < 0.5  # well under 0.1 on a quiet machine


@pytest.mark.slow
@pytest.mark.parametrize("world", [IID, CLUSTERED, WANDERING], ids=["iid", "clustered", "tau"])
def test_years_in_which_nothing_happens_send_at_most_one_mail(world: World):
    mails = [clean_years(Cell(world), seed)[0] for seed in range(25)]

    # A budget of 1 a year; 25 years of exactly that would exceed 35 in one case of 40.
    assert sum(mails) <= 35


@pytest.mark.slow
def test_few_rows_keep_the_rate_that_a_generous_budget_allows():
    fired = looks = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        cell = Cell(IID, rows=150, columns=10, budget=FREQUENT)
        windows, _ = simulate(cell.world, columns(10), 13 + 20, cell.rows, rng)
        reference = learn(cell, windows[:13], rng)
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
    for seed in range(300):
        rng = np.random.default_rng([9, seed])
        cell = Cell(IID, rows=rows, columns=10)
        windows, _ = simulate(cell.world, columns(10), 9, rows, rng)
        reference = learn(cell, windows[:8], rng)
        wrong += any(one.fired for one in judge_once(reference, windows[8]).values())

    # 5 % at most; three standard errors of 300 trials are 3.8 points.
    assert wrong / 300 <= 0.05 + 0.038
