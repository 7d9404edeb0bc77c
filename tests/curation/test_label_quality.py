from __future__ import annotations

import numpy as np
import pytest

from monitor.curation.given import Given
from monitor.curation.label_quality import by_spec, comparisons


def answers(classes, right, *, items=300, seconds=10.0, guideline="1", seed=0, type_="class"):
    """Two annotators who know one of equally frequent classes as often as `right` says."""
    rng = np.random.default_rng(seed)
    for item in range(items):
        truth = rng.integers(classes)
        for who in ("Ann", "Bo"):
            said = truth if rng.random() < right else rng.integers(classes)
            yield Given(
                item=f"{guideline}.{classes}.{item}",
                annotator=who,
                value=f"c{said}" if type_ == "class" else int(said) + 1,
                seconds=seconds * rng.lognormal(sigma=0.3),
                guideline=guideline,
                classes=classes,
                type=type_,
            )


def compared(*groups):
    given = [one for group in groups for one in group]
    return comparisons(by_spec(given, rng=np.random.default_rng(0)))


def test_a_guideline_that_raised_agreement():
    (one,) = compared(answers(3, 0.7), answers(3, 0.95, guideline="2"))

    value, interval = one.agreement
    assert one.answer.startswith("Guideline 2 after 1: agreement rose by 0.")
    assert 0 < interval[0] < value < interval[1]


def test_a_guideline_that_changed_nothing():
    (one,) = compared(answers(3, 0.8), answers(3, 0.8, guideline="2", seed=1))

    assert "no sure change" in one.answer


def test_a_guideline_that_lowered_agreement():
    (one,) = compared(answers(3, 0.95), answers(3, 0.6, guideline="2"))

    assert "agreement fell by" in one.answer


def test_too_few_items_are_said_to_be_too_few():
    (one,) = compared(answers(3, 0.9, items=3), answers(3, 0.9, items=3, guideline="2"))

    assert "too few items" in one.answer


def test_a_finer_type_that_pays():
    # Twice the classes, known as well, in the same time: one bit more.
    (one,) = compared(answers(4, 0.95), answers(8, 0.95))

    assert one.answer.startswith("Class of 8 after Class of 4: it pays;")


def test_a_finer_type_that_does_not_earn_its_cost():
    (one,) = compared(answers(4, 0.95), answers(8, 0.6, seconds=30))

    assert "it does not earn its cost" in one.answer


def test_bits_are_those_of_the_information_that_annotators_share():
    sure, random = by_spec(
        [*answers(4, 1.0, items=2000), *answers(2, 0.0, items=2000)], rng=np.random.default_rng(0)
    )

    assert sure.bits.value == pytest.approx(2.0, abs=0.01)
    assert random.bits.value < 0.003
    assert random.bits.interval[0] == 0


def test_bits_are_not_inflated_by_few_items():
    values = [
        by_spec(answers(5, 0.0, items=60, seed=seed), rng=np.random.default_rng(0))[0].bits.value
        for seed in range(60)
    ]

    # Without the correction: (5 − 1)² / (2 · 60 · ln 2) = 0.19 bits.
    assert np.mean(values) < 0.07


def test_ratings_agree_by_their_order():
    ratings, classes = by_spec(
        [*answers(5, 0.8, type_="rating"), *answers(5, 0.8)], rng=np.random.default_rng(0)
    )

    assert ratings.agreement.value != classes.agreement.value
    assert ratings.name == "rating of 5, guideline 1"


def test_drawings_have_agreement_and_minutes_but_no_bits():
    rng = np.random.default_rng(0)

    def box():
        return [{"x": 10 + rng.normal(), "y": 5, "width": 20, "height": 20, "label": "tree"}]

    given = [
        Given(item=item, annotator=who, value=box(), type="box", seconds=60.0)
        for item in range(40)
        for who in ("Ann", "Bo")
    ]

    (spec,) = by_spec(given, rng=rng)

    assert spec.bits is None
    assert spec.bits_a_minute is None
    assert spec.seconds.value == 60
