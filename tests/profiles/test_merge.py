"""The laws of merging: a profile must not care how rows were split, nor in which order."""

from __future__ import annotations

import functools
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.columns import Roles
from monitor.core.errors import ProfileError
from monitor.profiles.rules import Rule
from monitor.profiles.types import Profile

from .tables import ROLES, assert_same, assert_same_column, mixed, one, plan_of, profile_of

RULES = (
    Rule("positive", "range", "amount", min=0),
    Rule("cities", "set", "city", values=("Oslo", "Rome")),
    Rule("short", "regex", "note", pattern="[a-zA-Z ]*"),
    Rule("there", "not_null", "count"),
    Rule("once", "unique", "id"),
    Rule("sum", "expression", expression="amount + count > 10 or sex == 'f'"),
)
TABLE = mixed(900)
PLAN = plan_of(TABLE, ROLES, rules=RULES, sample_size=100)


@functools.cache
def whole() -> Profile:
    return profile_of(PLAN, TABLE)


cuts = st.lists(st.integers(0, TABLE.num_rows), max_size=6).map(
    lambda at: [0, *sorted(at), TABLE.num_rows]
)


@settings(max_examples=12, deadline=None)
@given(cuts, st.randoms(use_true_random=False))
def test_parts_merged_in_any_order_give_the_whole(at, random):
    pieces = [TABLE.slice(low, high - low) for low, high in pairwise(at)]
    parts = [profile_of(PLAN, piece) for piece in pieces]
    random.shuffle(parts)

    merged = functools.reduce(Profile.merge, parts)

    # Novelty is measured on the samples of the parts, which are larger together.
    novelty = [name for name, feature in PLAN.features.items() if feature == "novelty"]
    assert_same(without(merged, novelty), without(whole(), novelty))


def without(profile: Profile, names: list[str]) -> Profile:
    for name in names:
        profile.columns.pop(name, None)  # type: ignore[attr-defined]
    return profile


@settings(max_examples=6, deadline=None)
@given(st.permutations(range(9)))
def test_order_of_rows_does_not_matter(order):
    pieces = [TABLE.slice(at * 100, 100) for at in order]

    assert_same(profile_of(PLAN, pa.concat_tables(pieces)), profile_of(PLAN, TABLE))


@settings(max_examples=10, deadline=None)
@given(cuts)
def test_batches_of_one_pass_do_not_matter(at):
    pieces = [TABLE.slice(low, high - low) for low, high in pairwise(at)]

    assert_same(profile_of(PLAN, *pieces), profile_of(PLAN, TABLE))


def test_merging_is_associative():
    a, b, c = (profile_of(PLAN, TABLE.slice(at, 300)) for at in (0, 300, 600))

    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


def test_an_empty_part_changes_nothing():
    empty = profile_of(PLAN, TABLE.slice(0, 0))
    full = profile_of(PLAN, TABLE)

    assert_same(full.merge(empty), full)
    assert_same(empty.merge(full), full)


floats = st.floats(allow_nan=True, allow_infinity=True, width=64)


@settings(max_examples=40, deadline=None)
@given(st.lists(floats | st.none(), max_size=60), st.lists(floats | st.none(), max_size=60))
def test_any_floats_merge(left, right):
    both = one(pa.array([*left, *right], pa.float64()))
    plan = plan_of(both)
    parts = [profile_of(plan, one(pa.array(side, pa.float64()))) for side in (left, right)]
    merged = parts[0].merge(parts[1]).columns["x"]
    direct = profile_of(plan, both).columns["x"]

    if not np.isfinite(direct.m2):  # the squares overflow: there is no sum to compare
        assert not np.isfinite(merged.m2)
        return
    assert_same_column(merged, direct)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=40), st.integers(0, 40))
def test_any_integers_merge(values, cut):
    plan = plan_of(one(pa.array(values, pa.int64())))
    parts = [profile_of(plan, one(pa.array(v, pa.int64()))) for v in (values[:cut], values[cut:])]

    assert_same_column(
        parts[0].merge(parts[1]).columns["x"],
        profile_of(plan, one(pa.array(values, pa.int64()))).columns["x"],
    )


def test_many_levels_stay_bounded_and_the_heavy_ones_exact():
    rng = np.random.default_rng(3)
    rare = [f"u{at}" for at in range(60_000)]
    values = np.array(["heavy"] * 20_000 + rare, dtype=object)
    rng.shuffle(values)
    plan = plan_of(one(values[:2000]), Roles(kinds=(("x", "categorical"),)))
    parts = [profile_of(plan, one(pa.array(part))) for part in np.array_split(values, 4)]

    column = functools.reduce(Profile.merge, parts).columns["x"]

    assert len(column.levels) <= column.capacity
    assert column.levels["heavy"] == 20_000
    assert sum(column.levels.values()) + column.other == 80_000
    assert column.distinct == pytest.approx(60_001, rel=0.2)


def test_profiles_of_two_plans_do_not_merge():
    other = plan_of(TABLE.slice(0, 500), ROLES)

    with pytest.raises(ProfileError, match="do not merge"):
        profile_of(PLAN, TABLE).merge(profile_of(other, TABLE))
