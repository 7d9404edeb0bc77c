"""Arrays go to numpy and back by their buffers, as Arrow itself would have them."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.arrow import array_of, filled, missing_in, texts_of, values_of

TYPES = {
    pa.int8(): st.integers(-100, 100),
    pa.uint16(): st.integers(0, 60_000),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
}


@st.composite
def slices(draw) -> pa.Array:
    """An array with nulls and an offset."""
    kind = draw(st.sampled_from(list(TYPES)))
    values = draw(st.lists(st.none() | TYPES[kind], max_size=60))
    start = draw(st.integers(0, len(values)))
    return pa.array(values, kind).slice(start, draw(st.integers(0, len(values) - start)))


@given(slices())
def test_values_and_nulls_are_those_of_arrow(array):
    present = array.is_valid().to_numpy(zero_copy_only=False)

    assert missing_in(array).tolist() == (~present).tolist()
    assert len(values_of(array)) == len(array)
    assert values_of(array)[present].tolist() == array.drop_null().to_pylist()


@given(slices())
def test_null_is_filled_and_the_array_is_left_alone(array):
    before = array.to_pylist()

    assert filled(array, 1).tolist() == [1 if value is None else value for value in before]
    assert array.to_pylist() == before


@given(slices())
def test_there_and_back(array):
    values = values_of(array.drop_null())

    assert array_of(values).equals(array.drop_null())


def test_strided_numbers_are_copied():
    assert array_of(np.arange(10)[::3]).to_pylist() == [0, 3, 6, 9]


def test_missing_keeps_the_place_of_nan():
    array = pa.array([1.0, math.nan, None])

    assert missing_in(array).tolist() == [False, False, True]


@pytest.mark.parametrize(
    "array",
    [
        pa.nulls(3),
        pa.array(["a", None, "c"]).slice(1),
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array([[1], None]),
        pa.array([{"a": 1}, None]),
    ],
)
def test_nulls_are_seen_in_any_type(array):
    assert missing_in(array).tolist() == [value is None for value in array.to_pylist()]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=20))
def test_texts_are_those_of_arrow(texts):
    assert texts_of(texts).equals(pa.array(texts, pa.large_string()))
    assert texts_of(texts, pa.string()).equals(pa.array(texts, pa.string()))
