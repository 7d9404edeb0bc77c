from __future__ import annotations

import numpy as np
import pytest
from cleanlab.filter import find_label_issues

from monitor.curation.label_errors import confident, label_errors


@pytest.fixture(scope="module")
def mislabelled():
    """Three clouds; 60 of 1,200 labels are wrong."""
    rng = np.random.default_rng(2)
    truth = rng.integers(3, size=1200)
    features = rng.normal(size=(1200, 4)) + 3.0 * np.eye(3, 4)[truth]
    labels = truth.copy()
    wrong = rng.choice(1200, 60, replace=False)
    labels[wrong] = (labels[wrong] + rng.integers(1, 3, size=60)) % 3
    return features, labels, truth, set(wrong.tolist())


def test_wrong_labels_are_found_and_the_right_class_is_named(mislabelled):
    features, labels, truth, wrong = mislabelled
    names = ["abc"[label] for label in labels]

    found = label_errors(features, names)

    hits = [one for one in found if one.row in wrong]
    assert len(hits) > 0.8 * len(wrong)
    assert len(hits) > 0.8 * len(found)
    assert np.mean([one.suggested == "abc"[truth[one.row]] for one in hits]) > 0.95
    margins = [one.margin for one in found]
    assert margins == sorted(margins)
    assert all(one.label == names[one.row] for one in found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
def test_the_same_rows_as_cleanlab(noise):
    rng = np.random.default_rng(7)
    labels = rng.integers(4, size=800)
    logits = rng.normal(scale=1.5, size=(800, 4)) + 2.0 * np.eye(4)[labels]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    flipped = rng.random(800) < noise
    labels = np.where(flipped, rng.integers(4, size=800), labels)

    own = confident(chances, labels)
    theirs = find_label_issues(
        labels, chances, filter_by="confident_learning",
        return_indices_ranked_by="self_confidence", n_jobs=1,
    )  # fmt: skip

    assert {row for row, _ in own} == set(theirs.tolist())


def test_clean_labels_are_left_alone():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    features = rng.normal(size=(400, 2)) + 8.0 * np.eye(2)[truth]

    assert label_errors(features, [str(label) for label in truth]) == []


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (0, []),
        (30, ["a"] * 30),
        (12, ["a"] * 3 + ["b"] * 3 + ["c"] * 6),
        (25, ["a"] * 20 + ["b"] * 5),
    ],
)
def test_too_little_to_tell_gives_nothing(rows, labels):
    features = np.random.default_rng(0).normal(size=(rows, 2))

    assert label_errors(features, labels) == []
