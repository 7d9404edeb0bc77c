from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from monitor.curation.rows import Asked, Candidates, ReferenceRows
from monitor.curation.select import draw_rows, plan, select
from monitor.curation.units import copy_radius


def queue_of(candidates, reference, budget=30, seed=0, **more):
    rng = np.random.default_rng(seed)
    return list(select(candidates, reference, budget=budget, rng=rng, **more).rows)


def test_the_same_seed_gives_the_same_queue_in_whatever_order_the_rows_come(drifted_window):
    candidates, reference = drifted_window
    shuffle = np.random.default_rng(1).permutation(len(candidates.ids))
    shuffled = Candidates(
        ids=tuple(candidates.ids[i] for i in shuffle),
        features=candidates.features[shuffle],
        population=candidates.population,
        names=candidates.names,
    )

    first = queue_of(candidates, reference)

    assert [row.id for row in first] == [row.id for row in queue_of(shuffled, reference)]
    assert first == queue_of(candidates, reference)
    assert first != queue_of(candidates, reference, seed=1)


def test_the_budget_is_met_and_orders_count_up(drifted_window):
    queue = queue_of(*drifted_window, budget=30)

    assert len({row.id for row in queue}) == 30
    assert [row.order for row in queue] == list(range(30))


def test_rows_the_training_set_lacks_are_preferred(drifted_window):
    drawn = [row.id for seed in range(5) for row in queue_of(*drifted_window, seed=seed)]

    # A fifth of the candidates.
    assert np.mean(np.array(drawn) < 60) > 0.6


def test_probabilities_are_those_of_rows_of_the_whole_window(drifted_window):
    candidates, reference = drifted_window
    design = plan(candidates, reference, budget=30)

    assert design.row_probabilities.sum() == pytest.approx(30)
    by_id = dict(zip(design.pool, design.row_probabilities, strict=True))
    for row in queue_of(candidates, reference):
        # 300 candidates stand for 3,000 rows.
        assert row.inclusion_probability == pytest.approx(by_id[row.id] / 10)


@pytest.mark.parametrize("trials", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_each_row_comes_as_often_as_its_probability_says(drifted_window, trials):
    design = plan(*drifted_window, budget=30)
    counts = np.zeros(300)
    for seed in range(trials):
        counts[draw_rows(design, np.random.default_rng(seed))] += 1
    pi = design.row_probabilities
    frequency = counts / trials
    z = (frequency - pi) / np.sqrt(pi * (1 - pi) / trials)

    assert np.abs(z).max() < 5
    assert np.mean(z**2) < 1.3


def test_what_is_known_of_all_candidates_goes_with_the_queue(drifted_window):
    candidates, reference = drifted_window
    scores = np.random.default_rng(0).random((300, 1))

    with_scores = replace(candidates, scores=scores)
    found = select(with_scores, reference, budget=30, rng=np.random.default_rng(0))
    without = select(candidates, reference, budget=30, rng=np.random.default_rng(0), exclude={3})

    assert found.expected_mean == pytest.approx(np.maximum(scores, 1 - scores).mean())
    assert (without.expected_mean, without.candidates) == (None, 299)
    design = plan(candidates, reference, budget=30)
    assert found.size_mean == pytest.approx(design.sizes[design.units.of_row].mean())


@pytest.mark.parametrize("scores", [np.array([[0.5], [np.nan]]), np.array([[0.5], [7.0]])])
def test_scores_that_are_no_chances_say_nothing_of_all_rows(scores):
    candidates = Candidates((1, 2), np.zeros((2, 1)), population=2, scores=scores)

    assert candidates.expected is None


def test_quiet_windows_are_plain_random_samples():
    rng = np.random.default_rng(2)
    trusts, reasons = [], Counter()
    for _ in range(20):
        candidates = Candidates(tuple(range(400)), rng.normal(size=(400, 5)), population=400)
        reference = ReferenceRows(rng.normal(size=(1000, 5)))
        trusts.append(plan(candidates, reference, budget=40).trust)
        reasons.update(row.reason for row in queue_of(candidates, reference, budget=40))

    # z is standard normal then, and a = 0.4 (z − 1) above 1: 0.03 on average.
    assert np.mean(trusts) < 0.1
    assert reasons["random"] > 0.9 * reasons.total()


def test_rows_asked_for_come_first_and_on_top(drifted_window):
    asked = [5, Asked("elsewhere", "disagreement", "Ann and Bo disagree.", 0.4), 5, 7]

    queue = queue_of(*drifted_window, asked_for=asked, asked_limit=2)

    assert [(row.id, row.reason) for row in queue[:2]] == [
        (5, "similar"),
        ("elsewhere", "disagreement"),
    ]
    assert queue[1].reason_text == "Ann and Bo disagree."
    assert all(row.inclusion_probability is None for row in queue[:2])
    assert len(queue) == 32
    assert 5 not in {row.id for row in queue[2:]}


def test_rows_of_earlier_queues_do_not_come_again(drifted_window):
    first = {row.id for row in queue_of(*drifted_window)}

    second = queue_of(*drifted_window, exclude=first, asked_for=list(first)[:3])

    assert not first & {row.id for row in second}
    assert len(second) == 30


def test_a_burst_of_copies_takes_one_row_of_the_queue():
    rng = np.random.default_rng(4)
    window = rng.normal(size=(300, 6))
    window[100:] = window[100] + rng.normal(scale=1e-4, size=(200, 6))
    candidates = Candidates(tuple(range(300)), window, population=300)
    reference = ReferenceRows(rng.normal(size=(1000, 6)))

    queue = queue_of(candidates, reference, budget=40)

    assert sum(row.id >= 100 for row in queue) <= 1
    design = plan(candidates, reference, budget=40)
    assert len(design.units.heads) == 101
    assert design.row_probabilities.sum() == pytest.approx(40)


def test_rows_that_are_nearly_copies_crowd_each_other_out():
    rng = np.random.default_rng(4)
    reference = rng.normal(size=(2000, 4))
    radius = copy_radius(reference)
    crowd = 1.5 * radius * np.sign(rng.normal(size=(100, 4)))
    crowd += rng.uniform(-1, 1, size=(100, 4)) * radius
    window = np.vstack([crowd, rng.normal(size=(300, 4))])
    candidates = Candidates(tuple(range(400)), window, population=400)

    design = plan(candidates, ReferenceRows(reference), budget=80)

    of_crowd = design.units.of_row[:100]
    assert np.median(design.units.crowds[of_crowd]) > 4
    # A quarter of the rows: by chance 20 of them would be drawn.
    assert design.row_probabilities[:100].sum() < 13
    assert design.row_probabilities.sum() == pytest.approx(80)


def test_a_copy_says_for_how_many_rows_it_stands():
    rng = np.random.default_rng(4)
    window = np.vstack([rng.normal(size=(20, 3)), np.full((30, 3), 9.0)])
    candidates = Candidates(tuple(range(50)), window, population=50)

    queue = queue_of(candidates, ReferenceRows(rng.normal(size=(500, 3))), budget=21)

    copy = next(row for row in queue if row.id >= 20)
    assert copy.reason_text.endswith("It stands for 30 rows that are copies of each other.")
    assert copy.inclusion_probability == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    ("features", "reference"),
    [
        (np.ones((10, 1)), np.ones((50, 1))),
        (np.full((10, 3), np.nan), np.full((50, 3), np.nan)),
        (np.full((10, 3), np.nan), np.zeros((0, 3))),
        (np.empty((10, 0)), np.empty((50, 0))),
        (np.arange(10.0).reshape(-1, 1), np.arange(50.0).reshape(-1, 1)),
        (np.full((10, 2), np.inf), np.random.default_rng(0).normal(size=(50, 2))),
        (np.full((10, 2), 1e308), np.random.default_rng(0).normal(size=(50, 2))),
        (np.random.default_rng(0).normal(size=(10, 2)), np.full((50, 2), np.nan)),
        (np.random.default_rng(0).normal(size=(10, 2)), np.zeros((1, 2))),
    ],
)
@pytest.mark.parametrize("budget", [0, 1, 4, 10, 99])
def test_poor_data_give_a_queue_all_the_same(features, reference, budget):
    candidates = Candidates(tuple(f"r{i}" for i in range(10)), features, population=100)

    queue = queue_of(candidates, ReferenceRows(reference), budget=budget)

    distinct = len(np.unique(features, axis=0)) if np.isfinite(features).all() else 10
    assert len(queue) <= min(budget, 10)
    assert len(queue) >= min(budget, 1 if distinct == 1 else 10) or budget == 0
    assert all(0 < row.inclusion_probability <= 0.1 for row in queue)
    assert all(np.isfinite(row.score) and row.reason_text.endswith(".") for row in queue)


def test_no_candidates_give_no_queue():
    empty = Candidates((), np.empty((0, 2)), population=0)

    assert queue_of(empty, ReferenceRows(np.zeros((5, 2)))) == []


def test_a_key_that_comes_twice_is_one_row():
    candidates = Candidates(("a", "a", "b"), np.arange(6.0).reshape(3, 2), population=3)

    queue = queue_of(candidates, ReferenceRows(np.zeros((0, 2))))

    assert sorted(row.id for row in queue) == ["a", "b"]


def test_keys_of_different_types_live_together():
    keys = (1, "1", 2.5, None, (3, 4), b"x")
    candidates = Candidates(keys, np.random.default_rng(0).normal(size=(6, 2)), population=6)

    assert {row.id for row in queue_of(candidates, ReferenceRows(np.zeros((0, 2))))} == set(keys)


@pytest.mark.parametrize("floor", [0.0, -1.0, 1.5])
def test_a_floor_outside_its_range_is_refused(drifted_window, floor):
    with pytest.raises(ValueError, match="floor"):
        plan(*drifted_window, budget=5, floor=floor)


def test_the_floor_keeps_rows_that_have_not_drifted_in_the_sample(drifted_window):
    pi = plan(*drifted_window, budget=30, floor=0.5).probabilities

    # At a = 0.5 half of the budget is spread evenly over 300 units.
    assert pi.min() >= 0.9 * 0.5 * 30 / 300
