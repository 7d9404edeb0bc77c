"""The tails against distributions that scipy knows exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitor.evidence.tails import conditional_binomial, fallen_odds, gamma_mixture, pearson3


@pytest.mark.parametrize("mean", [5.0, 20.0, 100.0, 400.0])
@pytest.mark.parametrize("dispersion", [1.5, 3.0, 8.0])
@pytest.mark.parametrize("away", [3.0, 4.3, 6.0])
def test_clustered_counts_are_negative_binomial(mean, dispersion, away):
    sd = np.sqrt(mean * dispersion)
    hits = np.round(mean + away * sd)
    exact = stats.nbinom.sf(hits - 1, mean / (dispersion - 1), 1 / dispersion)
    skewness = (2 - 1 / dispersion) * np.sqrt(dispersion / mean)
    found = gamma_mixture(
        np.array([hits - 0.5 - mean]),
        np.array([[sd**2]]),
        np.array([[skewness]]),
        np.array([[1.0]]),
    )[0]

    assert found == pytest.approx(exact, rel=0.25)
    assert found > exact * 0.95  # never bolder than the truth


def test_the_short_side_is_left_to_the_normal_tail():
    assert pearson3(np.array([-4.0, 4.0]), np.array([0.5, -0.5])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("hits", "rows"), [(8, 1000), (30, 2000), (0, 500)])
def test_few_counts_against_few_are_exact(hits, rows):
    """Independent rows: the hypergeometric test's binomial limit, as scipy's binomtest."""
    found = conditional_binomial(
        np.array([float(hits)]),
        np.array([float(rows)]),
        (np.array([12.0]), np.array([26_000.0])),
        np.array([[1.0]]),
        np.array([[1.0]]),
    )[0]
    side = "greater" if hits * 26_000 > 12 * rows else "less"
    exact = stats.binomtest(hits, hits + 12, rows / (rows + 26_000), alternative=side).pvalue

    assert found == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(("rows", "share"), [(2000, 0.025), (2000, 0.15), (300, 0.2)])
@pytest.mark.parametrize("variance", [0.0, 0.0036, 0.05])
@pytest.mark.parametrize("level", [1e-2, 1e-4, 1e-6])
def test_log_odds_that_fall_have_the_tail_of_their_counts(rows, share, variance, level):
    """Against the binomial averaged over log-odds that vary normally, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    odds = np.log(share / (1 - share)) + np.sqrt(variance) * nodes
    each = stats.binom(rows, 1 / (1 + np.exp(-odds)))
    cdf = np.array([weights @ each.cdf(k) for k in range(rows // 2)]) / weights.sum()
    hits = int(np.searchsorted(cdf, level))
    middle = (cdf[hits] + cdf[hits - 1]) / 2  # half of the observed count itself: mid-p
    now, usual = (np.log((k + 0.5) / (rows - k + 0.5)) for k in (hits, rows * share))
    found = fallen_odds(
        np.array([now]),
        np.array([usual - now]),
        np.array([float(rows)]),
        np.array([[variance]]),
        np.array([[1.0]]),
    )[0]

    assert found == pytest.approx(middle, rel=0.2)
