"""What must hold however data are split, sampled and typed."""

from __future__ import annotations

from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from monitor.sources.batches import Thinner, regrouped
from monitor.sources.readers import BATCH_ROWS
from monitor.sources.tally import Tally
from monitor.sources.types import common_type, reader_for

TYPES = [
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.int64(),
    pa.uint8(),
    pa.uint32(),
    pa.uint64(),
    pa.float32(),
    pa.float64(),
    pa.decimal128(10, 2),
    pa.string(),
    pa.large_string(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.binary(),
    pa.date32(),
    pa.timestamp("ns"),
    pa.timestamp("s", "Asia/Tokyo"),
    pa.list_(pa.float16()),
    pa.list_(pa.float32(), 3),
    pa.struct({"a": pa.int8()}),
]
types = st.sampled_from(TYPES)
#: Two loaded cores are no reason to fail.
unhurried = settings(deadline=None, max_examples=40)
splits = st.lists(st.integers(0, 3000), min_size=1, max_size=20)


@unhurried
@given(types, types)
def test_the_common_type_does_not_depend_on_the_order(left, right):
    assert common_type(left, right) == common_type(right, left)


@unhurried
@given(types, types, types)
def test_the_common_type_of_three_holds_each(a, b, c):
    whole = common_type(common_type(a, b), c)

    assert common_type(whole, a) == whole
    assert common_type(whole, c) == whole


@pytest.mark.parametrize("source", TYPES, ids=str)
@pytest.mark.parametrize("target", TYPES, ids=str)
def test_every_type_reaches_every_common_type(source, target):
    values = {
        "bool": [True, None],
        "string": ["ü", None],
        "binary": [b"\xff", None],
        "date32[day]": [1, None],
    }
    plain = [1, None] if pa.types.is_primitive(source) or pa.types.is_decimal(source) else None
    if pa.types.is_list(source) or pa.types.is_fixed_size_list(source):
        plain = [[np.float16(0.5)] * 3, None]
    if pa.types.is_struct(source):
        plain = [{"a": 1}, None]
    if pa.types.is_null(source):
        plain = [None, None]
    text = pa.types.is_large_string(source) or pa.types.is_dictionary(source)
    chosen = values["string"] if text else values.get(str(source), plain)
    array = pa.array(chosen, source)
    wanted = common_type(source, target)
    tally = Tally()

    result = reader_for(source, wanted, "x", tally)(array)

    assert result.type == wanted
    assert result.null_count == array.null_count
    assert tally.values == {}


@unhurried
@given(splits)
def test_regrouping_keeps_every_row_in_its_order(sizes):
    ends = np.cumsum([0, *sizes]) * 50
    batches = [
        pa.record_batch({"x": np.arange(a, b), "c": pa.array(["a"] * (b - a)).dictionary_encode()})
        for a, b in pairwise(ends.tolist())
    ]

    out = list(regrouped(batches))

    assert np.array_equal(
        np.concatenate([batch["x"].to_numpy() for batch in out] or [[]]), np.arange(ends[-1])
    )
    assert all(batch.num_rows <= BATCH_ROWS * 2 for batch in out)
    assert all(batch.num_rows >= BATCH_ROWS // 2 for batch in out[:-1])


def values_of(thinner):
    return np.concatenate([batch["x"].to_numpy() for batch in thinner.batches()] or [[]])


@unhurried
@given(splits, st.integers(1, 500))
def test_a_thinned_stream_is_spread_evenly_whatever_the_splits(sizes, rows):
    ends = np.cumsum([0, *sizes])
    thinner, whole = Thinner(rows), Thinner(rows)
    for a, b in pairwise(ends.tolist()):
        thinner.add(pa.record_batch({"x": np.arange(a, b)}))
    whole.add(pa.record_batch({"x": np.arange(ends[-1])}))

    kept = values_of(thinner)

    assert len(kept) == min(rows, ends[-1])
    assert np.array_equal(kept, values_of(whole))
    gaps = np.diff(kept)
    assert len(gaps) == 0 or gaps.max() <= 3 * max(1, gaps.min())
