"""Windows and blocks of a reference, cut in one pass."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.profiles.blocks import design_effect
from monitor.profiles.kernel import Profiler
from monitor.profiles.split import ByOrder, ByTime, merged
from monitor.profiles.types import Profile

from .tables import assert_same, plan_of, profile_of

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(n: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    minutes = rng.integers(0, 10 * 60, n)
    times = [START + timedelta(minutes=int(minute)) for minute in minutes]
    return pa.table({"ts": times, "x": rng.normal(size=n), "g": rng.choice(["a", "b"], n)})


def split(how, plan, table, rows: int = 700, hint: int | None = None) -> tuple[list[Profile], int]:
    splitting = how.start(plan, table.schema, hint)
    for batch in table.to_batches(max_chunksize=rows):
        splitting.update(batch)
    return splitting.results(), splitting.outside


def test_windows_are_those_of_a_filter():
    table = hourly(3000)
    plan = plan_of(table, Roles(timestamp="ts"))
    windows = [Window(START + at * HOUR, START + (at + 2) * HOUR) for at in (6, 0, 4)]
    parts, outside = split(ByTime(windows, "ts"), plan, table)
    times = np.array(table.column("ts").to_pylist())

    for window, part in zip(windows, parts, strict=True):
        inside = (times >= window.start) & (times < window.end)
        assert_same(part, profile_of(plan, table.filter(pa.array(inside)), half=True))
        assert window.start <= part.first <= part.last < window.end
    assert outside + sum(part.rows for part in parts) == 3000


def test_rows_without_a_time_are_outside():
    table = pa.table({"ts": pa.array([START, None, START]), "x": [1.0, 2.0, 3.0]})
    plan = plan_of(table, Roles(timestamp="ts"))
    parts, outside = split(ByTime([Window(START, START + HOUR)], "ts"), plan, table)

    assert (parts[0].rows, outside) == (2, 1)


def test_a_window_keeps_only_its_rows():
    table = hourly(1000)
    plan = plan_of(table, Roles(timestamp="ts"))
    profiler = Profiler(plan, window=Window(START, START + 3 * HOUR))
    for batch in table.to_batches():
        profiler.update(batch)
    profile = profiler.result()

    assert profile.rows + profile.late == 1000
    assert profile.last < START + 3 * HOUR


@pytest.mark.parametrize(
    ("rows", "blocks"), [(0, 6), (5, 6), (300, 6), (2100, 7), (3000, 10), (20_000, 13)]
)
def test_few_rows_are_cut_evenly_in_file_order(rows, blocks):
    table = pa.table({"x": np.arange(float(rows))})
    plan = plan_of(table)
    parts, _ = split(ByOrder(), plan, table)

    assert len(parts) == blocks
    sizes = [part.rows for part in parts]
    assert sum(sizes) == rows
    assert max(sizes) - min(sizes) <= 1
    ends = [part.columns["x"].maximum for part in parts if part.rows]
    assert ends == sorted(ends)


@pytest.mark.parametrize("hint", [None, 400_000, 5_000])
def test_many_rows_make_few_blocks_of_like_size(hint):
    table = pa.table({"x": np.arange(400_000.0)})
    plan = plan_of(table.slice(0, 1000))
    parts, _ = split(ByOrder(), plan, table, rows=50_000, hint=hint)
    sizes = [part.rows for part in parts]

    assert 6 <= len(parts) <= 13
    assert sum(sizes) == 400_000
    assert max(sizes) < 3 * min(sizes)
    assert_same(merged(parts), profile_of(plan, table, half=True))


def test_merging_in_a_tree_is_merging():
    table = hourly(500)
    plan = plan_of(table)
    parts = [profile_of(plan, table.slice(at, 100)) for at in range(0, 500, 100)]

    assert_same(merged(parts), functools.reduce(Profile.merge, parts))
    with pytest.raises(ValueError, match="no profile"):
        merged([])


def test_rows_in_clusters_have_a_design_effect_and_windows_that_vary_none():
    rng = np.random.default_rng(1)
    n = 64 * 200
    independent = rng.normal(size=n)
    groups = np.repeat(rng.normal(size=n // 64), 64)
    clustered = np.sqrt(0.9) * rng.normal(size=n) + np.sqrt(0.1) * groups
    table = pa.table({"i": independent, "c": clustered})
    plan = plan_of(table)
    whole = profile_of(plan, table)

    assert whole.columns["i"].blocks.design_effect(64) == pytest.approx(1, abs=0.25)
    # Kish: 1 + (m - 1) * rho = 1 + 63 * 0.1
    assert whole.columns["c"].blocks.design_effect(64) == pytest.approx(7.3, rel=0.25)
    shifts = np.repeat([0.0, 2.0, -1.0, 1.0], n // 4)
    moving = pa.table({"i": independent + shifts, "c": clustered})
    parts = [profile_of(plan, moving.slice(at, n // 4)) for at in range(0, n, n // 4)]
    inside = design_effect([part.columns["i"].blocks for part in parts], 64)
    assert inside == pytest.approx(1, abs=0.3)
    assert merged(parts).columns["i"].blocks.design_effect(64) > 10


def test_missing_values_in_clusters_have_a_design_effect():
    missing = np.repeat(np.random.default_rng(0).random(200) < 0.2, 64)
    table = pa.table(
        {
            "x": pa.array(np.ones(len(missing)), mask=missing),
            "s": pa.array(np.where(missing, None, "a").tolist()),
        }
    )
    profile = profile_of(plan_of(table), table)

    assert profile.columns["x"].missing_blocks.design_effect(64) == pytest.approx(64, rel=0.05)
    assert profile.columns["s"].missing_blocks.design_effect(64) == pytest.approx(64, rel=0.05)


def test_too_few_blocks_say_nothing():
    table = pa.table({"x": np.random.default_rng(0).normal(size=64 * 19)})

    assert profile_of(plan_of(table), table).columns["x"].blocks.design_effect(64) == 1.0
