"""Agreement against published examples, other programs, and its own promises."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from crowdkit.metrics.data import alpha_krippendorff
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from monitor.stats.agreement import (
    Agreement,
    alpha_by_distance,
    cohen_kappa,
    difference,
    fleiss_kappa,
    krippendorff_alpha,
)
from monitor.stats.overlap import box_distance, iou, set_distance, span_distance

CROWD = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data")) / "crowd_rzhetsky_e2.parquet"

#: Krippendorff 2011, part C: four observers, twelve units, * is missing.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 * * *",
    "1 2 3 3 2 2 4 1 2 5 * 3",
    "* 3 3 3 2 3 4 2 2 5 1 *",
    "1 2 3 3 2 4 4 1 2 5 1 *",
)


def reliability_data():
    labels = [
        (unit, float("nan") if mark == "*" else float(mark))
        for row in OBSERVERS
        for unit, mark in enumerate(row.split())
    ]
    return zip(*labels, strict=True)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_krippendorffs_own_example(level, published):
    found = krippendorff_alpha(*reliability_data(), level)

    assert found.value == pytest.approx(published, abs=5e-4)
    # The twelfth unit has one value, and no pair.
    assert (found.items, found.labels) == (11, 40)


def test_alpha_of_two_observers_and_a_dichotomy():
    # Krippendorff 2011, part A: ten units, alpha 0.095.
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]

    found = krippendorff_alpha([*range(10), *range(10)], first + second)

    assert found.value == pytest.approx(0.095, abs=5e-4)


def test_kappa_of_fleiss_own_kind_of_table():
    # Ten subjects, fourteen raters, five categories; kappa 0.210 (Wikipedia, "Fleiss' kappa").
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip

    assert fleiss_kappa(counts).value == pytest.approx(0.210, abs=5e-4)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
def test_cohens_kappa_is_that_of_scikit_learn(pairs):
    first, second = zip(*pairs, strict=True)
    if len(set(first) | set(second)) < 2:
        return

    expected = cohen_kappa_score(first, second)

    assert cohen_kappa(first, second).value == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=40),
    st.randoms(use_true_random=False),
)
def test_alpha_knows_no_order_of_labels_and_the_sum_is_that_of_all_pairs(labels, random):
    items, values = zip(*labels, strict=True)
    found = krippendorff_alpha(items, values, "interval")
    shuffled = random.sample(labels, len(labels))

    again = krippendorff_alpha(*zip(*shuffled, strict=True), "interval")
    by_pairs = alpha_by_distance(
        items, values, lambda a, b: (a - b) ** 2, rng=np.random.default_rng(0)
    )

    assert again.value == pytest.approx(found.value, nan_ok=True)
    assert by_pairs.value == pytest.approx(found.value, nan_ok=True)


@pytest.mark.skipif(not CROWD.exists(), reason=f"{CROWD} is not there")
def test_alpha_of_eight_annotators_and_of_crowd_kit():
    table = pq.read_table(CROWD)
    items, labels = table["item"].to_numpy(), table["label"].to_numpy()
    own = krippendorff_alpha(items, labels)

    few = table.slice(0, 3000).to_pandas()
    few = few.rename(columns={"item": "task", "annotator": "worker"})

    assert own.value == pytest.approx(0.400, abs=5e-4)
    assert own.interval[1] - own.interval[0] < 0.02
    part = krippendorff_alpha(few["task"].to_numpy(), few["label"].to_numpy())
    assert part.value == pytest.approx(alpha_krippendorff(few), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("items", "right"), [(40, 0.6), (40, 0.9), (150, 0.85)])
def test_intervals_of_alpha_cover(items, right):
    rng = np.random.default_rng(5)

    def labels(size):
        truth = rng.integers(3, size=size)
        said = np.where(
            rng.random((size, 3)) < right, truth[:, None], rng.integers(3, size=(size, 3))
        )
        return np.repeat(np.arange(size), 3), said.ravel()

    truth = krippendorff_alpha(*labels(200_000)).value
    found = [krippendorff_alpha(*labels(items)).interval for _ in range(800)]

    # 800 trials at 95 %: three standard errors are 2.3 points.
    assert np.mean([low <= truth <= high for low, high in found]) > 0.927


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_few_items_give_no_interval(rows):
    items, labels = [*range(rows), *range(rows)], ["a", "b", "a", "b"][:rows] * 2

    found = krippendorff_alpha(items, labels)

    assert found.interval is None
    assert np.isnan(found.value) == (rows < 2)


def test_perfect_agreement_is_not_certain():
    items, labels = [*range(20)] * 2, ["a", "b"] * 20

    for found in (krippendorff_alpha(items, labels), cohen_kappa(labels[:20], labels[20:])):
        assert found.value == 1
        # No disagreement in 20 items: at most 1 − 0.025^(1/20) = 17 % of them, of 50 % by chance.
        assert 0.6 < found.interval[0] < 0.7


def test_one_class_only_says_nothing():
    assert np.isnan(krippendorff_alpha([0, 0, 1, 1], ["a"] * 4).value)
    assert np.isnan(cohen_kappa(["a"] * 9, ["a"] * 9).value)


def test_missing_labels_are_left_out():
    with_gaps = krippendorff_alpha([0, 0, 0, 1, 1], ["a", "b", None, "a", "a"])

    assert with_gaps == krippendorff_alpha([0, 0, 1, 1], ["a", "b", "a", "a"])


def test_fleiss_needs_as_many_labels_everywhere():
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([[2, 0], [1, 0]])


def test_two_annotators_must_have_the_same_items():
    with pytest.raises(ValueError, match="3 labels of one"):
        cohen_kappa([1, 2, 3], [1, 2])


def test_a_difference_of_two_agreements():
    before = Agreement(0.4, (0.3, 0.5), 100, 300)
    after = Agreement(0.7, (0.6, 0.78), 100, 300)

    value, interval = difference(after, before)

    assert value == pytest.approx(0.3)
    assert interval == pytest.approx((0.3 - 2**0.5 / 10, 0.3 + (0.08**2 + 0.01) ** 0.5))
    assert difference(after, Agreement(0.4, None, 3, 6))[1] is None


def box(x, y=0, size=10, label="tree"):
    return {"x": x, "y": y, "width": size, "height": size, "label": label}


def test_iou_of_boxes():
    assert iou(box(0), box(0)) == 1
    assert iou(box(0), box(5)) == pytest.approx(1 / 3)
    assert iou(box(0), box(20)) == 0
    assert iou(box(0), box(0, label="car")) == 0
    assert iou(box(0, size=0), box(0, size=0)) == 0


def test_distance_of_drawings_matches_boxes_whatever_their_order():
    trees = [box(0), box(100), box(200)]

    assert box_distance(trees, trees[::-1]) == 0
    assert box_distance(trees, trees[:2]) == pytest.approx(1 - 4 / 5)
    assert box_distance(trees, []) == 1
    assert box_distance([], []) == 0


def test_distances_of_spans_and_sets():
    name = {"start": 0, "end": 10, "label": "name"}

    assert span_distance([name], [{**name, "start": 5}]) == pytest.approx(0.5)
    assert set_distance({"cat", "dog"}, {"dog"}) == pytest.approx(0.5)
    assert set_distance([], []) == 0


def test_alpha_of_boxes_is_high_when_annotators_draw_alike():
    rng = np.random.default_rng(0)
    photos = np.repeat(np.arange(30), 3)
    truth = [[box(x, y) for x, y in rng.integers(0, 500, size=(4, 2))] for _ in range(30)]

    def drawn(noise):
        return [[{**one, "x": one["x"] + rng.normal(0, noise)} for one in truth[p]] for p in photos]

    neat = alpha_by_distance(photos, drawn(0.3), box_distance, rng=rng)
    rough = alpha_by_distance(photos, drawn(4.0), box_distance, rng=rng)

    assert neat.value > 0.9
    assert rough.value < 0.7
    assert rough.interval[0] < rough.value < rough.interval[1] < neat.interval[0]
