"""Bins that people can read, fixed by the reference."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from monitor.core.errors import ProfileError
from monitor.profiles.bins import Bins, compact

from .tables import one, plan_of, profile_of


def folded(values: object, later: object = None) -> tuple[Bins, list[int]]:
    table = one(pa.array(values))
    plan = plan_of(table)
    bins = Bins.fixed_by(profile_of(plan, table).columns["x"], plan.codebooks.get("x"))
    current = table if later is None else one(pa.array(later))
    return bins, bins.fold(profile_of(plan, current).columns["x"]).tolist()


def test_twenty_bins_of_equal_mass():
    bins, counts = folded(np.random.default_rng(1).normal(size=20_000))

    assert len(bins.labels) == 20
    assert len(counts) == 21
    assert np.abs(np.array(counts[:-1]) / 20_000 - 0.05).max() < 0.01


def test_a_frequent_value_has_its_own_bin():
    rng = np.random.default_rng(2)
    values = np.where(rng.random(10_000) < 0.6, 0.0, rng.lognormal(1, 1, 10_000))
    bins, counts = folded(values, [0.0] * 7 + [1e-9, -5.0])

    assert bins.labels[bins.labels.index("0")] == "0"
    assert counts[bins.labels.index("0")] == 7 + (bins.labels[0] == "0")
    assert len(bins.labels) <= 20


def test_few_whole_numbers_are_their_own_labels():
    rng = np.random.default_rng(3)
    bins, counts = folded(rng.integers(0, 13, 5000), [0, 0, 12, 5, 100])

    assert bins.labels == tuple(str(number) for number in range(13))
    assert counts[0] == 2
    assert counts[5] == 1
    assert counts[12] == 2
    assert sum(counts) == 5


def test_edges_of_whole_numbers_are_whole():
    bins, _ = folded(np.random.default_rng(3).integers(0, 5000, 20_000))

    assert all("." not in label for label in bins.labels)


def test_infinities_in_the_outer_bins_and_missing_last():
    bins, counts = folded(
        np.random.default_rng(1).normal(size=1000), [np.inf, np.inf, -np.inf, np.nan]
    )

    assert (counts[0], counts[-2], counts[-1]) == (1, 2, 1)
    assert sum(counts) == 4
    assert len(bins.edges) == len(bins.labels) - 1


def test_levels_by_weight_and_other_last():
    values = ["b"] * 700 + ["a"] * 299 + ["rare"]
    bins, counts = folded(values, ["a", "new", "newer", None, "b", "rare"])

    assert bins.labels == ("b", "a", "other")
    assert counts == [1, 1, 3, 1]


def test_a_level_called_other_is_not_mistaken():
    bins, counts = folded(["other"] * 50 + ["x"] * 50, ["other", "z"])

    assert bins.labels == ("other", "x", "other")
    assert counts == [1, 0, 1, 0]


def test_times_are_written_as_times():
    start = np.datetime64("2013-01-01", "us")
    bins, _ = folded(start + np.arange(5000).astype("timedelta64[h]"))

    assert bins.labels[0].startswith("2013-01-01 … 2013-01-")


@pytest.mark.parametrize("values", [[None, None], [float("nan")], [], [1.5], [1.5, 1.5]])
def test_hardly_any_values(values):
    table = one(pa.array(values, pa.float64()))
    plan = plan_of(table)
    profile = profile_of(plan, table).columns["x"]
    bins = Bins.fixed_by(profile, plan.codebooks["x"])

    assert len(bins.labels) == 1
    assert bins.fold(profile).sum() == len(values)


def test_round_trip_through_json():
    for values in (np.random.default_rng(1).normal(size=1000), ["a", "b", "b"]):
        bins, _ = folded(values)

        assert Bins.from_dict(json.loads(json.dumps(bins.to_dict()))) == bins


def test_numbers_and_levels_do_not_mix():
    bins, _ = folded(["a", "b"])
    table = one(pa.array([0.5, 1.5]))

    with pytest.raises(ProfileError, match="folded"):
        bins.fold(profile_of(plan_of(table), table).columns["x"])


@pytest.mark.parametrize(
    ("number", "text"),
    [(12.5, "12.5"), (1200.0, "1,200"), (0.0, "0"), (-0.0, "0"), (3.4e9, "3.4e+09")],
)
def test_compact_numbers(number, text):
    assert compact(number) == text
