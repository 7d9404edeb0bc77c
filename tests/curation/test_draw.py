from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from monitor.curation.draw import inclusion_probabilities, spread, systematic

sizes = hnp.arrays(float, st.integers(1, 60), elements=st.floats(1e-3, 1e3))


@given(sizes, st.integers(0, 80))
def test_probabilities_add_up_to_the_number_of_draws(size, draws):
    pi = inclusion_probabilities(size, draws)

    assert pi.sum() == pytest.approx(min(draws, len(size)))
    assert (pi <= 1).all()
    assert (pi >= 0).all()


@given(sizes, st.integers(1, 60))
def test_a_larger_unit_is_never_less_likely(size, draws):
    pi = inclusion_probabilities(size, draws)

    assert (np.diff(pi[np.argsort(size)]) >= -1e-12).all()


@settings(deadline=None)
@given(sizes, st.integers(0, 60), st.integers(0, 2**32))
def test_a_draw_has_exactly_k_different_units(size, draws, seed):
    rng = np.random.default_rng(seed)
    pi = inclusion_probabilities(size, draws)
    order = spread(rng.normal(size=(len(size), 3)), pi, rng)

    drawn = systematic(pi, order, rng)

    assert sorted(order) == list(range(len(size)))
    assert len(drawn) == len(set(drawn)) == min(draws, len(size))
    assert set(np.flatnonzero(pi >= 1)) <= set(drawn)


def test_units_come_as_often_as_their_probabilities_say():
    rng = np.random.default_rng(11)
    features = rng.normal(size=(40, 2))
    pi = inclusion_probabilities(rng.lognormal(size=40), 8)
    trials = 4000
    counts = np.zeros(40)
    for _ in range(trials):
        counts[systematic(pi, spread(features, pi, rng), rng)] += 1

    error = np.sqrt(pi * (1 - pi) / trials)
    # 40 units: 4.5 standard errors leave one false alarm in 3,000 runs.
    assert (np.abs(counts / trials - pi) <= 4.5 * error + 1e-12).all()


def test_a_spread_sample_estimates_a_smooth_mean_better_than_an_unspread_one():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(400, 2))
    truth = features.sum(axis=1)
    pi = np.full(400, 40 / 400)

    spread_means, plain_means = [], []
    for _ in range(300):
        spread_means.append(truth[systematic(pi, spread(features, pi, rng), rng)].mean())
        plain_means.append(truth[rng.choice(400, 40, replace=False)].mean())

    assert np.std(spread_means) < 0.5 * np.std(plain_means)


def test_units_without_features_are_drawn_all_the_same():
    rng = np.random.default_rng(0)
    pi = np.full(10, 0.3)

    assert len(systematic(pi, spread(np.empty((10, 0)), pi, rng), rng)) == 3
