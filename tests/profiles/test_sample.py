"""The bottom-k sample, its hashes and the duplicates it shows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.columns import Roles
from monitor.profiles.hashing import fitting_half, hash_array, hash_key
from monitor.profiles.sample import duplicate_keys, duplicate_rows, representative
from monitor.profiles.types import Sample

from .tables import mixed, plan_of, profile_of

ID = Roles(id="id")


def sampled(table: pa.Table, roles: Roles = ID, k: int = 100) -> Sample:
    return profile_of(plan_of(table, roles, sample_size=k), table).sample


def test_hashes_are_fixed_for_ever():
    # Plans and samples in stores rely on these numbers: a change needs a new plan version.
    table = {
        "int": pa.array([0, 1, -1, None]),
        "float": pa.array([0.0, -0.0, 1.5, float("nan")]),
        "str": pa.array(["", "a", "ä🚀", None]),
        "bool": pa.array([True, False]),
        "list": pa.array([[1.0, 2.0], [2.0, 1.0], []]),
        "ts": pa.array([0, 1], pa.timestamp("us")),
    }
    digests = {
        name: [f"{int(value):016x}" for value in hash_array(array)] for name, array in table.items()
    }

    assert digests == EXPECTED


EXPECTED = {
    "int": ["e220a8397b1dcdaf", "910a2dec89025cc1", "e4d971771b652c20", "a5a5a5a55a5a5a5a"],
    "float": ["bb1fd59c964c1554", "bb1fd59c964c1554", "de4e44a592dbc0d5", "4f12cae4bb171e35"],
    "str": ["e220a8397b1dcdaf", "c45748c91a00577e", "363bc7ad4042e75f", "a5a5a5a55a5a5a5a"],
    "bool": ["910a2dec89025cc1", "e220a8397b1dcdaf"],
    "list": ["d4c8fe5dd1520683", "239512ef815bed52", "e220a8397b1dcdaf"],
    "ts": ["e220a8397b1dcdaf", "910a2dec89025cc1"],
}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pa.array([1, 2], pa.int8()), pa.array([1, 2], pa.uint32())),
        (pa.array(["a", None]), pa.array(["a", None]).dictionary_encode()),
        (pa.array(["a", "bb"]), pa.array(["a", "bb"], pa.large_string())),
        (pa.array([1.5], pa.float32()), pa.array([1.5], pa.float64())),
        (pa.array([5], pa.timestamp("s")), pa.array([5_000_000], pa.timestamp("us"))),
        (pa.array([[1.0, 2.0]]), pa.array([[1.0, 2.0]], pa.list_(pa.float64(), 2))),
    ],
)
def test_equal_values_of_two_types_have_one_hash(left, right):
    np.testing.assert_array_equal(hash_array(left), hash_array(right))


@given(st.lists(st.text() | st.none(), max_size=30), st.integers(0, 30))
def test_a_hash_does_not_depend_on_neighbours(values, at):
    array = pa.array(values, pa.string())
    hashes = hash_array(array)

    np.testing.assert_array_equal(hash_array(array.slice(at)), hashes[at:])
    assert [hash_key(v) for v in values if v is not None] == [
        int(h) for v, h in zip(values, hashes, strict=True) if v is not None
    ]


def test_hashes_are_spread_evenly_and_rarely_meet():
    texts = hash_array(pa.array([f"{n}" for n in range(200_000)]))
    numbers = hash_array(pa.array(np.arange(200_000)))

    for hashes in (texts, numbers):
        assert len(np.unique(hashes)) == 200_000
        share = np.bincount((hashes >> np.uint64(60)).astype(int), minlength=16) / 200_000
        assert np.abs(share - 1 / 16).max() < 0.003
        assert fitting_half(np.sort(hashes)[:10_000]).mean() == pytest.approx(0.5, abs=0.02)


def test_a_sample_is_spread_over_the_rows():
    table = pa.table({"id": np.arange(20_000), "x": np.linspace(0, 1, 20_000)})
    sample = sampled(table, k=1000)

    assert sample.table.num_rows == 1000
    assert sample.population == 20_000
    assert np.all(np.diff(sample.hashes.astype(float)) >= 0)
    assert pc.mean(sample.table.column("x")).as_py() == pytest.approx(0.5, abs=0.04)
    assert sample.keys == tuple(sample.table.column("id").to_pylist())


def test_keys_without_an_id_are_hexadecimal():
    sample = sampled(pa.table({"x": np.arange(50) / 7, "y": ["a", "b"] * 25}), Roles())

    assert len(set(sample.keys)) == 50
    assert all(int(key, 16) == int(h) for key, h in zip(sample.keys, sample.hashes, strict=True))


def test_images_and_ignored_columns():
    table = pa.table(
        {"id": [1, 2, 3], "pixels": [b"x", b"y" * 300_000, None], "no": [1, 2, 3], "x": [1, 2, 3]}
    )
    sample = sampled(table, Roles(id="id", images=("pixels",), ignore=("no",)))

    assert set(sample.table.column_names) == {"id", "pixels", "x"}
    assert [pixels for pixels in sample.table.column("pixels").to_pylist() if pixels] == [b"x"]
    assert sample.dropped_images == 1


def test_whole_rows_that_repeat():
    table = pa.table({"id": [1, 2, 2, 3, 3], "x": ["a", "b", "b", "c", "d"]})
    sample = sampled(table)
    keys, rows = duplicate_keys(sample), duplicate_rows(sample)

    assert (keys.share, keys.interval, keys.exact) == (0.8, (0.8, 0.8), True)
    assert set(keys.examples) == {2, 3}
    assert (rows.share, rows.examples) == (0.2, (2,))


def test_the_share_of_duplicates_is_estimated_with_its_interval():
    rng = np.random.default_rng(5)
    ids = np.concatenate([np.arange(50_000), rng.choice(50_000, 1500, replace=False)])
    truth = 3000 / len(ids)
    sample = sampled(pa.table({"id": rng.permutation(ids)}), k=5000)
    found = duplicate_keys(sample)

    assert not found.exact
    assert found.interval[0] < truth < found.interval[1]
    assert found.share == pytest.approx(truth, rel=0.3)


def test_the_interval_of_duplicates_covers():
    rng = np.random.default_rng(6)
    hits = 0
    for run in range(60):
        ids = rng.integers(0, 2**60, 4000)
        ids[:200] = ids[200:400]
        found = duplicate_keys(sampled(pa.table({"id": ids + run}), k=800))
        hits += found.interval[0] <= 400 / 4000 <= found.interval[1]

    assert hits >= 52  # 95 % of 60 is 57; three standard errors are 5


def test_no_duplicates_is_an_upper_limit():
    found = duplicate_keys(sampled(pa.table({"id": np.arange(5000)}), k=1000))

    assert found.share == 0
    assert 0 < found.interval[1] < 0.01


def test_few_different_rows_are_weighted_not_lost():
    table = pa.table({"x": ["a"] * 900 + ["b"] * 100})
    sample = sampled(table, Roles(), k=50)

    assert sorted(sample.weights.tolist()) == [100, 900]
    shares = representative(sample, rows=100).column("x").value_counts().to_pylist()
    assert {row["values"]: row["counts"] for row in shares} == {"a": 90, "b": 10}


def test_null_ids_do_not_collapse():
    table = pa.table({"id": pa.array([None] * 40 + [1], pa.int64()), "x": np.arange(41.0)})
    sample = sampled(table)

    assert len(set(sample.hashes.tolist())) == 41
    assert all(isinstance(key, int | str) for key in sample.keys)


def test_float_ids_are_whole_numbers():
    sample = sampled(pa.table({"id": pa.array([1.0, None, 3.0]), "x": [1, 2, 3]}))

    assert {1, 3} < set(sample.keys)


def test_round_trip():
    sample = profile_of(plan_of(mixed(300), ID), mixed(300)).sample
    again = Sample.from_bytes(sample.to_bytes())

    assert again.table.equals(sample.table) or str(again.table.to_pylist()) == str(
        sample.table.to_pylist()
    )
    for field in dataclasses.fields(Sample):
        if field.name != "table":
            np.testing.assert_array_equal(getattr(again, field.name), getattr(sample, field.name))
