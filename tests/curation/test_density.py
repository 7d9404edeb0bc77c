from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from monitor.curation.density import _mann_whitney, density_ratio


def test_z_says_nothing_when_nothing_has_changed():
    rng = np.random.default_rng(0)
    z = [density_ratio(rng.normal(size=(150, 3)), rng.normal(size=(300, 3))).z for _ in range(120)]

    # The folds share most of their training rows, so z varies by 1.35 rather than 1.
    assert np.mean(z) == pytest.approx(0, abs=0.5)
    assert np.std(z) < 1.7


def test_a_contaminated_share_is_found_where_it_lies():
    rng = np.random.default_rng(1)
    window = rng.normal(size=(500, 4))
    window[:100, 2] += 4
    ratio = density_ratio(window, rng.normal(size=(2000, 4)))

    assert ratio.trust == 1
    assert ratio.unexplained[:100].mean() > 0.6
    assert ratio.unexplained[100:].mean() < 0.1
    assert np.abs(ratio.log_ratio).max() <= 4
    assert ratio.contributions(window[:100]).mean(axis=0).argmax() == 2


def test_the_ratio_does_not_care_about_the_units_of_a_feature():
    rng = np.random.default_rng(2)
    window, reference = rng.normal(0.3, size=(200, 2)), rng.normal(size=(400, 2))
    scale, shift = np.array([1e4, 1e-4]), np.array([3.0, -7.0])

    plain = density_ratio(window, reference).log_ratio
    scaled = density_ratio(window * scale + shift, reference * scale + shift).log_ratio

    np.testing.assert_allclose(scaled, plain, atol=1e-3)


def test_the_test_of_the_auc_is_scipys():
    rng = np.random.default_rng(3)
    window, training = rng.integers(0, 6, 40).astype(float), rng.integers(0, 5, 70).astype(float)

    excess, variance, pairs = _mann_whitney(window, training)

    known = mannwhitneyu(window, training, use_continuity=False, method="asymptotic")
    assert excess + pairs / 2 == known.statistic
    assert 2 * (1 - _normal_cdf(abs(excess) / variance**0.5)) == pytest.approx(known.pvalue)


def _normal_cdf(z):
    from statistics import NormalDist  # noqa: PLC0415

    return NormalDist().cdf(z)


@pytest.mark.parametrize(("n", "m", "width"), [(0, 50, 2), (50, 0, 2), (5, 50, 2), (50, 50, 0)])
def test_too_little_says_nothing(n, m, width):
    ratio = density_ratio(np.ones((n, width)), np.zeros((m, width)))

    assert (ratio.trust, ratio.log_ratio.tolist()) == (0, [0.0] * n)
