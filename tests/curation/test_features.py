from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from monitor.core.columns import Column
from monitor.curation.features import FeatureSpace, features

REFERENCE = pa.table(
    {
        "temp": [10.0, 12.0, None, 14.0, 20.0],
        "carrier": ["UA", "UA", "AA", None, "DL"],
        "night": [True, False, None, True, True],
        "note": ["", "abc", "abcdef", None, "x"],
        "when": [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 5,
        "vector": [[1.0, 2.0], [2.0, 4.0], [3.0, 1.0], None, [1.0]],
        "empty": pa.nulls(5),
        "late": [1, 0, 1, 0, 1],
    }
)
COLUMNS = [
    Column("temp", "numeric"),
    Column("carrier", "categorical", "segment"),
    Column("night", "boolean"),
    Column("note", "text"),
    Column("when", "datetime"),
    Column("vector", "embedding"),
    Column("empty", "numeric"),
    Column("late", "numeric", "label"),
    Column("temp.pc0", "numeric", parent="temp"),
    Column("gone", "numeric"),
]


def test_a_table_becomes_numbers_and_what_takes_no_part_is_named():
    space = FeatureSpace.fit(REFERENCE, COLUMNS)

    made = features(REFERENCE, space)

    assert made.shape == (5, space.width)
    names = (
        "temp",
        "carrier",
        "carrier",
        "carrier",
        "carrier",
        "night",
        "note",
        "vector",
        "vector",
    )
    assert space.names == names
    assert {one.column: one.reason for one in space.dropped} == {
        "when": "a time says when, not what a row is",
        "empty": "no value in the reference",
        "gone": "the column is not in the table",
    }
    assert np.isnan(made[2, 0])
    assert np.isnan(made[3, 1:5]).all()
    assert np.isnan(made[3:, 7:]).all()


def test_the_reference_itself_is_standardised():
    rng = np.random.default_rng(0)
    table = pa.table(
        {"x": rng.lognormal(5, 0.4, size=2000), "v": list(rng.normal(3, 9, (2000, 4)))}
    )
    made = features(
        table, FeatureSpace.fit(table, [Column("x", "numeric"), Column("v", "embedding")])
    )

    np.testing.assert_allclose(made.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(made.std(axis=0), 1, atol=0.03)
    assert np.abs(made[:, 0]).max() <= 5


def test_levels_that_are_new_or_rare_share_one_feature():
    table = pa.table({"c": [f"level {i % 30:02}" for i in range(600)] + ["level 00"]})
    space = FeatureSpace.fit(table, [Column("c", "categorical")])

    made = features(pa.table({"c": ["level 00", "level 29", "new"]}), space)

    assert space.width == 21
    assert made[0].tolist() == [1.0] + [0.0] * 20
    assert made[1].tolist() == made[2].tolist() == [0.0] * 20 + [1.0]


def test_a_constant_that_changes_is_seen():
    space = FeatureSpace.fit(pa.table({"x": [7.0] * 9}), [Column("x", "numeric")])

    assert features(pa.table({"x": [7.0, 7.001, -7.0]}), space)[:, 0].tolist() == [0.0, 5.0, -5.0]


@pytest.mark.parametrize(
    "values",
    [
        [1e308, -1e308, 1e307, 5.0],
        [5e-324, 0.0, 1e-320, 0.0],
        [float("inf"), 1.0, 2.0, float("-inf")],
        [0, 2**63 - 1, 5, 1],
    ],
)
def test_wild_numbers_stay_finite_or_missing(values):
    table = pa.table({"x": values})
    made = features(table, FeatureSpace.fit(table, [Column("x", "numeric")]))

    assert not np.isinf(made).any()
    assert np.nanmax(np.abs(made)) <= 5


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array(["a", "b"]), "numeric"),
        (pa.array([[1.0], [2.0]]), "numeric"),
        (pa.array([{"a": 1}, {"a": 2}]), "categorical"),
        (pa.array([b"\xff\xfe", b"x"]), "categorical"),
        (pa.array([1.0, 2.0]), "embedding"),
        (pa.array([[], []], pa.list_(pa.float32())), "embedding"),
        (pa.array([["a"], ["b"]]), "embedding"),
        (pa.array([[[1.0]], [[2.0]]]), "embedding"),
        (pa.array([float("nan"), float("inf")]), "numeric"),
    ],
)
def test_a_broken_column_is_named_and_the_others_stay(column, kind):
    table = pa.table({"good": [1.0, 2.0], "bad": column})
    columns = [Column("good", "numeric"), Column("bad", kind)]

    space = FeatureSpace.fit(table, columns)

    assert [one.column for one in space.dropped] == ["bad"]
    assert space.names == ("good",)


def test_a_column_that_breaks_later_is_missing_later():
    space = FeatureSpace.fit(REFERENCE, COLUMNS)

    made, broken = space.transform(pa.table({"temp": ["hot", "cold"], "carrier": ["UA", "UA"]}))

    assert {one.column for one in broken} == {"temp", "night", "note", "vector"}
    assert np.isnan(made[:, 0]).all()
    assert (made[:, 2] == made[:, 2]).all()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1.5, 2.5, 3.5], pa.float16()),
        pa.array(["1", "2", "4"]).dictionary_encode(),
        pa.array([1, 2, 4], pa.decimal128(9, 2)),
        pa.array([1, 2, 4], pa.uint64()),
    ],
)
def test_numbers_of_every_type_are_numbers(column):
    table = pa.table({"x": column})

    assert np.isfinite(features(table, FeatureSpace.fit(table, [Column("x", "numeric")]))).all()


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list, lambda t: pa.list_(t, 300)])
def test_a_wide_embedding_keeps_its_principal_directions(kind):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 300))
    rows[:, 0] *= 20
    table = pa.table({"v": pa.array(list(rows), kind(pa.float64()))})
    space = FeatureSpace.fit(table, [Column("v", "embedding")])

    made = features(table, space)

    assert space.width == 64
    assert abs(np.corrcoef(made[:, 0], rows[:, 0])[0, 1]) > 0.99


def test_the_width_is_bounded_and_what_finds_no_room_is_named():
    table = pa.table({f"c{i}": [1.0, 2.0] for i in range(600)})

    space = FeatureSpace.fit(table, [Column(name, "numeric") for name in table.column_names])

    assert space.width == 512
    assert len(space.dropped) == 88


def test_two_columns_with_one_name_are_named():
    table = pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])

    [dropped] = FeatureSpace.fit(table, [Column("x", "numeric")]).dropped

    assert dropped.reason == "the column is there 2 times"
