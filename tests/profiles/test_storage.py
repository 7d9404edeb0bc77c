"""Profiles and plans as bytes: nothing lost, nothing executed, nothing but ours accepted."""

from __future__ import annotations

import contextlib
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.errors import ProfileError
from monitor.profiles import packing
from monitor.profiles.plan import Plan
from monitor.profiles.rules import Rule
from monitor.profiles.types import Profile, Sample

from .tables import ROLES, assert_same, mixed, plan_of, profile_of

TABLE = mixed(500)
PLAN = plan_of(TABLE, ROLES, rules=[Rule("r", "range", "amount", min=0.0)])
PROFILE = profile_of(PLAN, TABLE)


def test_a_profile_comes_back():
    assert_same(Profile.from_bytes(PROFILE.to_bytes(sample=True)), PROFILE)


def test_without_the_sample_all_but_its_rows_comes_back():
    again = Profile.from_bytes(PROFILE.to_bytes())

    assert again.sample.table.num_rows == 0
    assert again.sample.population == 500
    assert again.columns.keys() == PROFILE.columns.keys()
    assert again.merge(PROFILE).rows == 1000


def test_a_plan_comes_back_and_profiles_merge_with_the_old():
    plan = Plan.from_bytes(PLAN.to_bytes())

    assert plan.id == PLAN.id
    assert plan == PLAN
    assert_same(profile_of(plan, TABLE).merge(PROFILE), PROFILE.merge(PROFILE))


def test_the_id_is_the_content():
    assert plan_of(TABLE, ROLES).id == plan_of(TABLE, ROLES).id
    assert plan_of(TABLE, ROLES).id != plan_of(TABLE, ROLES, sample_size=7).id
    assert plan_of(TABLE, ROLES).id != PLAN.id


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"DLP1" + b"\x00" * 16, pickle.dumps([1]), PROFILE.to_bytes()[:-40]]
)
def test_other_bytes_are_one_clear_error(data):
    with pytest.raises(ProfileError, match="These bytes"):
        Profile.from_bytes(data)


def test_bytes_of_something_else_are_named():
    with pytest.raises(ProfileError, match="hold a Sample, not a Profile"):
        Profile.from_bytes(PROFILE.sample.to_bytes())
    with pytest.raises(ProfileError):
        Plan.from_bytes(PROFILE.to_bytes())


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_flipped_byte_is_an_error_or_harmless(at, value):
    data = bytearray(PROFILE.sample.to_bytes())
    data[at % len(data)] = value
    with contextlib.suppress(ProfileError):
        assert isinstance(Sample.from_bytes(bytes(data)), Sample)


def test_a_bomb_is_refused_before_it_is_unpacked():
    huge = packing._HEADER.pack(packing.MAGIC, 1 << 40, 10) + b"x"

    with pytest.raises(ProfileError):
        Profile.from_bytes(huge)


def test_a_profile_is_small_whatever_the_rows():
    rng = np.random.default_rng(0)
    table = pa.table({f"x{at}": rng.normal(size=200_000) for at in range(10)})
    profile = profile_of(plan_of(table), table)

    assert len(profile.to_bytes()) < 120_000
