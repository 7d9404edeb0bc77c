"""Every statistic beside another program's, called as its own documentation calls it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats
import sklearn.metrics
from fairlearn.metrics import MetricFrame, demographic_parity_difference, selection_rate
from scipy.stats import contingency

from monitor.stats import classification, distances, groups, rates, regression, scores

RNG = np.random.default_rng(2024)
OLD = np.array([120, 230, 410, 190, 50])
NEW = np.array([95, 210, 420, 205, 70])
LABELS = RNG.integers(0, 4, 600)
PREDICTIONS = np.where(RNG.random(600) < 0.7, LABELS, RNG.integers(0, 4, 600))
BINARY = RNG.integers(0, 2, 800)
SCORES = np.clip(np.round(0.35 * BINARY + 0.65 * RNG.random(800), 2), 0, 0.99)


def _binned(values, bins=100):
    return np.bincount(np.floor(values * bins + 1e-9).astype(int), minlength=bins)


UP, DOWN = _binned(SCORES[BINARY == 1]), _binned(SCORES[BINARY == 0])
CONFUSION = sklearn.metrics.confusion_matrix(LABELS, PREDICTIONS)
TWO = sklearn.metrics.confusion_matrix(BINARY, SCORES > 0.5)


def test_js_is_scipys_jensenshannon():
    assert distances.js(OLD, NEW).statistic == pytest.approx(
        scipy.spatial.distance.jensenshannon(OLD, NEW)
    )


def test_psi_is_both_kullback_leibler_divergences():
    p, q = (OLD + 0.5) / (OLD + 0.5).sum(), (NEW + 0.5) / (NEW + 0.5).sum()

    assert distances.psi(OLD, NEW).statistic == pytest.approx(
        scipy.stats.entropy(p, q) + scipy.stats.entropy(q, p)
    )


def test_chi2_is_scipys_chi2_contingency():
    known = scipy.stats.chi2_contingency([OLD, NEW], correction=False)
    found = distances.chi2(OLD, NEW)

    assert (found.statistic, found.p_value) == pytest.approx((known.statistic, known.pvalue))


def test_ks_of_single_values_is_scipys_ks_2samp():
    a, b = RNG.integers(0, 1000, 700), RNG.integers(40, 1000, 500)
    known = scipy.stats.ks_2samp(a, b, method="asymp")
    found = distances.ks(np.bincount(a, minlength=1000), np.bincount(b, minlength=1000))

    assert found.statistic == pytest.approx(known.statistic)
    assert found.p_value == pytest.approx(known.pvalue, rel=0.1)


def test_wasserstein_of_single_values_is_scipys():
    a, b = RNG.integers(0, 100, 700), RNG.integers(5, 120, 500)
    found = distances.wasserstein(
        np.arange(120), np.bincount(a, minlength=120), np.bincount(b, minlength=120)
    )

    assert found.statistic == pytest.approx(scipy.stats.wasserstein_distance(a, b))


@pytest.mark.parametrize(("hits", "rows"), [(0, 5), (7, 20), (81, 263), (20, 20), (1, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_wilson_is_scipys(hits, rows, confidence):
    known = scipy.stats.binomtest(hits, rows).proportion_ci(confidence, method="wilson")

    assert rates.wilson(hits, rows, confidence=confidence).interval == pytest.approx(tuple(known))


@pytest.mark.parametrize(
    ("hits", "rows", "interval"),
    [
        # Newcombe 1998, table II, method 10, the eight examples printed there.
        ((56, 48), (70, 80), (0.0524, 0.3339)),
        ((9, 3), (10, 10), (0.1705, 0.8090)),
        ((6, 2), (7, 7), (0.0582, 0.8062)),
        ((5, 0), (56, 29), (-0.0381, 0.1926)),
        ((0, 0), (10, 20), (-0.1611, 0.2775)),
        ((0, 0), (10, 10), (-0.2775, 0.2775)),
        ((10, 0), (10, 20), (0.6791, 1.0000)),
        ((10, 0), (10, 10), (0.6075, 1.0000)),
    ],
)
def test_newcombe_gives_the_published_examples(hits, rows, interval):
    assert rates.newcombe(hits, rows).interval == pytest.approx(interval, abs=6e-5)


def test_ratio_of_rates_is_near_scipys_relative_risk():
    known = contingency.relative_risk(156, 600, 200, 900).confidence_interval(0.95)
    found = rates.ratio(rates.wilson(156, 600), rates.wilson(200, 900))

    assert found.value == pytest.approx(156 / 600 / (200 / 900))
    assert found.interval == pytest.approx((known.low, known.high), rel=0.01)


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_metrics_of_classes_are_sklearns(metric):
    known = getattr(sklearn.metrics, f"{metric}_score")
    one = classification.of_class(TWO, 1, metric)
    all_ = classification.macro(CONFUSION, metric)

    assert one.value == pytest.approx(known(BINARY, SCORES > 0.5))
    assert all_.value == pytest.approx(known(LABELS, PREDICTIONS, average="macro"))


def test_a_class_that_nobody_predicted_counts_as_in_sklearn():
    labels, predictions = [0, 0, 1, 1, 2], [0, 0, 0, 1, 1]
    confusion = sklearn.metrics.confusion_matrix(labels, predictions)

    for metric in ("precision", "recall", "f1"):
        known = getattr(sklearn.metrics, f"{metric}_score")
        expected = known(labels, predictions, average="macro", zero_division=0)
        assert classification.macro(confusion, metric).value == pytest.approx(expected)


def test_accuracy_is_sklearns():
    assert classification.accuracy(CONFUSION).value == pytest.approx(
        sklearn.metrics.accuracy_score(LABELS, PREDICTIONS)
    )


def test_auc_is_sklearns_and_its_error_is_that_of_the_bootstrap():
    found = scores.roc_auc(UP, DOWN)
    draws = []
    for _ in range(300):
        rows = RNG.integers(0, len(BINARY), len(BINARY))
        draws.append(sklearn.metrics.roc_auc_score(BINARY[rows], SCORES[rows]))

    assert found.value == pytest.approx(sklearn.metrics.roc_auc_score(BINARY, SCORES))
    assert found.interval == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.006)


def test_log_loss_and_brier_score_are_sklearns_at_the_middles_of_bins():
    middle = (np.floor(SCORES * 100 + 1e-9) + 0.5) / 100
    of_the_label = _binned(np.where(BINARY == 1, middle, 1 - middle))

    assert scores.log_loss(of_the_label).value == pytest.approx(
        sklearn.metrics.log_loss(BINARY, middle)
    )
    assert scores.brier_score_loss(UP, DOWN).value == pytest.approx(
        sklearn.metrics.brier_score_loss(BINARY, middle)
    )


def test_regression_metrics_are_sklearns():
    label, prediction = RNG.normal(size=500), RNG.normal(0.3, 1.2, size=500)
    error = prediction - label
    moments = regression.ErrorMoments(500, error.sum(), (error**2).sum(), np.abs(error).sum())

    assert regression.mean_error(moments).value == pytest.approx(error.mean())
    assert regression.mean_absolute_error(moments).value == pytest.approx(
        sklearn.metrics.mean_absolute_error(label, prediction)
    )
    assert regression.root_mean_squared_error(moments).value == pytest.approx(
        sklearn.metrics.root_mean_squared_error(label, prediction)
    )


@pytest.mark.parametrize(
    ("law", "kurtosis"),
    [(scipy.stats.uniform(-1, 2), 1.8), (scipy.stats.norm(), 3.0), (scipy.stats.laplace(), 6.0)],
)
def test_kurtosis_of_known_laws_follows_from_their_ratio(law, kurtosis):
    ratio = law.expect(abs) / law.std()

    assert regression.kurtosis_of_ratio(ratio) == pytest.approx(kurtosis, rel=0.02)


def test_gap_of_two_groups_is_fairlearns():
    sex = np.where(RNG.random(800) < 0.4, "F", "M")
    chosen = (SCORES > 0.5).astype(int)
    frame = MetricFrame(
        metrics=selection_rate, y_true=BINARY, y_pred=chosen, sensitive_features=sex
    )
    each = {
        name: rates.wilson(chosen[sex == name].sum(), (sex == name).sum()) for name in ("F", "M")
    }

    assert {name: rate.value for name, rate in each.items()} == pytest.approx(
        frame.by_group.to_dict()
    )
    assert abs(rates.difference(each["F"], each["M"]).value) == pytest.approx(
        demographic_parity_difference(BINARY, chosen, sensitive_features=sex)
    )
    low, high = sorted(rate.value for rate in each.values())
    assert low / high == pytest.approx(frame.ratio())


def test_simultaneous_confidence_of_three_equal_groups_is_that_of_their_joint_normal():
    found = groups.simultaneous_confidence([0.01] * 3, [100] * 3, np.random.default_rng(1))
    # Gaps to the complement of three equal groups have correlation -1/2.
    joint = scipy.stats.multivariate_normal(
        cov=[[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]], allow_singular=True
    )
    z = rates.z_value(found)

    assert joint.cdf([z] * 3, lower_limit=[-z] * 3) == pytest.approx(0.95, abs=0.004)


def test_between_group_sd_gives_a_published_meta_analysis():
    # BCG vaccine, 13 trials (Colditz 1994), log risk ratios; metafor: rma(yi, vi, method = "DL")
    # gives tau^2 = 0.3088.
    yi = [-0.8893, -1.5854, -1.3481, -1.4416, -0.2175, -0.7861, -1.6209, 0.0120, -0.4694,
          -1.3713, -0.3394, 0.4459, -0.0173]  # fmt: skip
    vi = [0.3256, 0.1946, 0.4154, 0.0200, 0.0512, 0.0069, 0.2230, 0.0040, 0.0564, 0.0730,
          0.0124, 0.5325, 0.0714]  # fmt: skip
    sd, p_value = groups.between_group_sd(yi, vi)

    assert sd**2 == pytest.approx(0.3088, abs=0.001)
    assert p_value < 1e-4
