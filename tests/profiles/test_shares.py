"""Shares that several processes count, packed, sent and merged, are what one process gives."""

from __future__ import annotations

import dataclasses
import functools
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.profiles.kernel import BUFFER_ROWS, completed
from monitor.profiles.plan import Plan
from monitor.profiles.rules import Rule
from monitor.profiles.shares import Blocks, Cut, Times, Whole, empty
from monitor.profiles.split import ByOrder, ByTime, merged
from monitor.profiles.types import Profile

from .tables import ROLES, assert_same, mixed, plan_of, profile_of

RULES = (Rule("positive", "range", "amount", min=0), Rule("once", "unique", "id"))
TABLE = pa.concat_tables([mixed(700), mixed(700).slice(0, 20)])  # 20 ids occur twice
PLAN = plan_of(TABLE, ROLES, rules=RULES, sample_size=2000)
START = datetime(2023, 11, 14, tzinfo=UTC)
DAYS = tuple(Window(START + timedelta(days=d), START + timedelta(days=d + 1)) for d in range(1, 5))

cuts = st.lists(st.integers(0, TABLE.num_rows), max_size=3).map(
    lambda at: [0, *sorted(at), TABLE.num_rows]
)


def shared(table: pa.Table, at: list[int], cut: Cut, plan: Plan) -> tuple[dict[int, Profile], int]:
    """Parts as a cluster makes them: a share for each stretch of rows, through bytes."""
    parts: dict[int, list[Profile]] = {}
    outside = 0
    sent = Plan.from_bytes(plan.to_bytes())
    for low, high in pairwise(at):
        share = cut.share(sent, table.schema, low)
        for batch in table.slice(low, high - low).to_batches(max_chunksize=90):
            share.update(batch)
        outside += share.outside
        for number, part in share.partials().items():
            parts.setdefault(number, []).append(Profile.from_bytes(part.to_bytes(sample=True)))
    return {
        number: completed(merged(found), plan, half=cut.half)
        for number, found in sorted(parts.items())
    }, outside


@settings(max_examples=10, deadline=None)
@given(cuts)
def test_shares_of_a_window_are_its_profile(at):
    found, outside = shared(TABLE, at, Whole(), PLAN)

    assert_same(found[0], profile_of(PLAN, TABLE))
    assert outside == 0
    assert found[0].rules["once"].broken == 40
    assert len(found[0].rules["once"].rows) == 20


@functools.cache
def alone(how: ByTime | ByOrder) -> tuple[list[Profile], int]:
    splitting = how.start(PLAN, TABLE.schema, None)
    for batch in TABLE.to_batches():
        splitting.update(batch)
    return splitting.results(), splitting.outside


@settings(max_examples=4, deadline=None)
@given(cuts)
def test_shares_of_a_reference_cut_by_time_are_its_windows(at):
    how = ByTime(DAYS, "ts")

    found, outside = shared(TABLE, at, Times(how), PLAN)

    parts, elsewhere = alone(how)
    assert list(found) == list(range(4))
    assert outside == elsewhere > 0
    for part, wanted in zip(found.values(), parts, strict=True):
        assert_same(part, wanted)


@settings(max_examples=4, deadline=None)
@given(cuts)
def test_shares_of_a_reference_cut_by_order_are_its_blocks(at):
    how = ByOrder(lo=3, hi=3)

    found, _ = shared(TABLE, at, Blocks(how.ends(TABLE.num_rows)), PLAN)

    assert list(found) == list(range(3))
    for part, wanted in zip(found.values(), alone(how)[0], strict=True):
        assert_same(part, wanted)


@pytest.mark.parametrize("rows", [BUFFER_ROWS + 1, 3 * BUFFER_ROWS + 17])
def test_many_rows_are_cut_where_one_process_cuts_them(rows):
    table = pa.table({"x": np.arange(rows, dtype=np.float64)})
    plan = plan_of(table.slice(0, 1000), Roles(), sample_size=50)
    how = ByOrder()
    splitting = how.start(plan, table.schema, rows)
    for batch in table.to_batches(max_chunksize=50_000):
        splitting.update(batch)
    middle = rows // 3

    found, outside = shared(table, [0, middle, rows], Blocks(how.ends(rows)), plan)

    wanted = splitting.results()
    assert [p.rows for p in found.values()] == [p.rows for p in wanted]
    assert [p.columns["x"].minimum for p in found.values()] == [
        p.columns["x"].minimum for p in wanted
    ]
    assert outside == 0
    assert_same(merged(list(found.values())), merged(wanted))


def test_rows_beyond_the_last_block_are_outside():
    share = Blocks([10, 20]).share(PLAN, TABLE.schema, 5)
    for batch in TABLE.slice(0, 40).to_batches():
        share.update(batch)

    assert {number: part.rows for number, part in share.partials().items()} == {0: 5, 1: 10}
    assert share.outside == 25


def test_no_rows_have_a_profile_too():
    nothing = empty(PLAN, TABLE.schema)

    assert nothing.rows == 0
    whole = completed(nothing.merge(empty(PLAN, TABLE.schema)), PLAN, half=False)
    assert dataclasses.replace(whole, rules={}).absent == frozenset()
