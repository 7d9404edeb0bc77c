"""A change of a mean, taken apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.stats.counts import poisson_rate
from monitor.stats.mix import decompose

SIDE = st.lists(
    st.tuples(st.integers(0, 3), st.floats(-10, 10, allow_nan=False)), min_size=2, max_size=30
)


def split(rows):
    groups, values = zip(*rows, strict=True)
    return groups, values


@settings(deadline=None)
@given(SIDE, SIDE)
def test_the_two_parts_are_the_whole_change(before, now):
    found = decompose(split(before), split(now), np.random.default_rng(0))

    change = np.mean(split(now)[1]) - np.mean(split(before)[1])
    assert found.mix + found.within == pytest.approx(change, abs=1e-9)
    assert found.total == pytest.approx(change, abs=1e-9)


@settings(deadline=None)
@given(SIDE, SIDE)
def test_names_of_groups_do_not_matter(before, now):
    renamed = [[(3 - group, value) for group, value in side] for side in (before, now)]

    one, other = (
        decompose(split(a), split(b), np.random.default_rng(0)) for a, b in ((before, now), renamed)
    )

    assert one.mix == pytest.approx(other.mix, abs=1e-9)


def test_a_group_that_comes_is_mix_and_one_that_changes_is_within():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 1000)
    came = decompose(
        (np.zeros(1000, int), values),
        (np.repeat([0, 1], 500), np.r_[values[:500], values[:500] + 3]),
        rng,
    )
    changed = decompose((np.zeros(1000, int), values), (np.zeros(1000, int), values + 3), rng)

    assert came.share > 0.9
    assert changed.mix == 0.0
    assert changed.within == pytest.approx(3.0)


def test_no_change_has_no_share():
    values = np.random.default_rng(2).normal(0, 1, 400)
    found = decompose((np.repeat([0, 1], 200), values), (np.repeat([0, 1], 200), values),
                      np.random.default_rng(3))  # fmt: skip

    assert found.share_interval == (-np.inf, np.inf)


@pytest.mark.slow
def test_the_intervals_hold_what_they_promise():
    rng = np.random.default_rng(4)
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.4, 0.3])
    means, later = np.array([0.0, 1.0, 2.0]), np.array([0.1, 1.0, 2.2])
    mix, within = ((q - p) * (means + later) / 2).sum(), ((q + p) * (later - means) / 2).sum()
    hits = np.zeros(3)
    for _ in range(400):
        old, new = rng.choice(3, 2000, p=p), rng.choice(3, 1500, p=q)
        found = decompose(
            (old, means[old] + rng.normal(0, 1, 2000)),
            (new, later[new] + rng.normal(0, 1, 1500)),
            rng,
        )
        truths = (mix, within, mix / (mix + within))
        ends = (found.mix_interval, found.within_interval, found.share_interval)
        hits += [low <= truth <= high for truth, (low, high) in zip(truths, ends, strict=True)]

    # 400 trials at 95 %: three standard errors are 3.3 points.
    assert hits / 400 == pytest.approx([0.95] * 3, abs=0.035)


@pytest.mark.parametrize("events", [0, 1, 5, 40])
def test_the_interval_of_a_rate_is_garwoods(events):
    # scipy.stats.chi2.ppf([.025, .975], [2 n, 2 n + 2]) / 2, as Garwood 1936
    from scipy.stats import chi2  # noqa: PLC0415 - slow to import, and the others need it not

    rate = poisson_rate(events, 2.0)

    low = chi2.ppf(0.025, 2 * events) / 4 if events else 0.0
    assert rate.interval == pytest.approx((low, chi2.ppf(0.975, 2 * events + 2) / 4))


def test_a_rate_needs_time():
    with pytest.raises(ValueError, match="exposure > 0"):
        poisson_rate(1, 0.0)
