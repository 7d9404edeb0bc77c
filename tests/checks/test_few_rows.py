"""Too few rows are said by every check that weighs evidence, and alarm in none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitor.checks.run import run_checks
from monitor.core.columns import Roles

from .scene import scene

ROLES = Roles(
    id="id",
    label="label",
    prediction="prediction",
    scores=("score",),
    segments=("group",),
    embeddings=("vector",),
)
#: All that a dozen rows cannot answer. The other checks tell facts (a column is gone, a rule is
#: broken), which need no error control.
WEIGH = (
    "balance.label",
    "balance.prediction",
    "bias.accuracy",
    "bias.false_positive_rate",
    "bias.selection_rate",
    "bias.true_positive_rate",
    "drift.categorical",
    "drift.dataset",
    "drift.embedding",
    "drift.numeric",
    "drift.text",
    "performance.classification",
    "performance.scores",
    "quality.missing",
)


def table(rows: int, seed: int, *, labelled: bool = True) -> pa.Table:
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    words = np.array(["good", "bad", "film", "plot", "long"])
    vectors = rng.normal(size=(rows, 8)).astype("f4")
    return pa.table(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "amount": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "comment": [" ".join(rng.choice(words, 8)) for _ in range(rows)],
            "vector": pa.array(list(vectors), pa.list_(pa.float32(), 8)),
            "label": pa.array(
                (rng.random(rows) < score).astype(int), mask=np.full(rows, not labelled)
            ),
            "prediction": (score > 0.5).astype(int),
            "score": score,
            "group": rng.choice(["u", "v"], rows),
        }
    )


@pytest.fixture(scope="module")
def told():
    return run_checks(scene(table(4000, 1), table(12, 2), ROLES))


@pytest.mark.parametrize("check", WEIGH)
def test_too_few_rows_are_said(told, check):
    own = [finding.message for finding in told if finding.check == check]

    assert any("oo few" in message for message in own), own


def test_they_alarm_in_no_check(told):
    assert [finding.check for finding in told if finding.drifted] == []


def test_an_estimate_without_labels_says_so_too():
    found = run_checks(scene(table(4000, 1), table(12, 2, labelled=False), ROLES))
    (few,) = [finding for finding in found if finding.check == "performance.estimated"]

    assert few.statistic == "rows"
    assert "12 scored rows in this window" in few.message


def test_every_judged_column_says_what_it_could_have_shown():
    found = run_checks(scene(table(4000, 1), table(2000, 2), ROLES))
    seen = {finding.column: finding for finding in found if finding.statistic == "sight"}

    assert set(seen) == {
        "amount", "colour", "comment", "group", "label", "prediction", "score", "vector",
    }  # fmt: skip
    assert 0.05 <= seen["amount"].value < 0.5
    assert "sd in one window" in seen["amount"].message
    assert "points in one window" in seen["colour"].message
