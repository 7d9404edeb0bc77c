from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from monitor.curation.given import Given, as_class, capped, median
from monitor.curation.scorecards import scorecards

GOLD = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data")) / "crowd_gold.parquet"
SKILLS = {"Ann": 0.95, "Bo": 0.85, "Cy": 0.7, "Di": 0.5}
START = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = ("late", "on time", "cancelled")


def work(items=400, seed=0, skills=SKILLS, **changes):
    """Answers of people who know the truth as often as their skill says."""
    rng = np.random.default_rng(seed)
    found = []
    for item in range(items):
        truth = rng.integers(3)
        for who, skill in skills.items():
            said = truth if rng.random() < skill else rng.integers(3)
            given = {
                "item": item,
                "annotator": who,
                "value": CLASSES[said],
                "at": START + timedelta(minutes=item),
                "gold": CLASSES[truth],
            }
            found.append(
                Given(
                    **{
                        **given,
                        **{key: change(item, who, said, rng) for key, change in changes.items()},
                    }
                )
            )
    return found


def cards_of(given):
    return {card.annotator: card for card in scorecards(given)}


def test_accuracy_by_the_others_is_that_by_gold():
    cards = cards_of(work(items=1500))

    for who, card in cards.items():
        # A guess is right in a third of the cases.
        true = SKILLS[who] + (1 - SKILLS[who]) / 3
        assert card.gold.value == pytest.approx(true, abs=0.04)
        assert card.accuracy.value == pytest.approx(true, abs=0.04)
        assert card.accuracy.interval[0] < card.accuracy.value < card.accuracy.interval[1]


def test_an_annotator_alone_is_not_compared_with_himself():
    card = cards_of([Given(item=item, annotator="Ann", value="late") for item in range(50)])["Ann"]

    assert card.accuracy.n == card.agreement.n == card.gold.n == 0
    assert card.shares == {"late": 1.0}


def test_a_random_clicker_agrees_with_nobody_beyond_chance():
    cards = cards_of(work(skills={**SKILLS, "Robot": 0.0}))

    assert cards["Robot"].accuracy.interval[0] < 1 / 3 < cards["Robot"].accuracy.interval[1]
    assert cards["Robot"].agreement.value < 0.45 < cards["Ann"].agreement.value


def test_anchoring_is_what_seeing_the_draft_adds():
    shown = {}

    def with_draft(item, who, said, rng):
        shown[(item, who)] = rng.random() < 0.7
        return shown[(item, who)]

    def value(item, who, said, rng):
        # Bo takes the draft whenever he sees one.
        return "late" if who == "Bo" and shown[(item, who)] else CLASSES[said]

    cards = cards_of(
        work(with_draft=with_draft, value=value, draft=lambda item, who, said, rng: "late")
    )

    assert cards["Bo"].anchoring.value == pytest.approx(0.62, abs=0.08)
    assert cards["Bo"].anchoring.interval[0] > 0.4
    low, high = cards["Ann"].anchoring.interval
    assert low < 0 < high
    assert cards["Bo"].with_model.value == 1


def test_drift_of_one_annotator_is_found_and_of_no_other():
    def value(item, who, said, rng):
        tired = who == "Ann" and item > 220
        return CLASSES[rng.integers(3)] if tired else CLASSES[said]

    cards = cards_of(work(value=value))

    assert [who for who, card in cards.items() if card.changed] == ["Ann"]
    assert cards["Ann"].change.value < -0.3
    assert cards["Ann"].change.interval[1] < 0


@pytest.mark.slow
def test_a_change_is_seen_in_five_of_a_hundred_crowds_that_do_not_change():
    seen = [
        any(card.changed for card in scorecards(work(items=150, seed=seed))) for seed in range(300)
    ]

    # 5 % of 300 crowds; three standard errors are 3.8 points.
    assert np.mean(seen) < 0.088


def test_leaning_towards_a_class_is_seen():
    def value(item, who, said, rng):
        return "cancelled" if who == "Di" and rng.random() < 0.5 else CLASSES[said]

    cards = cards_of(work(value=value))

    assert cards["Di"].leaning > 0.25 > cards["Ann"].leaning
    assert cards["Di"].shares["cancelled"] > cards["Di"].expected_shares["cancelled"] + 0.2


def test_times_are_capped_medians():
    times = [10.0, 12.0, 11.0, 9.0, 14.0, 10.5, 40_000.0, -3.0, None, float("inf")]

    assert capped(times).max() == 110
    assert median(capped(times)).value == 11
    assert median(capped(times[:3])).interval is None
    low, high = median(capped(times)).interval
    assert low <= 10
    assert high >= 14


@pytest.mark.parametrize("size", [6, 25, 200])
def test_the_interval_of_a_median_covers(size):
    rng = np.random.default_rng(0)
    found = [median(rng.lognormal(size=size)).interval for _ in range(400)]

    assert np.mean([low <= 1 <= high for low, high in found]) > 0.95 - 3 * 0.011


def test_boxes_are_compared_by_what_they_share():
    def box(x):
        return [{"x": x, "y": 0, "width": 10, "height": 10, "label": "tree"}]

    given = [
        Given(item=item, annotator=who, value=box(move), type="box", draft=box(0), with_draft=True)
        for item in range(20)
        for who, move in (("Ann", 0), ("Bo", 1), ("Cy", 9))
    ]

    cards = cards_of(given)

    assert cards["Ann"].agreement.value > cards["Cy"].agreement.value
    assert cards["Ann"].accuracy.n == 0
    assert cards["Ann"].with_model.value == 1


def test_the_later_answer_of_an_annotator_counts():
    given = [
        Given(item=1, annotator="Ann", value="late", at=START + timedelta(hours=1), gold="late"),
        Given(item=1, annotator="Ann", value="late", at=START, gold="late"),
    ]

    assert cards_of(given)["Ann"].labels == 1


def test_labels_of_any_make_are_classes():
    assert [as_class(one) for one in (True, 2.0, 2.5, ["b", "a"], "x", None)] == [
        "true",
        "2",
        "2.5",
        "a, b",
        "x",
        "None",
    ]


@pytest.mark.skipif(not GOLD.exists(), reason=f"{GOLD} is not there")
@pytest.mark.parametrize(("task", "least"), [("dog", 0.8), ("product", 0.9)])
def test_scores_of_a_real_crowd_without_gold_rank_it_as_gold_does(task, least):
    table = pq.read_table(GOLD, filters=[("task", "=", task)]).to_pandas()
    columns = (table["item"], table["annotator"].astype(str), table["label"], table["gold"])
    cards = scorecards(
        Given(item=item, annotator=who, value=label, gold=gold)
        for item, who, label, gold in zip(*columns, strict=True)
    )
    many = [card for card in cards if card.labels >= 40]

    ranked = np.corrcoef([card.accuracy.value for card in many], [card.gold.value for card in many])

    assert ranked[0, 1] > least
