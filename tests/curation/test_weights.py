from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from monitor.curation.weights import CHOICES, training_weight

MODEL = LogisticRegression()


def rows(rng, n, turned):
    """Two features; the class turns on the first one, or on the second after the drift."""
    features = rng.normal(size=(n, 2))
    return features, (features[:, int(turned)] + rng.normal(scale=0.3, size=n) > 0).astype(int)


def choose(seed, turned, labels=90):
    rng = np.random.default_rng(seed)
    return training_weight(
        MODEL,
        rows(rng, 1500, turned=False),
        rows(rng, labels, turned),
        np.full(labels, 0.1),
        rng=rng,
    )


def test_where_the_concept_has_moved_new_labels_weigh_more():
    made = choose(0, turned=True)

    assert made.weight == max(CHOICES)
    assert [weight for weight, _ in made.losses] == list(CHOICES)
    assert made.losses[0][1] > made.losses[-1][1]
    assert made.note.startswith("Of 1, 3, 8 the weight 8 predicts new labels best")


def test_where_nothing_has_moved_the_choice_costs_next_to_nothing():
    made = choose(1, turned=False)

    assert min(loss for _, loss in made.losses) > made.losses[0][1] - 0.01


def test_the_loss_counts_by_the_rows_that_a_label_stands_for():
    rng = np.random.default_rng(2)
    training = rows(rng, 1500, turned=False)
    old, new = rows(rng, 60, turned=False), rows(rng, 60, turned=True)
    labelled = np.vstack([old[0], new[0]]), np.concatenate([old[1], new[1]])

    def loss_at_1(pi_old, pi_new):
        pi = np.repeat([pi_old, pi_new], 60)
        return training_weight(MODEL, training, labelled, pi, rng=np.random.default_rng(0)).losses[
            0
        ][1]

    assert loss_at_1(0.01, 1.0) < 0.5 * loss_at_1(1.0, 0.01)


def test_a_class_that_the_model_never_saw_is_no_error():
    rng = np.random.default_rng(3)
    features, classes = rows(rng, 60, turned=False)
    classes[7] = 99

    made = training_weight(
        MODEL, rows(rng, 300, turned=False), (features, classes), np.full(60, 0.5), rng=rng
    )

    assert all(np.isfinite(loss) for _, loss in made.losses)


def test_few_labels_or_no_model_mean_one():
    assert choose(0, turned=True, labels=12).weight == 1
    nothing = training_weight(
        None, (np.empty((0, 1)), []), (np.empty((0, 1)), []), [], rng=np.random.default_rng(0)
    )
    assert (nothing.weight, nothing.losses) == (1.0, ())
    assert "3 to 5" in nothing.note


def test_labels_and_probabilities_belong_together():
    with pytest.raises(ValueError, match="3 labels, but 2"):
        training_weight(
            MODEL, (np.zeros((2, 1)), [0, 1]), (np.zeros((3, 1)), [0, 1, 0]), [0.5, 0.5],
            rng=np.random.default_rng(0),
        )  # fmt: skip
