"""Bias and performance."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

from monitor.checks.outcomes import positive_class, segment_name
from monitor.checks.run import key_of, run_checks
from monitor.core.columns import Roles
from tests.checks.scene import findings, only, scene, with_column, without
from tests.checks.tables import ROLES, flights

REFERENCE = flights(5000, seed=1)
CLEAN = flights(2000, seed=2)
FAIRLEARN = {
    "selection_rate": selection_rate,
    "true_positive_rate": true_positive_rate,
    "false_positive_rate": false_positive_rate,
    "accuracy": sklearn.metrics.accuracy_score,
}


@pytest.fixture(scope="module")
def clean():
    return scene(REFERENCE, CLEAN, ROLES)


@pytest.mark.parametrize("metric", list(FAIRLEARN))
def test_rates_of_groups_are_fairlearns(clean, metric):
    frame = MetricFrame(
        metrics=FAIRLEARN[metric],
        y_true=CLEAN["late"].to_numpy(),
        y_pred=CLEAN["pred"].to_numpy(),
        sensitive_features=np.array(CLEAN["sex"].to_pylist()),
    )
    found = {
        one.segment: one
        for one in findings(clean, f"bias.{metric}")
        if one.statistic == metric and one.segment in {"sex=Female", "sex=Male"}
    }

    assert {name.removeprefix("sex="): one.value for name, one in found.items()} == pytest.approx(
        frame.by_group.to_dict()
    )
    assert all(one.interval[0] < one.value < one.interval[1] for one in found.values())
    gap = only(clean, f"bias.{metric}", f"{metric}_difference", segment="sex=Female")
    assert abs(gap.value) == pytest.approx(frame.difference())
    assert gap.column == "pred"


def test_intersections_are_told_too(clean):
    segments = {one.segment for one in findings(clean, "bias.selection_rate")}

    assert {"sex=Female, port=JFK", "sex=Male, port=EWR", "sex=Male", "port=LGA"} <= segments


def test_a_gap_that_opens_drifts_in_its_group_and_is_called_a_difference():
    sex, pred = np.array(CLEAN["sex"].to_pylist()), CLEAN["pred"].to_numpy().copy()
    chosen = (sex == "Female") & (np.random.default_rng(1).random(2000) < 0.5)
    pred[chosen] = 0
    context = scene(REFERENCE, with_column(CLEAN, "pred", pred), ROLES)
    gap = only(context, "bias.selection_rate", "selection_rate_difference", segment="sex=Female")
    every = [one for one in run_checks(context) if one.check.startswith("bias.")]

    assert gap.drifted
    assert gap.value < -0.1
    assert gap.interval[1] < 0
    assert gap.p_value < gap.threshold
    assert key_of(gap) == "bias:sex=Female:selection_rate"
    assert "differs from the reference" in gap.message
    assert not any(word in one.message for one in every for word in ("unfair", "bad", "biased"))
    assert not any(one.drifted for one in every if one.segment and one.segment.startswith("port"))


def test_a_gap_as_large_as_before_does_not_drift():
    def gapped(table):
        sex, pred = np.array(table["sex"].to_pylist()), table["pred"].to_numpy().copy()
        pred[sex == "Female"] = 0
        return with_column(table, "pred", pred)

    context = scene(gapped(REFERENCE), gapped(CLEAN), ROLES)
    gap = only(context, "bias.selection_rate", "selection_rate_difference", segment="sex=Female")
    factor = only(context, "bias.selection_rate", "selection_rate_ratio", segment="sex=Male")

    assert gap.value < -0.3
    assert not any(one.drifted for one in run_checks(context))
    assert math.isinf(factor.value)
    assert factor.interval[1] == math.inf
    assert factor.to_dict()["interval"][1] is None


def test_small_groups_are_told_what_they_need():
    ports = np.array(CLEAN["port"].to_pylist())
    ports[:9] = "SWF"
    context = scene(REFERENCE, with_column(CLEAN, "port", ports), ROLES)
    found = only(context, "bias.accuracy", "rows", segment="port=SWF")

    assert found.value == 9
    assert not found.drifted
    assert "9 rows" in found.message


def test_metrics_of_the_model_are_sklearns(clean):
    label, pred = CLEAN["late"].to_numpy(), CLEAN["pred"].to_numpy()
    for name in ("accuracy", "precision", "recall", "f1"):
        found = only(clean, "performance.classification", name, segment=None)
        assert found.value == pytest.approx(getattr(sklearn.metrics, f"{name}_score")(label, pred))
        assert found.interval[0] < found.value < found.interval[1]
    score = CLEAN["score"].to_numpy()
    area = only(clean, "performance.scores", "roc_auc", segment=None)
    loss = only(clean, "performance.scores", "log_loss", segment=None)
    brier = only(clean, "performance.scores", "brier_score_loss", segment=None)
    assert area.value == pytest.approx(sklearn.metrics.roc_auc_score(label, score), abs=1e-3)
    assert loss.value == pytest.approx(sklearn.metrics.log_loss(label, score), abs=5e-3)
    assert brier.value == pytest.approx(sklearn.metrics.brier_score_loss(label, score), abs=2e-3)


def test_shuffled_labels_are_found_by_the_performance():
    late = np.random.default_rng(3).permutation(CLEAN["late"].to_numpy())
    context = scene(REFERENCE, with_column(CLEAN, "late", late), ROLES)
    accuracy = only(context, "performance.classification", "accuracy", segment=None)
    area = only(context, "performance.scores", "roc_auc", segment=None)

    assert accuracy.drifted
    assert area.drifted
    assert accuracy.severity == "critical"
    assert accuracy.p_value < accuracy.threshold
    assert key_of(accuracy) == "performance:accuracy"
    assert not any(one.drifted for one in findings(context, "balance.label"))


def test_without_labels_performance_is_estimated():
    truth = CLEAN["late"].to_numpy(), CLEAN["pred"].to_numpy(), CLEAN["score"].to_numpy()
    for table in (without(CLEAN, "late"), with_column(CLEAN, "late", pa.nulls(2000, pa.int64()))):
        context = scene(REFERENCE, table, ROLES)
        accuracy = only(context, "performance.estimated", "estimated_accuracy")
        area = only(context, "performance.estimated", "estimated_roc_auc")
        right = sklearn.metrics.accuracy_score(truth[0], truth[1])
        assert accuracy.interval[0] - 0.02 < right < accuracy.interval[1] + 0.02
        assert area.value == pytest.approx(
            sklearn.metrics.roc_auc_score(truth[0], truth[2]), abs=0.02
        )
        assert "without labels" in accuracy.message
        assert findings(context, "performance.classification") == []


def test_estimates_fall_when_scores_become_unsure():
    rng = np.random.default_rng(4)
    score = np.clip(rng.normal(0.5, 0.05, 2000), 0, 1)
    table = with_column(without(CLEAN, "late"), "score", score)
    table = with_column(table, "pred", (score > 0.5).astype(int))
    context = scene(REFERENCE, table, ROLES)
    accuracy = only(context, "performance.estimated", "estimated_accuracy")
    known = sklearn.metrics.accuracy_score(REFERENCE["late"].to_numpy(), REFERENCE["pred"])

    assert accuracy.value < known - 0.1
    assert accuracy.interval[1] < known


def test_labels_make_the_estimate_needless(clean):
    assert findings(clean, "performance.estimated") == []


def test_more_than_two_classes():
    def table(rows, seed):
        rng = np.random.default_rng(seed)
        label = rng.choice(["a", "b", "c"], rows, p=[0.5, 0.3, 0.2])
        pred = np.where(rng.random(rows) < 0.8, label, rng.choice(["a", "b", "c"], rows))
        scores = {
            f"p_{name}": np.clip(0.6 * (pred == name) + 0.4 * rng.random(rows), 0, 1)
            for name in "abc"
        }
        return pa.table({"y": label, "pred": pred, **scores, "g": rng.choice(["u", "v"], rows)})

    roles = Roles(label="y", prediction="pred", scores=("p_a", "p_b", "p_c"), segments=("g",))
    new = table(1500, 2)
    context = scene(table(4000, 1), new, roles)
    f1 = only(context, "performance.classification", "f1", segment=None)
    area = only(context, "performance.scores", "roc_auc", segment=None)
    expected = np.mean(
        [
            sklearn.metrics.roc_auc_score(np.array(new["y"].to_pylist()) == name, new[f"p_{name}"])
            for name in "abc"
        ]
    )

    assert context.scalars.positive is None
    assert f1.value == pytest.approx(
        sklearn.metrics.f1_score(new["y"].to_pylist(), new["pred"].to_pylist(), average="macro")
    )
    assert area.value == pytest.approx(expected, abs=2e-3)
    assert findings(context, "bias.selection_rate") == []
    assert only(context, "bias.accuracy", "accuracy", segment="g=u").value > 0.7
    unlabelled = scene(table(4000, 1), without(new, "y"), roles)
    estimated = only(unlabelled, "performance.estimated", "estimated_accuracy")
    right = sklearn.metrics.accuracy_score(new["y"].to_pylist(), new["pred"].to_pylist())
    assert estimated.value == pytest.approx(right, abs=0.03)


def _numbers(rows, seed, bias=0.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(100, 20, rows)
    return pa.table(
        {"y": y, "pred": y + bias + rng.normal(0, 5, rows), "g": rng.choice(["u", "v"], rows)}
    )


def test_regression():
    roles = Roles(label="y", prediction="pred", segments=("g",))
    new = _numbers(1500, 2, bias=2.0)
    context = scene(_numbers(4000, 1), new, roles)
    found = {
        one.statistic: one
        for one in findings(context, "performance.regression")
        if one.segment is None
    }
    error = new["pred"].to_numpy() - new["y"].to_numpy()

    assert found["mean_error"].value == pytest.approx(error.mean())
    assert found["mean_error"].drifted
    assert found["mean_absolute_error"].value == pytest.approx(np.abs(error).mean())
    assert found["root_mean_squared_error"].value == pytest.approx(math.sqrt((error**2).mean()))
    assert {"g=u", "g=v"} <= {one.segment for one in findings(context, "performance.regression")}
    assert not any(
        one.drifted for one in run_checks(scene(_numbers(4000, 1), _numbers(1500, 3), roles))
    )


def test_which_class_is_positive(clean):
    table = clean.reference.cells[""]

    assert positive_class(table) == "1"
    assert positive_class(table, "0") == "0"


def test_a_level_with_a_comma_keeps_its_name():
    assert segment_name("city", "Paris, Texas") == "city=Paris, Texas"


def test_a_model_without_labels_or_segments_says_nothing_of_them():
    context = scene(
        without(REFERENCE, "late", "pred", "score"), without(CLEAN, "late", "pred", "score"),
        Roles(id="id"),
    )  # fmt: skip
    families = {one.check.split(".")[0] for one in run_checks(context)}

    assert families == {"drift", "quality"}
