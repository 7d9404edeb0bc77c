"""What data must not be able to do: stop the profile of the other columns."""

from __future__ import annotations

import datetime as dt
import decimal
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.columns import Roles
from monitor.profiles import feeds
from monitor.profiles.bins import Bins
from monitor.profiles.types import CategoricalProfile, NumericProfile, Profile

from .tables import one, plan_of, profile_of

HOSTILE_NAMES = [
    "a.b", "a b", "it's", 'say "hi"', "select", "naïve 🚀", "x" * 500, "", "embedding.pc0",
    "=1+1", "<script>", "a\nb", "col['x']", "{{ x }}", "../../etc", "%s", "\u202e",
]  # fmt: skip


def round_trip(table: pa.Table, roles: Roles | None = None, later: pa.Table | None = None):
    plan = plan_of(table, roles)
    profile = profile_of(plan, table if later is None else later)
    for name, column in profile.columns.items():
        bins = Bins.fixed_by(column, plan.codebooks.get(name))
        assert bins.fold(column).sum() == column.rows
    again = Profile.from_bytes(profile.to_bytes(sample=True))
    assert again.columns.keys() == profile.columns.keys()
    assert again.merge(profile).rows == 2 * profile.rows
    return profile


def test_names():
    table = pa.table({name: pa.array([1.0, 2.5, 2.5, None]) for name in HOSTILE_NAMES})
    profile = round_trip(table)

    assert list(profile.columns) == HOSTILE_NAMES
    assert profile.errors == {}


def test_a_derived_name_that_is_taken_gets_another():
    rng = np.random.default_rng(1)
    table = pa.table(
        {
            "e.pc0": rng.normal(size=200),
            "e": list(rng.normal(size=(200, 5))),
            "e.length": ["x y z w v u t s r q p"] * 200,
        }
    )
    plan = plan_of(table, Roles(texts=("e.length",)))
    profile = profile_of(plan, table)

    assert isinstance(profile.columns["e.pc0"], NumericProfile)
    assert profile.columns["e.pc0~2"].rows == 200
    assert len({column.name for column in plan.every}) == len(plan.every)
    assert profile.errors == {}


DAY = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)
ARRAYS = {
    "null": pa.nulls(3),
    "all null": pa.array([None] * 3, pa.float64()),
    "bool": pa.array([True, None, False]),
    "int8": pa.array([-128, 127, None], pa.int8()),
    "uint64": pa.array([0, 2**64 - 1, None], pa.uint64()),
    "int64": pa.array([-(2**63), 2**63 - 1, None], pa.int64()),
    "half": pa.array(np.array([1, 2, np.nan], np.float16)),
    "float": pa.array([np.nan, np.inf, -np.inf], pa.float32()),
    "huge": pa.array([1e308, -1e308, 5e-324]),
    "decimal": pa.array([decimal.Decimal("1.10"), None, decimal.Decimal("-3.30")]),
    "string": pa.array(["a", None, "\x00\ud7ff"]),
    "large_string": pa.array(["a", None, ""], pa.large_string()),
    "string_view": pa.array(["a", None, "b" * 100], pa.string_view()),
    "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
    "dictionary of int": pa.array([5, None, 7]).dictionary_encode(),
    "dictionary of float": pa.array([5.5, None, 7.5]).dictionary_encode(),
    "null in dictionary": pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 0]), pa.array([None, "x"])
    ),
    "binary": pa.array([b"\xff\x00", None, b""]),
    "date": pa.array([DAY.date(), None, DAY.date()]),
    "date64": pa.array([DAY.date(), None, DAY.date()], pa.date64()),
    "naive time": pa.array([DAY.replace(tzinfo=None), None, None], pa.timestamp("ns")),
    "seconds": pa.array([2**62, None, 0], pa.timestamp("s")),
    "zoned": pa.array([DAY, None, DAY], pa.timestamp("ms", "Europe/Berlin")),
    "time": pa.array([dt.time(12, 30), None, dt.time(0)]),
    "duration": pa.array([dt.timedelta(days=1), None, dt.timedelta(0)]),
    "list": pa.array([[1.0, 2.0], None, []]),
    "vectors": pa.array([[1.0] * 4, None, [np.nan] * 4], pa.list_(pa.float16(), 4)),
    "strings in lists": pa.array([["a"], None, []]),
    "struct": pa.array([{"a": 1}, None, {"a": 2}]),
    "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "interval": pa.array([(1, 2, 3), None, (0, 0, 0)], pa.month_day_nano_interval()),
    "uuid": pa.array([b"0" * 16, None, b"1" * 16], pa.uuid()),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_type_of_arrow(name):
    table = pa.table({"x": ARRAYS[name], "good": [1.0, 2.0, 3.0]})
    profile = round_trip(table)

    assert profile.errors == {}
    assert profile.columns["good"].present == 3
    assert profile.rows == 3
    if "x" in profile.columns:
        assert profile.columns["x"].rows == 3


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("planned", ["numeric", "text", "category", "time", "vector"])
def test_every_type_where_another_was_planned(name, planned):
    rng = np.random.default_rng(0)
    reference = {
        "numeric": pa.array(rng.normal(size=100)),
        "text": pa.array([f"some words of a text {n}" for n in range(100)]),
        "category": pa.array(["a", "b"] * 50),
        "time": pa.array([DAY] * 100),
        "vector": pa.array(list(rng.normal(size=(100, 4)))),
    }[planned]
    plan = plan_of(pa.table({"x": reference, "good": np.arange(100.0)}))
    profile = profile_of(plan, pa.table({"x": ARRAYS[name], "good": [1.0, 2.0, 3.0]}))

    assert profile.columns["good"].present == 3
    assert profile.columns["x"].rows == 3
    assert "x" in profile.types
    assert not any("could not be profiled" in note for note in profile.errors.values())


def test_numbers_that_came_as_text_are_read_and_the_rest_is_noted():
    plan = plan_of(one(np.random.default_rng(0).normal(size=100)))
    profile = profile_of(plan, one(["1.5", "2", "n/a", None]))

    column = profile.columns["x"]
    assert (column.present, column.missing) == (2, 2)
    assert "numbers" in profile.errors["x"]
    assert profile.types["x"] == ("string",)


def test_mixed_types_in_one_column_of_pandas():
    frame = pd.DataFrame({"x": ["1", "two", None, "3.5"] * 50})
    profile = round_trip(pa.Table.from_pandas(frame))

    assert isinstance(profile.columns["x"], CategoricalProfile)
    assert profile.columns["x"].missing == 50


def test_nullable_columns_of_pandas():
    frame = pd.DataFrame(
        {
            "i": pd.array([*range(99), None], dtype="Int64"),
            "b": pd.array([True, None] * 50, dtype="boolean"),
            "s": pd.array(["a", None] * 50, dtype="string"),
            "c": pd.Categorical(["u", None] * 50),
        }
    )
    profile = round_trip(pa.Table.from_pandas(frame))

    assert [profile.columns[name].missing for name in "ibsc"] == [1, 50, 50, 50]


def test_no_rows_and_no_columns():
    assert round_trip(pa.table({})).rows == 0
    empty = round_trip(pa.table({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())}))
    assert empty.rows == 0
    assert empty.absent == frozenset()
    assert math.isnan(empty.columns["x"].mean)


def test_columns_without_rows_but_batches_without_columns():
    plan = plan_of(one([1.0, 2.0, 3.5]))
    profile = profile_of(plan, pa.table({"other": [1, 2]}))

    assert profile.absent == {"x"}
    assert profile.extra == {"other": "int64"}
    assert profile.columns["x"].missing == 2


def test_a_column_that_comes_and_goes():
    plan = plan_of(pa.table({"x": [1.0, 2.0, 3.5], "y": ["a", "b", "a"]}))
    profile = profile_of(
        plan, pa.table({"x": [1.0]}), pa.table({"y": ["a"], "x": [2]}), pa.table({"y": ["b"]})
    )

    assert profile.rows == 3
    assert profile.absent == frozenset()
    assert (profile.columns["x"].missing, profile.columns["y"].missing) == (1, 1)
    assert profile.types["x"] == ("double", "int64")


def test_one_broken_column_costs_no_other(monkeypatch):
    def broken(array):
        if pa.types.is_boolean(array.type):
            msg = "boom\nsecond line"
            raise RuntimeError(msg)
        return original(array)

    original = feeds.encode_levels
    table = pa.table({"flag": [True, False, True], "y": ["a", "b", "b"]})
    plan = plan_of(table)
    monkeypatch.setattr(feeds, "encode_levels", broken)
    profile = profile_of(plan, table)

    assert profile.columns["y"].levels == {"a": 1, "b": 2}
    assert "flag" not in profile.columns
    assert profile.errors["flag"] == "Column 'flag' could not be profiled: RuntimeError: boom"
    assert "flag" not in profile.merge(profile).columns


@pytest.mark.slow
def test_a_million_different_strings():
    values = pa.array([f"user-{n:07d}" for n in range(1_000_000)])
    table = one(values)
    plan = plan_of(table.slice(0, 20_000), Roles(kinds=(("x", "categorical"),)))
    column = profile_of(plan, table).columns["x"]

    assert len(column.levels) <= column.capacity
    assert sum(column.levels.values()) + column.other == 1_000_000
    assert column.distinct == pytest.approx(1_000_000, rel=0.2)
    assert len(profile_of(plan, table.slice(0, 10_000)).to_bytes()) < 300_000


def test_long_levels_are_cut_but_kept_apart():
    table = one(["x" * 10_000, "x" * 9_999 + "y"] * 5)
    plan = plan_of(table, Roles(kinds=(("x", "categorical"),)))
    levels = profile_of(plan, table).columns["x"].levels

    assert sorted(levels.values()) == [5, 5]
    assert max(map(len, levels)) < 250


anything = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.binary(max_size=4), st.dates(), st.lists(st.floats(width=32), max_size=3),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(anything, max_size=12))
def test_any_column_of_python_objects(values):
    try:
        array = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        array = pa.array([None if value is None else str(value) for value in values])
    profile = round_trip(pa.table({"x": array, "good": np.arange(float(len(array)))}))

    assert profile.columns["good"].present == len(array)
    assert profile.errors == {}


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-01-01T00:00:00", "2024-01-02 12:30:00", None],
        ["2024-01-01T01:00:00+01:00", "2024-01-02T12:30:00Z", None],
        ["2024-01-01", "2024-01-02T12:30:00Z", "soon"],
    ],
)
def test_times_as_text_are_times_in_utc(texts):
    plan = plan_of(one([DAY] * 3))
    column = profile_of(plan, one(texts)).columns["x"]
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp() * 1e6

    assert (column.minimum, column.maximum) == (start, start + 36.5 * 3_600e6)
    assert column.missing == 1
