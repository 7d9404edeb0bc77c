from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from monitor.curation.reasons import two_best
from monitor.curation.rows import Candidates, ReferenceRows
from monitor.curation.select import select


def test_rows_beyond_the_training_set_are_novel_and_say_how_far():
    rng = np.random.default_rng(0)
    window = rng.normal(size=(400, 3))
    window[:60, 1] += 8
    candidates = Candidates(tuple(range(400)), window, 400, names=("temp", "wind", "visib"))

    queue = select(
        candidates, ReferenceRows(rng.normal(size=(900, 3))), budget=40,
        rng=np.random.default_rng(0),
    ).rows  # fmt: skip

    novel = [row for row in queue if row.reason == "novel"]
    assert len(novel) >= 20
    assert all(row.id < 60 for row in novel)
    assert novel[0].reason_text.startswith("Farther from the training set than 99% of its own rows")
    assert "mostly for their wind" in novel[0].reason_text


def test_rows_that_are_only_more_frequent_are_drifted():
    rng = np.random.default_rng(1)
    window = np.where(np.arange(600) < 300, 1.0, -1.0)[:, None] + rng.normal(size=(600, 2)) / 9
    training = np.where(np.arange(900) < 90, 1.0, -1.0)[:, None] + rng.normal(size=(900, 2)) / 9

    queue = select(
        Candidates(tuple(range(600)), window, 600), ReferenceRows(training), budget=60,
        rng=np.random.default_rng(0),
    ).rows  # fmt: skip

    drifted = [row for row in queue if row.reason == "drifted"]
    assert len(drifted) > 40
    assert all(row.id < 300 for row in drifted)
    assert "times as frequent in this window" in drifted[0].reason_text


def quiet(**more):
    rng = np.random.default_rng(4)
    candidates = Candidates(tuple(range(200)), np.zeros((200, 1)), 800, **more)
    return candidates, rng


def test_rows_on_which_the_model_hesitates_are_ambiguous():
    scores = np.tile([0.9, 0.06, 0.04], (200, 1))
    scores[7], scores[8] = [0.45, 0.41, 0.14], [np.nan, 0.5, 0.5]
    candidates, rng = quiet(scores=scores)

    queue = select(candidates, ReferenceRows(np.zeros((9, 1))), budget=200, rng=rng).rows

    [row] = [row for row in queue if row.reason != "random"]
    assert (row.id, row.reason) == (7, "ambiguous")
    assert row.reason_text == (
        "The model hesitates: its two best classes have 0.45 and 0.41, a margin of 0.04."
    )


def test_cells_the_training_set_lacks_are_underrepresented():
    candidates, rng = quiet(
        predictions=tuple("ab" * 100), segments={"origin": ["JFK"] * 160 + ["EWR"] * 40}
    )
    reference = ReferenceRows(
        np.zeros((500, 1)), {"origin": ["JFK"] * 490 + ["EWR"] * 10}, tuple("ab" * 250)
    )

    queue = select(candidates, reference, budget=200, rng=rng).rows

    assert Counter(row.reason for row in queue) == {"random": 160, "underrepresented": 40}
    [text] = {row.reason_text for row in queue if row.id == 198}
    assert text == ("origin=EWR makes up 20.0% of this window and 2.0% of the training set.")


def test_a_row_drawn_by_chance_says_so():
    candidates, rng = quiet()

    row = select(candidates, ReferenceRows(np.zeros((0, 1))), budget=1, rng=rng).rows[0]

    assert row.reason_text == (
        "Drawn by chance, as one of 200 rows that represent the 800 of this window."
    )


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.7], (0.7, 0.3)), ([0.2], (0.8, 0.2)), ([0.1, 0.6, 0.3], (0.6, 0.3)), ([np.nan], None)],
)
def test_the_two_best_classes(scores, best):
    assert two_best(np.array(scores)) == (best if best is None else pytest.approx(best))
