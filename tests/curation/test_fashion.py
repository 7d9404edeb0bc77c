"""The real stream: corrupted rows from week 5 on, an unseen class in weeks 11 and 12."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from monitor.core.columns import Column
from monitor.curation.estimate import Answers, estimate
from monitor.curation.features import FeatureSpace, features
from monitor.curation.rows import Candidates, ReferenceRows
from monitor.curation.select import draw_rows, plan, select

FOLDER = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data"))
STREAM = FOLDER / "images_fashion_stream.parquet"
pytestmark = pytest.mark.skipif(not STREAM.exists(), reason=f"{STREAM} is not there")

COLUMNS = ["id", "week", "label", "corruption", "unseen_class", "embedding"]
BUDGET = 100


@pytest.fixture(scope="module")
def stream():
    return pq.read_table(STREAM, columns=COLUMNS)


@pytest.fixture(scope="module")
def reference(stream):
    rows = stream.filter(stream["week"].to_numpy() == 0)
    space = FeatureSpace.fit(rows, [Column("embedding", "embedding")])
    return rows, space, ReferenceRows(features(rows, space))


def week_of(stream, reference, week):
    rows = stream.filter(stream["week"].to_numpy() == week)
    candidates = Candidates(
        ids=tuple(rows["id"].to_pylist()),
        features=features(rows, reference[1]),
        population=rows.num_rows,
    )
    return rows, candidates


def share_drawn(flag, candidates, reference, seeds=8):
    by_id = dict(zip(candidates.ids, flag, strict=True))
    return np.mean(
        [
            by_id[row.id]
            for seed in range(seeds)
            for row in select(
                candidates, reference[2], budget=BUDGET, rng=np.random.default_rng(seed)
            ).rows
        ]
    )


@pytest.mark.parametrize("week", [11, 12])
def test_rows_of_an_unseen_class_come_three_times_as_often_as_by_chance(stream, reference, week):
    rows, candidates = week_of(stream, reference, week)
    unseen = rows["unseen_class"].to_numpy(zero_copy_only=False)

    assert share_drawn(unseen, candidates, reference) > 2.5 * unseen.mean()


@pytest.mark.parametrize(("week", "times"), [(5, 2.0), (6, 1.5), (7, 1.2)])
def test_corrupted_rows_are_picked_up(stream, reference, week, times):
    rows, candidates = week_of(stream, reference, week)
    corrupted = np.array(rows["corruption"].to_pylist()) != "none"

    assert share_drawn(corrupted, candidates, reference) > times * corrupted.mean()


def test_clean_weeks_are_random_samples(stream, reference):
    trusts = [
        plan(week_of(stream, reference, week)[1], reference[2], budget=BUDGET).trust
        for week in (1, 2, 3, 4)
    ]

    assert np.mean(trusts) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("week", [2, 6, 8, 12])
def test_the_model_is_measured_without_bias_by_the_same_labels(stream, reference, week):
    trained, _, known = reference
    model = LogisticRegression(max_iter=200).fit(known.features, trained["label"].to_numpy())
    rows, candidates = week_of(stream, reference, week)
    correct = (model.predict(candidates.features) == rows["label"].to_numpy()).astype(float)
    expected = model.predict_proba(candidates.features).max(axis=1)
    design = plan(candidates, known, budget=200)

    made, plain = [], []
    for seed in range(400):
        drawn = draw_rows(design, np.random.default_rng(seed))
        keys, pi = design.pool[drawn], design.row_probabilities[drawn]
        sizes = design.sizes[design.units.of_row]
        answers = Answers(
            correct[keys], pi, expected[keys], float(expected.mean()), pushed=200,
            sizes=sizes[drawn], sizes_mean=float(sizes.mean()),
        )  # fmt: skip
        made.append(estimate(answers, bounds=(0, 1)))
        plain.append(correct[keys].mean())

    truth = correct.mean()
    values = np.array([one.value for one in made])
    assert abs(values.mean() - truth) < 3 * values.std() / np.sqrt(len(made))
    assert np.mean([one.interval[0] <= truth <= one.interval[1] for one in made]) >= 0.92
    if week in (6, 12):
        assert abs(np.mean(plain) - truth) > 0.03
