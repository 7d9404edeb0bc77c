from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from crowdkit.aggregation import GLAD, MACE, DawidSkene, MajorityVote, OneCoinDawidSkene

from monitor.curation.answers import Answers
from monitor.curation.consensus import consensus, dawid_skene

GOLD = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data")) / "crowd_gold.parquet"
CLASSES = ("a", "b", "c")


def crowd(items=400, skills=(0.95, 0.9, 0.6, 0.5, 0.4), each=5, seed=0):
    """Answers of annotators who know the truth as often as their skill says, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, items, p=[0.6, 0.3, 0.1])
    given = []
    for item, true in enumerate(truth):
        for who in rng.choice(len(skills), each, replace=False):
            said = true if rng.random() < skills[who] else rng.integers(3)
            given.append((item, f"w{who}", CLASSES[said]))
    return Answers.of(given, CLASSES), truth


def accuracy(answers, truth, method, **more):
    found = consensus(answers, method, **more)
    return np.mean([CLASSES.index(one.label) == truth[one.item] for one in found])


def test_the_last_answer_of_an_annotator_counts():
    answers = Answers.of([("x", "Ann", "a"), ("x", "Bo", "b"), ("x", "Ann", "b")], CLASSES)

    assert answers.votes().tolist() == [[0, 2, 0]]
    assert (answers.items, answers.annotators) == (("x",), ("Ann", "Bo"))


def test_majority_and_a_tie():
    answers = Answers.of(
        [
            ("x", "Ann", "a"), ("x", "Bo", "a"), ("x", "Cy", "b"),
            ("y", "Ann", "a"), ("y", "Bo", "b"),
            ("z", "Ann", "c"),
        ]
    )  # fmt: skip

    x, y, z = consensus(answers, "majority")

    assert (x.label, x.confidence, x.disputed) == ("a", pytest.approx(2 / 3), False)
    assert y.disputed
    assert y.why == "1 says a, 1 says b; the likeliest has a probability of 0.50."
    assert (z.label, z.disputed, z.unanimous) == ("c", False, True)


def test_who_is_often_right_is_heard_more():
    answers, truth = crowd(skills=(0.9, 0.4, 0.3, 0.2, 0.2))

    assert accuracy(answers, truth, "dawid-skene") > accuracy(answers, truth, "majority") + 0.03


def test_confusion_matrices_are_found():
    answers, _ = crowd(items=2000)

    fit = dawid_skene(answers)

    right = [fit.confusion[who, 0, 0] for who in range(5)]
    # A guess is right in a third of the cases.
    assert right == pytest.approx([0.967, 0.933, 0.733, 0.667, 0.6], abs=0.05)
    assert fit.prior == pytest.approx([0.6, 0.3, 0.1], abs=0.04)
    assert fit.confusion.sum(axis=2) == pytest.approx(1)


def test_confidence_is_a_probability():
    answers, truth = crowd(items=3000, skills=(0.8, 0.7, 0.6), each=3)
    found = consensus(answers)
    confidence = np.array([one.confidence for one in found])
    right = np.array([CLASSES.index(one.label) == truth[one.item] for one in found])

    for low, high in ((0.5, 0.8), (0.8, 0.95), (0.95, 1.01)):
        part = (confidence >= low) & (confidence < high)
        assert right[part].mean() == pytest.approx(confidence[part].mean(), abs=0.06)


def test_a_model_that_knows_helps_and_one_that_does_not_is_not_heard():
    answers, truth = crowd(items=600, skills=(0.6, 0.5, 0.5), each=2)
    rng = np.random.default_rng(1)
    knows = np.full((600, 3), 0.1)
    knows[np.arange(600), np.where(rng.random(600) < 0.8, truth, rng.integers(3, size=600))] = 0.8
    lies = np.full((600, 3), 0.005)
    lies[np.arange(600), rng.integers(3, size=600)] = 0.99

    plain = accuracy(answers, truth, "dawid-skene")

    assert accuracy(answers, truth, "model-assisted", scores=knows) > plain + 0.05
    assert accuracy(answers, truth, "model-assisted", scores=lies) > plain - 0.02
    assert dawid_skene(answers, scores=lies).temperature > 5


def test_rows_without_scores_are_those_of_the_annotators_alone():
    answers, _ = crowd(items=50)
    nothing = np.full((50, 3), np.nan)

    assert dawid_skene(answers, scores=nothing).posterior == pytest.approx(
        dawid_skene(answers).posterior
    )


def test_scores_must_fit():
    answers, _ = crowd(items=5)

    with pytest.raises(ValueError, match="needs the scores"):
        consensus(answers, "model-assisted")
    with pytest.raises(ValueError, match="scores of shape"):
        consensus(answers, "model-assisted", scores=np.ones((2, 2)))


def test_nobody_answered():
    assert consensus(Answers.of([])) == []
    assert consensus(Answers.of([], CLASSES), "majority") == []


@pytest.mark.skipif(not GOLD.exists(), reason=f"{GOLD} is not there")
@pytest.mark.parametrize("task", ["dog", "face", "product"])
@pytest.mark.parametrize("rivals", ["quick", pytest.param("all", marks=pytest.mark.slow)])
def test_consensus_is_as_good_as_the_best_of_crowd_kit(task, rivals):
    table = pq.read_table(GOLD, filters=[("task", "=", task)]).to_pandas()
    gold = table.drop_duplicates("item").set_index("item")["gold"]
    names = {"item": "task", "annotator": "worker"}
    theirs = table[["item", "annotator", "label"]].rename(columns=names)
    peers = [MajorityVote(), DawidSkene(20)]
    if rivals == "all":
        # `bench.crowd` holds all of them beside; GLAD takes a minute on the largest task.
        slow = [] if task == "product" else [GLAD()]
        peers = [MajorityVote(), DawidSkene(100), OneCoinDawidSkene(100), MACE(), *slow]
    warnings.simplefilter("ignore", DeprecationWarning)  # crowd-kit is older than pandas 3
    best = max((peer.fit_predict(theirs).reindex(gold.index) == gold).mean() for peer in peers)
    rows = zip(table["item"], table["annotator"].astype(str), table["label"], strict=True)

    found = {one.item: one.label for one in consensus(Answers.of(rows))}

    assert np.mean([found[item] == truth for item, truth in gold.items()]) >= best - 0.005
