"""PSI, JS, KS and Wasserstein from profiles are those of the raw values: within 1 % (KS: 0.002)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitor.checks.customary import representatives, standard_deviation
from monitor.profiles.bins import Bins
from monitor.profiles.codebook import aligned, learn_codebook
from monitor.stats import distances

from .test_codebook import counted

ROWS = 40_000
SHAPES = {
    "normal": lambda rng, n, by: rng.normal(by, 1, n),
    "lognormal": lambda rng, n, by: rng.lognormal(by, 1, n),
    "Pareto": lambda rng, n, by: rng.pareto(3 - by, n),
    "integer": lambda rng, n, by: rng.poisson(12 * (1 + by), n),
    "zero-inflated": lambda rng, n, by: np.where(
        rng.random(n) < 0.7 - by, 0.0, rng.lognormal(0, 1, n)
    ),
    "timestamp": lambda rng, n, by: (
        1_700_000_000_000_000 + (rng.beta(2, 2 - by, n) * 1e12).astype(np.int64)
    ),
    "far bimodal": lambda rng, n, by: rng.normal(size=n) + 1e6 * (rng.random(n) < 0.5 - by),
}


@pytest.fixture(params=SHAPES)
def sides(request):
    """Raw values of reference and window, and their profiles."""
    rng = np.random.default_rng(3)
    make = SHAPES[request.param]
    old, new = make(rng, ROWS, 0.0), make(rng, ROWS, 0.15)
    book = learn_codebook(make(rng, 100_000, 0.0))
    return old, new, counted(book, old), counted(book, new), book


def test_ks(sides):
    old, new, before, after, _ = sides
    _, a, b = aligned(before, after)

    exact = stats.ks_2samp(old, new).statistic
    assert distances.ks(a, b).statistic == pytest.approx(exact, abs=0.002)


def test_wasserstein(sides):
    old, new, before, after, book = sides
    codes, a, b = aligned(before, after)
    values = representatives(book, codes, before, after) / standard_deviation(before)

    origin = float(old.min())  # times lose their digits as floats otherwise
    exact = stats.wasserstein_distance(old - origin, new - origin) / old.std(ddof=1)
    assert distances.wasserstein(values, a, b).statistic == pytest.approx(exact, rel=0.01)


def test_psi_and_js(sides):
    old, new, before, after, book = sides
    bins = Bins.fixed_by(before, book)
    raw = [np.bincount(np.searchsorted(bins.edges, side, side="right")) for side in (old, new)]
    folded = [bins.fold(side)[:-1] for side in (before, after)]

    for distance in (distances.psi, distances.js):
        exact = distance(*raw).statistic
        assert distance(*folded).statistic == pytest.approx(exact, rel=0.01)
