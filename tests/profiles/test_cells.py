"""Co-counts of segment, label and prediction, of scores and of errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitor.core.columns import Roles

from .tables import ROLES, mixed, plan_of, profile_of


def test_counts_are_those_of_a_cross_table():
    table = mixed(2000)
    cells = profile_of(plan_of(table, ROLES), table).cells
    frame = table.select(["city", "sex", "label", "prediction"]).to_pandas()

    assert set(cells) == {"", "city", "sex", "city, sex"}
    assert cells[""].counts.sum() == 2000
    for city in ("Oslo", "(missing)"):
        rows = frame["city"].isna() if city == "(missing)" else frame["city"] == city
        mine = cells["city"].counts[cells["city"].levels.index(city)]
        for at, label in enumerate([0, 1, None]):
            same = frame["label"].isna() if label is None else frame["label"] == label
            for guess in (0, 1):
                expected = (rows & same & (frame["prediction"] == guess)).sum()
                assert mine[at, guess] == expected
    both = cells["city, sex"]
    pair = (frame["city"] == "Rome") & (frame["sex"] == "f")
    assert both.counts[both.levels.index("Rome, f")].sum() == pair.sum()


def test_scores_by_truth():
    table = mixed(2000)
    cells = profile_of(plan_of(table, ROLES), table).cells[""]
    frame = table.select(["label", "score"]).to_pandas()

    assert cells.classes == ("1",)
    assert cells.scores.shape[1:3] == (1, 3)
    assert cells.scores[0, 0].sum(axis=1).tolist() == [
        (frame["label"] == 1).sum(),
        (frame["label"] == 0).sum(),
        frame["label"].isna().sum(),
    ]
    bins = cells.scores.shape[3]
    histogram = np.histogram(frame["score"], bins=bins, range=(0, 1))[0]
    np.testing.assert_array_equal(cells.scores[0, 0].sum(axis=0), histogram)


def test_booleans_and_digits_are_one_class():
    table = pa.table({"y": [True, False, True, None] * 5, "p": [1, 0, 0, 1] * 5})
    cells = profile_of(plan_of(table, Roles(label="y", prediction="p")), table).cells[""]

    assert (cells.labels, cells.predictions) == (("0", "1"), ("0", "1"))
    assert cells.counts[0].tolist() == [[5, 0, 0], [5, 5, 0], [0, 5, 0]]


def test_floats_that_are_whole_are_the_same_class():
    table = pa.table({"y": [1.0, 0.0, None] * 5, "p": pa.array([1, 0, 1] * 5, pa.int8())})
    cells = profile_of(plan_of(table, Roles(label="y", prediction="p")), table).cells[""]

    assert (cells.labels, cells.predictions) == (("0", "1"), ("0", "1"))


def test_a_new_class_and_a_new_level_appear():
    reference = pa.table({"y": ["a", "b"] * 10, "g": ["u", "v"] * 10})
    plan = plan_of(reference, Roles(label="y", segments=("g",)))
    cells = profile_of(plan, pa.table({"y": ["c", "a"], "g": ["w", "u"]})).cells["g"]

    assert cells.labels == ("a", "c")
    assert cells.levels == ("u", "w")


def test_several_scores_find_their_classes():
    rng = np.random.default_rng(0)
    table = pa.table(
        {
            "y": rng.choice(["cat", "dog", "bird"], 60),
            "p_dog": rng.random(60),
            "p_cat": rng.random(60),
            "p_bird": rng.random(60),
        }
    )
    roles = Roles(label="y", scores=("p_dog", "p_cat", "p_bird"))
    plan = plan_of(table, roles)

    assert plan.cells.classes == (("p_dog", "dog"), ("p_cat", "cat"), ("p_bird", "bird"))
    cells = profile_of(plan, table).cells[""]
    assert cells.classes == ("bird", "cat", "dog")
    dogs = np.histogram(table.column("p_dog"), bins=cells.scores.shape[3], range=(0, 1))[0]
    np.testing.assert_array_equal(cells.scores[0, 2].sum(axis=0), dogs)


def test_the_class_of_a_lone_score_is_found_by_its_values():
    table = pa.table({"y": ["ham", "spam"] * 30, "s": [0.9, 0.2] * 30})

    plan = plan_of(table, Roles(label="y", scores=("s",)))

    assert plan.cells.classes == (("s", "ham"),)


def test_errors_of_a_regression():
    rng = np.random.default_rng(0)
    truth, group = rng.normal(size=300), rng.choice(["u", "v"], 300)
    guess = truth + rng.normal(0.5, 1, 300)
    guess[:10] = np.nan
    table = pa.table({"y": truth, "p": guess, "g": group})
    roles = Roles(label="y", prediction="p", segments=("g",))
    cells = profile_of(plan_of(table, roles), table).cells["g"]
    frame = pd.DataFrame({"y": truth, "p": guess, "g": group}).dropna()

    assert cells.counts.size == 0
    for level, sums in zip(cells.levels, cells.moments, strict=True):
        rows = frame[frame["g"] == level]
        error = rows["p"] - rows["y"]
        expected = [
            len(rows), rows["y"].sum(), rows["p"].sum(), error.sum(), (error**2).sum(),
            error.abs().sum(),
        ]  # fmt: skip
        np.testing.assert_allclose(sums, expected)


@pytest.mark.parametrize("roles", [Roles(), Roles(segments=("g",)), Roles(scores=("s",))])
def test_without_labels_there_are_still_cells(roles):
    table = pa.table({"g": ["u", "v"] * 20, "s": np.linspace(0, 1, 40)})
    cells = profile_of(plan_of(table, roles), table).cells

    assert cells[""].levels == ("",)
    assert cells[""].counts.sum() == 40


def test_very_many_levels_stay_bounded():
    table = pa.table(
        {"g": [f"g{n}" for n in range(3000)], "h": [f"h{n % 900}" for n in range(3000)]}
    )
    cells = profile_of(plan_of(table, Roles(segments=("g", "h"))), table).cells

    for name in ("g", "h", "g, h"):
        assert len(cells[name].levels) <= 500
        assert cells[name].counts.sum() == 3000
