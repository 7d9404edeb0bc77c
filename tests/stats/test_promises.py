"""What intervals and corrections promise, held to it by simulation; laws by Hypothesis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm

from monitor.stats import classification, distances, estimation, groups, rates, regression, scores

SHARES = np.array([0.25, 0.2, 0.15, 0.1, 0.1, 0.1, 0.05, 0.05])
count = st.integers(0, 500)
pairs = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*(st.lists(count, min_size=n, max_size=n) for _ in range(2)))
)
binomial = st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("function", [distances.psi, distances.js_divergence])
def test_correction_takes_out_what_chance_alone_gives(function):
    rng = np.random.default_rng(7)
    found = [
        function(rng.multinomial(3000, SHARES), rng.multinomial(800, SHARES)) for _ in range(400)
    ]
    bias = np.mean([one.statistic - one.expected for one in found])

    # 400 trials: four standard errors of the mean are a fifth of what is taken out.
    assert abs(bias) < 0.2 * found[0].expected
    assert all(one.corrected >= 0 for one in found)


@pytest.mark.parametrize("function", [distances.psi, distances.js_divergence, distances.chi2])
def test_false_alarm_rate_is_what_the_p_value_promises(function):
    rng = np.random.default_rng(11)
    p = [
        function(rng.multinomial(5000, SHARES), rng.multinomial(900, SHARES)).p_value
        for _ in range(1500)
    ]

    # 1,500 trials at 5 %: three standard errors are 1.7 points.
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.017)


@pytest.mark.parametrize("function", [distances.psi, distances.js, distances.ks])
def test_interval_of_a_distance_covers_the_truth(function):
    rng = np.random.default_rng(3)
    moved = np.roll(SHARES, 1)
    truth = function(SHARES * 1e9, moved * 1e9).statistic
    found = [
        function(rng.multinomial(3000, SHARES), rng.multinomial(800, moved)) for _ in range(400)
    ]
    covered = np.mean([one.interval[0] <= truth <= one.interval[1] for one in found])

    assert covered >= 0.92


def test_interval_of_wasserstein_covers_the_truth():
    rng = np.random.default_rng(5)
    values, moved = np.arange(8.0), np.roll(SHARES, 1)
    truth = distances.wasserstein(values, SHARES * 1e9, moved * 1e9).statistic
    found = [
        distances.wasserstein(values, rng.multinomial(3000, SHARES), rng.multinomial(800, moved))
        for _ in range(400)
    ]

    assert np.mean([one.interval[0] <= truth <= one.interval[1] for one in found]) >= 0.92


@given(pairs)
def test_distances_are_never_negative_and_zero_of_equal_shares(both):
    old, new = both
    assume(sum(old) > 0 and sum(new) > 0)
    for function in (distances.psi, distances.js, distances.js_divergence, distances.ks):
        found, same = function(old, new), function(old, old)
        low, high = found.interval
        assert found.statistic >= 0
        assert found.corrected >= 0
        assert 0 <= low <= high
        assert same.statistic == pytest.approx(0, abs=1e-9)
        assert same.corrected == pytest.approx(0, abs=1e-9)
    assert distances.js(old, new).statistic <= math.sqrt(math.log(2)) + 1e-12


@given(pairs)
def test_js_and_ks_do_not_care_which_side_is_which(both):
    old, new = both
    assume(sum(old) > 0 and sum(new) > 0)
    for function in (distances.js, distances.ks):
        assert function(old, new).statistic == pytest.approx(function(new, old).statistic)


def test_a_side_without_rows_has_no_distance():
    for function in (distances.psi, distances.js, distances.ks, distances.chi2):
        assert math.isnan(function([0, 0], [1, 2]).statistic)
        assert math.isnan(function([1, 2], [0, 0]).corrected)
    assert math.isnan(distances.wasserstein([0, 1], [0, 0], [1, 2]).statistic)


def test_other_bins_are_an_error():
    with pytest.raises(ValueError, match="same bins"):
        distances.psi([1, 2, 3], [1, 2])


@given(binomial, st.floats(1, 50))
def test_wilson_holds_the_rate_and_widens_with_the_design_effect(case, delta):
    hits, rows = case
    plain, wide = rates.wilson(hits, rows), rates.wilson(hits, rows, design_effect=delta)

    assert plain.interval[0] <= plain.value <= plain.interval[1]
    assert wide.interval[0] <= plain.interval[0] + 1e-12
    assert wide.interval[1] >= plain.interval[1] - 1e-12


@given(binomial, binomial)
def test_gap_and_ratio_hold_their_value_and_mirror(first, second):
    a, b = rates.wilson(*first), rates.wilson(*second)
    gap, back, factor = rates.difference(a, b), rates.difference(b, a), rates.ratio(a, b)

    assert gap.interval[0] <= gap.value <= gap.interval[1]
    assert gap.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    assert 0 <= factor.interval[0] <= factor.interval[1]
    if b.value > 0:
        assert factor.interval[0] - 1e-9 <= factor.value <= factor.interval[1] + 1e-9


@given(binomial, st.integers(1, 500))
def test_ratio_over_zero_has_no_upper_end(first, rows):
    found = rates.ratio(rates.wilson(*first), rates.wilson(0, rows))

    assert found.interval[1] == math.inf
    assert found.interval[0] >= 0


@pytest.mark.parametrize(("p", "q", "n", "m"), [(0.1, 0.2, 60, 300), (0.5, 0.5, 100, 100)])
def test_mover_covers_difference_and_ratio(p, q, n, m):
    rng = np.random.default_rng(1)
    hits = zip(rng.binomial(n, p, 1500), rng.binomial(m, q, 1500), strict=True)
    inside = []
    for a, b in hits:
        first, second = rates.wilson(a, n), rates.wilson(b, m)
        gap, factor = rates.difference(first, second), rates.ratio(first, second)
        inside.append(
            (
                gap.interval[0] <= p - q <= gap.interval[1],
                factor.interval[0] <= p / q <= factor.interval[1],
            )
        )

    # 1,500 trials at 95 %: three standard errors are 1.7 points.
    assert np.all(np.mean(inside, axis=0) >= 0.933)
    assert np.all(np.mean(inside, axis=0) <= 0.985)


def test_nothing_known_stays_unknown():
    nothing, something = rates.wilson(0, 0), rates.wilson(1, 2)

    assert not nothing.known
    assert nothing.interval == (0.0, 1.0)
    assert not rates.difference(nothing, something).known
    assert not rates.ratio(something, nothing).known
    assert math.isinf(rates.rate_variance(0, 0))


def test_rows_needed_do_see_the_shift():
    rng = np.random.default_rng(2)
    rows = rates.required_rows(0.25)
    z = rng.normal(0.25, 1, (3000, rows)).mean(axis=1) * math.sqrt(rows)

    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.84, abs=0.03)


def test_rows_needed_grow_with_the_design_effect_and_a_small_reference():
    assert rates.required_rows(0.25, design_effect=3) == pytest.approx(3 * 140, abs=3)
    assert rates.required_rows(0.25, reference_rows=300) > 140


@pytest.mark.parametrize("metric", ["precision", "recall", "f1"])
def test_intervals_of_class_metrics_cover(metric):
    rng = np.random.default_rng(4)
    cells = np.array([[0.55, 0.1, 0.02], [0.05, 0.15, 0.02], [0.02, 0.02, 0.07]])
    one = classification.of_class(cells * 1e9, 1, metric).value
    mean = classification.macro(cells * 1e9, metric).value
    hits = []
    for _ in range(600):
        table = rng.multinomial(400, cells.ravel()).reshape(3, 3)
        found = (classification.of_class(table, 1, metric), classification.macro(table, metric))
        hits.append(
            [
                low <= truth <= high
                for (low, high), truth in zip((f.interval for f in found), (one, mean), strict=True)
            ]
        )

    # 600 trials at 95 %: three standard errors are 2.7 points.
    assert np.all(np.mean(hits, axis=0) >= 0.923)


@pytest.mark.parametrize("truth", [0.7, 0.97])
def test_interval_of_auc_covers(truth):
    rng = np.random.default_rng(6)
    shift = math.sqrt(2) * norm.ppf(truth)
    covered = []
    for _ in range(500):
        up = norm.cdf(rng.normal(shift, 1, 40) / 2)
        down = norm.cdf(rng.normal(0, 1, 200) / 2)
        binned = [np.bincount((side * 2000).astype(int), minlength=2000) for side in (up, down)]
        low, high = scores.roc_auc(*binned).interval
        covered.append(low <= truth <= high)

    assert np.mean(covered) >= 0.92


def test_perfect_auc_is_not_exact():
    found = scores.roc_auc([0, 0, 9], [9, 0, 0])

    assert found.value == 1
    assert found.interval[0] < 0.8
    assert math.isnan(scores.roc_auc([0, 0], [1, 2]).value)


@pytest.mark.parametrize("law", ["normal", "laplace", "uniform"])
def test_intervals_of_regression_metrics_cover(law):
    rng = np.random.default_rng(8)
    draw = {"normal": rng.normal, "laplace": rng.laplace, "uniform": rng.uniform}[law]
    sample = draw(-1, 1, (600, 150)) if law == "uniform" else draw(0.2, 1, (600, 150))
    big = draw(-1, 1, 10**6) if law == "uniform" else draw(0.2, 1, 10**6)
    truths = {
        regression.mean_error: big.mean(),
        regression.mean_absolute_error: np.abs(big).mean(),
        regression.root_mean_squared_error: math.sqrt((big**2).mean()),
    }
    for metric, truth in truths.items():
        covered = []
        for row in sample:
            moments = regression.ErrorMoments(
                len(row), row.sum(), (row**2).sum(), np.abs(row).sum()
            )
            low, high = metric(moments).interval
            covered.append(low <= truth <= high)
        assert np.mean(covered) >= 0.92, metric.__name__


def test_regression_without_rows_or_errors():
    empty, exact = regression.ErrorMoments(0, 0, 0, 0), regression.ErrorMoments(5, 0, 0, 0)

    assert not regression.mean_error(empty).known
    assert not regression.root_mean_squared_error(empty).known
    assert regression.root_mean_squared_error(exact).value == 0


def test_simultaneous_intervals_hold_together():
    rng = np.random.default_rng(9)
    p, n = np.full(8, 0.3), np.array([400, 300, 200, 100, 80, 60, 50, 40])
    confidence = groups.simultaneous_confidence(p * (1 - p) / n, n, rng)
    all_hold = []
    for _ in range(500):
        hits = rng.binomial(n, p)
        gaps = [
            rates.newcombe((h, hits.sum() - h), (m, n.sum() - m), confidence=confidence)
            for h, m in zip(hits, n, strict=True)
        ]
        all_hold.append(all(gap.interval[0] <= 0 <= gap.interval[1] for gap in gaps))

    # 500 trials at 95 %: three standard errors are 2.9 points.
    assert np.mean(all_hold) == pytest.approx(0.95, abs=0.029)


def test_no_spread_between_groups_that_are_alike():
    rng = np.random.default_rng(10)
    n = np.full(12, 300)
    found = []
    for _ in range(300):
        hits = rng.binomial(n, 0.3)
        variances = [rates.rate_variance(int(h), 300) for h in hits]
        found.append(groups.between_group_sd(hits / n, variances)[0])

    assert np.median(found) < 0.01
    assert math.isnan(groups.between_group_sd([0.3], [0.01])[0])


def test_shrinkage_draws_small_groups_more_and_beats_the_raw_rates():
    rng = np.random.default_rng(12)
    truth = rng.beta(8, 32, 40)
    n = rng.integers(3, 200, 40)
    hits = rng.binomial(n, truth)
    shrunk = groups.shrink(hits, n)

    assert np.mean((shrunk - truth) ** 2) < 0.7 * np.mean((hits / n - truth) ** 2)
    assert np.all(np.isnan(groups.shrink([0, 0], [0, 0])))
    assert groups.shrink([0, 50], [0, 98])[0] == pytest.approx(50.5 / 99)


def _scored(rng, rows, prior, labelled=True):
    label = rng.random(rows) < prior
    score = np.clip(rng.beta(2 + 3 * label, 5 - 3 * label), 0, 0.999)
    up, down = (np.bincount((score[s] * 50).astype(int), minlength=50) for s in (label, ~label))
    return label, score, up.astype(float), down.astype(float)


def test_estimated_performance_finds_the_truth_of_another_mix():
    rng = np.random.default_rng(13)
    old_label, old_score, up, down = _scored(rng, 20_000, 0.3)
    new_score = rng.choice(old_score, 4000, p=np.exp(old_score) / np.exp(old_score).sum())
    shares = estimation.calibrated(up, down)
    new_label = rng.random(4000) < shares[(new_score * 50).astype(int)]
    given = estimation.Scored(
        up, down, np.bincount((new_score * 50).astype(int), minlength=50).astype(float),
        float((old_score > 0.5).sum()), float((new_score > 0.5).sum()),
    )  # fmt: skip
    known = float(((old_score > 0.5) == old_label).mean())
    area = estimation.estimated_roc_auc(given, np.random.default_rng(0))
    right = estimation.estimated_accuracy([given], known, np.random.default_rng(0), both=True)
    new_up, new_down = (
        np.bincount((new_score[s] * 50).astype(int), minlength=50) for s in (new_label, ~new_label)
    )
    true_area = scores.roc_auc(new_up, new_down).value
    true_right = float(((new_score > 0.5) == new_label).mean())

    assert area.interval[0] <= true_area <= area.interval[1]
    assert right.interval[0] <= true_right <= right.interval[1]
    assert right.interval[1] - right.interval[0] < 0.05


def test_estimates_need_rows_and_both_classes():
    nothing = estimation.Scored(np.zeros(5), np.zeros(5), np.ones(5), 0, 0)
    rng = np.random.default_rng(0)

    assert not estimation.estimated_roc_auc(nothing, rng).known
    assert not estimation.estimated_accuracy([nothing], 0.5, rng, both=True).known
    assert not estimation.estimated_accuracy([], 0.5, rng, both=True).known
