"""The 16-bit codes keep the order, and the KS distance from them is within 0.002 of exact."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from monitor.profiles.codebook import Codebook, aligned, learn_codebook, quantile
from monitor.profiles.numeric import NumericCounter
from monitor.profiles.types import NumericProfile

N = 40_000


def clusters(rng: np.random.Generator, n: int) -> np.ndarray:
    centers = 10.0 ** np.arange(8)
    return rng.choice(centers, n) * (1 + 1e-3 * rng.normal(size=n))


SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "normal, far from zero": lambda rng, n: 1e6 + rng.normal(size=n),
    "1e12 and noise": lambda rng, n: 1e12 + rng.normal(size=n),
    "lognormal": lambda rng, n: rng.lognormal(0, 3, n),
    "Pareto": lambda rng, n: rng.pareto(0.7, n),
    "Cauchy": lambda rng, n: rng.standard_cauchy(n),
    "uniform": lambda rng, n: rng.random(n),
    "zero inflated": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.lognormal(0, 1, n)),
    "far bimodal": lambda rng, n: rng.normal(size=n) + 1e5 * (rng.random(n) < 0.5),
    "narrow bimodal": lambda rng, n: 1e-4 * rng.normal(size=n) + (rng.random(n) < 0.5),
    "trimodal": lambda rng, n: rng.normal(size=n) + rng.choice([0, 1e4, 1e7], n),
    "8 clusters over 8 decades": clusters,
    "counts": lambda rng, n: rng.poisson(4, n),
    "large counts": lambda rng, n: rng.negative_binomial(2, 1e-4, n),
    "timestamps": lambda rng, n: 1_700_000_000_000_000 + rng.integers(0, 10**12, n),
    "nanoseconds in one second": lambda rng, n: (
        1_700_000_000_000_000_000 + rng.integers(0, 10**9, n)
    ),
    "constant": lambda rng, n: np.full(n, 0.1),
    "percentages": lambda rng, n: np.round(rng.beta(2, 5, n), 2),
    "negative": lambda rng, n: -rng.lognormal(2, 1, n),
    "mixed signs": lambda rng, n: rng.standard_t(1.5, n) * 10.0 ** rng.integers(-5, 5, n),
}


def counted(book: Codebook, values: np.ndarray) -> NumericProfile:
    counter = NumericCounter(book)
    counter.add(pa.array(values))
    return counter.result()


def ks(left: NumericProfile, right: NumericProfile) -> float:
    _, a, b = aligned(left, right)
    return float(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).max())


def moved(values: np.ndarray, by: float) -> np.ndarray:
    spread = np.subtract(*np.percentile(values, [75, 25])) or 1
    return (values + by * spread).astype(values.dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_ks_is_within_0_002_of_exact(shape):
    rng = np.random.default_rng(11)
    make = SHAPES[shape]
    book = learn_codebook(make(rng, 100_000))
    left, right = make(rng, N), moved(make(rng, N), 0.1)

    exact = stats.ks_2samp(left, right).statistic

    assert ks(counted(book, left), counted(book, right)) == pytest.approx(exact, abs=0.002)


@pytest.mark.parametrize("shape", SHAPES)
def test_codes_and_edges_keep_the_order(shape):
    rng = np.random.default_rng(5)
    values = SHAPES[shape](rng, 20_000)
    book = learn_codebook(values)
    profile = counted(book, values)
    low, high = book.lower(profile.codes), book.upper(profile.codes)

    assert np.all(np.diff(profile.codes) > 0)
    assert np.all(high >= low)
    assert np.all(np.diff(low) >= 0)
    # Edges bracket the values: as many lie below each upper edge as were counted. Distances of
    # float32 rounding at the border of a code may move single rows.
    below = np.searchsorted(np.sort(values), high, side="right")
    assert np.abs(below - np.cumsum(profile.counts)).max() <= 2e-3 * len(values)


@pytest.mark.parametrize("shape", ["normal", "lognormal", "far bimodal", "counts", "timestamps"])
def test_quantiles_and_moments(shape):
    rng = np.random.default_rng(8)
    values = SHAPES[shape](rng, 50_000)
    book = learn_codebook(values)
    profile = counted(book, values)
    q = np.array([0.0, 0.01, 0.25, 0.5, 0.9, 1.0])

    found = quantile(profile, book, q)

    rank = np.searchsorted(np.sort(values), found, side="right") / len(values)
    left = np.searchsorted(np.sort(values), found, side="left") / len(values)
    assert np.all((left - 0.002 <= q) & (q <= rank + 0.002))
    assert profile.mean == pytest.approx(values.mean(dtype=np.float64), rel=1e-9, abs=1e-9)
    assert profile.variance == pytest.approx(values.astype(float).var(ddof=1), rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=50),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=50),
)
@example(reference=[0.0, 0.0, 0.0, 1.0, 3.5e38, 3.6e38], values=[3.5e38, 3.6e38, np.inf])
@example(reference=[0.0, 0.0, 0.0, 1.0, -3.5e38, -3.6e38], values=[-3.5e38, -np.inf])
def test_any_values_fit_any_codebook(reference, values):
    book = learn_codebook(np.array(reference, dtype=np.float64))
    profile = counted(book, np.array(values, dtype=np.float64))

    assert profile.counts.sum() == len(values)
    assert profile.finite == np.isfinite(values).sum()
    order = [counted(book, np.array([value])).codes[0] for value in sorted(values)]
    assert order == sorted(order)


def test_infinities_are_in_the_outer_codes_and_nan_in_none():
    book = learn_codebook(np.random.default_rng(0).normal(size=1000))
    profile = counted(book, np.array([np.inf, -np.inf, np.nan, 0.0, 1e300]))

    assert (profile.positive_infinities, profile.negative_infinities, profile.nans) == (1, 1, 1)
    assert profile.counts.sum() == 4
    assert profile.counts[0] == 1
    assert profile.present == 4
    ends = profile.codes[[0, -1]]
    assert book.upper(ends)[0] < -1e30
    assert book.lower(ends)[1] > 1e30


def test_a_codebook_outlives_its_reference():
    values = np.random.default_rng(0).normal(size=1000)

    assert learn_codebook(values).id == learn_codebook(values.copy()).id
    assert learn_codebook(values).id != learn_codebook(values + 1).id


def test_minus_zero_is_zero():
    book = learn_codebook(np.array([0.0, 0.0, 1.0]))

    assert list(counted(book, np.array([-0.0, 0.0])).counts) == [2]


def test_a_column_far_from_its_reference_keeps_its_variance():
    rng = np.random.default_rng(2)
    book = learn_codebook(rng.normal(size=1000))
    far = 1e9 + rng.normal(size=5000)

    assert counted(book, far).variance == pytest.approx(far.var(ddof=1), rel=1e-5)
