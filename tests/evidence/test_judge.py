"""Planted changes fire in their first window, clean windows stay quiet, laws hold."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from monitor.core.errors import ProfileError
from monitor.evidence import Reference, judge, judge_once
from monitor.evidence.assessment import assess
from monitor.evidence.types import Budget, Gate, Observation, Scalar, Series, Verdict

BUDGET = Budget()
BINS = 20
EDGES = norm.ppf(np.arange(1, BINS) / BINS)
LEVELS = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.03, 0.01, 0.0])


def numeric(name: str, **more: object) -> Series:
    return replace(Series(name, "numeric", tuple(f"bin {i}" for i in range(BINS))), **more)


def categorical(name: str, **more: object) -> Series:
    return replace(Series(name, "categorical", (*"ABCDEFG", "other")), **more)


def bins(rng, rows, *, shift=0.0, sd=1.0, missing=0.02):
    share = np.diff(norm.cdf(np.concatenate([[-np.inf], EDGES, [np.inf]]), shift, sd))
    gone = rng.binomial(rows, missing)
    return np.append(rng.multinomial(rows - gone, share), gone)


def levels(rng, rows, share=LEVELS):
    return np.append(rng.multinomial(rows, share / share.sum()), 0)


SERIES = (numeric("x"), numeric("y"), categorical("c"), categorical("d"))


def window(rng, rows=2000, **changed):
    counts = {
        "x": bins(rng, rows),
        "y": bins(rng, rows, missing=0.0),
        "c": levels(rng, rows),
        "d": levels(rng, rows),
    }
    return Observation(counts | changed, {"gap": (rng.normal(0.1, 0.01), 1e-4)})


def learned(rng, windows=13, rows=2000):
    past = [window(rng, rows) for _ in range(windows)]
    return Reference.learn(SERIES, (Scalar("gap", gate=0.02),), past, design_effects={})


@pytest.fixture(scope="module")
def reference():
    return learned(np.random.default_rng(1))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def verdict(reference, observation, name, position=1) -> Verdict:
    return judge(reference, [observation], position=position, budget=BUDGET)[name]


def test_nothing_fires_in_clean_windows(reference, rng):
    recent = [window(rng) for _ in range(8)]
    for position in range(1, 9):
        verdicts = judge(reference, recent[:position], position=position, budget=BUDGET)
        assert not [name for name, one in verdicts.items() if one.fired]


@pytest.mark.parametrize(
    ("name", "change", "kind"),
    [
        ("x", {"shift": 0.25}, "location"),
        ("x", {"shift": -0.25}, "location"),
        ("x", {"sd": 1.3**0.5}, "scale"),
        ("x", {"missing": 0.05}, "missing"),
        ("y", {"missing": 0.30}, "missing"),
        ("y", {"missing": 1.0}, "missing"),
    ],
)
def test_a_numeric_change_fires_in_its_first_window(reference, rng, name, change, kind):
    changed = {"missing": 0.0 if name == "y" else 0.02} | change
    found = verdict(reference, window(rng, **{name: bins(rng, 2000, **changed)}), name)

    assert found.fired
    assert found.drifted
    assert not found.calm
    assert found.deciding.kind == kind
    low, high = found.interval
    assert low <= found.deciding.effect <= high
    assert low > 0 or high < 0
    assert found.once_in_years > 1


def test_a_new_category_at_two_percent_fires_and_is_named(reference, rng):
    share = LEVELS * 0.98 + np.eye(8)[7] * 0.02
    found = verdict(reference, window(rng, c=levels(rng, 2000, share)), "c")

    assert found.fired
    assert found.deciding.label == "other"
    assert found.deciding.reference == 0
    assert found.deciding.current == pytest.approx(0.02, abs=0.01)


def test_a_large_level_is_reported_as_itself_though_judged_by_its_complement(rng):
    share = np.array([0.9, 0.1, 0, 0, 0, 0, 0, 0.0])
    past = [Observation({"c": levels(rng, 2000, share)}) for _ in range(13)]
    reference = Reference.learn([categorical("c")], [], past, design_effects={})
    fallen = np.array([0.7, 0.3, 0, 0, 0, 0, 0, 0.0])
    found = verdict(reference, Observation({"c": levels(rng, 2000, fallen)}), "c")
    of_a = next(one for one in found.contrasts if one.label == "A")

    assert of_a.fired
    assert of_a.effect == pytest.approx(-0.2, abs=0.04)
    assert of_a.value < 0
    assert of_a.reference == pytest.approx(0.9, abs=0.01)
    assert of_a.current == pytest.approx(0.7, abs=0.04)


def test_a_scalar_fires_and_keeps_its_units(reference, rng):
    moved = replace(window(rng), scalars={"gap": (0.25, 1e-4)})
    found = verdict(reference, moved, "gap")

    assert found.fired
    assert found.deciding.current == pytest.approx(0.25)
    assert found.deciding.reference == pytest.approx(0.1, abs=0.02)
    assert found.sight_unit == "scalar"


@pytest.mark.parametrize(("alarm_on", "fires"), [("rise", False), ("fall", True), ("both", True)])
def test_direction(rng, alarm_on, fires):
    series = [numeric("x", alarm_on=alarm_on)]
    past = [Observation({"x": bins(rng, 2000)}) for _ in range(13)]
    reference = Reference.learn(series, [], past, design_effects={})
    found = verdict(reference, Observation({"x": bins(rng, 2000, shift=-0.2)}), "x")
    location = next(one for one in found.contrasts if one.kind == "location")

    assert location.fired is fires


@pytest.mark.parametrize("shift", [-0.2, -0.1])
def test_a_fall_fires_nothing_of_a_column_that_is_watched_for_a_rise(rng, shift):
    past = [Observation({"x": bins(rng, 20_000)}) for _ in range(13)]
    now = Observation({"x": bins(rng, 20_000, shift=shift)})
    for alarm_on in ("rise", "fall", "both"):
        series = [numeric("x", alarm_on=alarm_on)]
        found = verdict(Reference.learn(series, [], past, design_effects={}), now, "x")
        kinds = {one.kind for one in found.contrasts if one.fired}

        assert found.fired is (alarm_on != "rise")
        assert kinds <= (set() if alarm_on == "rise" else {"location", "bin", "tails"})


@pytest.mark.parametrize(
    ("names", "alarm_on", "fires"),
    [
        (("false", "true"), "rise", True),
        (("true", "false"), "rise", True),
        (("false", "true"), "fall", False),
        (("1", "0"), "fall", False),
    ],
)
def test_the_direction_of_two_levels_is_that_of_the_second(rng, names, alarm_on, fires):
    """The share of true goes from 30 to 40 %, whichever of the two comes first."""

    def counts(share: float) -> Observation:
        true = int(rng.binomial(2000, share))
        by_name = {"true": true, "1": true, "false": 2000 - true, "0": 2000 - true}
        return Observation({"c": np.array([*(by_name[name] for name in names), 0, 0])})

    series = [replace(categorical("c"), labels=(*names, "other"), alarm_on=alarm_on)]
    past = [counts(0.3) for _ in range(13)]
    reference = Reference.learn(series, [], past, design_effects={})

    assert verdict(reference, counts(0.4), "c").fired is fires


def test_the_gate_holds_back_a_sure_but_tiny_change(rng):
    past = [Observation({"x": bins(rng, 1_000_000)}) for _ in range(20)]
    now = Observation({"x": bins(rng, 1_000_000, shift=0.03)})
    small = Reference.learn([numeric("x")], [], past, design_effects={})
    strict = [numeric("x", gate=Gate(location=0.02))]

    assert not verdict(small, now, "x").fired
    assert verdict(small, now, "x").deciding.p_value < 1e-6
    assert verdict(Reference.learn(strict, [], past, design_effects={}), now, "x").fired


def test_staggered_scales_are_due_every_half_of_their_length(reference, rng):
    recent = [window(rng) for _ in range(8)]
    for position in range(8, 16):
        found = judge(reference, recent, position=position, budget=BUDGET)["x"]
        due = {one.scale for one in found.contrasts if one.due}
        assert due == {s for s, every in ((1, 1), (2, 1), (4, 2), (8, 4)) if position % every == 0}


def test_few_rows_are_never_a_verdict(reference, rng):
    tiny = {
        name: np.zeros(len(one.labels) + 1, dtype=int)
        for name, one in zip("xyc", SERIES[:3], strict=True)
    }
    tiny["x"][0] = 12
    found = verdict(reference, Observation(tiny), "x")

    assert not found.enough
    assert not found.fired
    assert not found.drifted
    assert not found.calm
    assert 12 < found.needed < 200
    assert judge_once(reference, Observation(tiny))["x"].enough is False


def test_series_that_come_and_go_do_no_harm(reference, rng):
    full = window(rng)
    partly = Observation({"x": full.counts["x"], "new": np.array([1, 2])})
    verdicts = judge(reference, [full, partly], position=2, budget=BUDGET)

    assert set(verdicts) == {"x"}
    assert set(judge(reference, [partly, full], position=2, budget=BUDGET)) == {*"xycd", "gap"}


def test_bins_that_do_not_fit_are_an_error_with_a_mend(reference):
    with pytest.raises(ProfileError, match="codebook of the reference"):
        judge(reference, [Observation({"x": np.array([1, 2, 3])})], position=1, budget=BUDGET)


def test_bytes_round_trip_gives_the_same_verdicts(reference, rng):
    again = Reference.from_bytes(reference.to_bytes())
    recent = [window(rng) for _ in range(8)]

    assert judge(again, recent, position=8, budget=BUDGET) == judge(
        reference, recent, position=8, budget=BUDGET
    )


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nonsense", json.dumps({}).encode()])
def test_other_bytes_are_refused(data):
    with pytest.raises(ProfileError, match="Learn it again"):
        Reference.from_bytes(data)


@pytest.mark.parametrize("windows", [1, 2, 5, 6])
def test_short_references_see_little_but_work(rng, windows):
    reference = learned(rng, windows)
    found = verdict(reference, window(rng), "x")

    assert reference.short is (windows < 6)
    assert 0 < found.deciding.p_value <= 1
    assert found.sight[1] > 3.9 * (1 / 2000) ** 0.5


def test_degenerate_columns(rng):
    series = [
        Series("constant", "numeric", ("5",)),
        Series("none", "numeric", ()),
        Series("binary", "numeric", ("0", "1")),
        Series("many", "categorical", (*(f"l{i}" for i in range(250)), "other")),
        Series("one", "categorical", ("A", "other")),
    ]
    share = np.append(np.full(250, 1 / 250), 0)

    def draw(other=0):
        return Observation(
            {
                "constant": np.array([2000, 0]),
                "none": np.array([2000]),
                "binary": np.append(rng.multinomial(2000, [0.3, 0.7]), 0),
                "many": np.append(rng.multinomial(2000, share), 0),
                "one": np.array([2000 - other, other, 0]),
            }
        )

    reference = Reference.learn(series, [], [draw() for _ in range(12)], design_effects={})
    clean = judge(reference, [draw() for _ in range(8)], position=8, budget=BUDGET)
    moved = judge(reference, [draw(other=40)], position=1, budget=BUDGET)

    assert not [name for name, one in clean.items() if one.fired]
    assert moved["one"].fired
    assert all(np.isfinite(c.p_value) for one in moved.values() for c in one.contrasts)


def test_unequal_and_empty_windows_in_the_reference(rng):
    sizes = [0, 3000, 500, 0, 4000, 2000, 100, 800, 2500, 20, 6000, 1000]
    past = [window(rng, rows) for rows in sizes]
    reference = Reference.learn(SERIES, [], past, design_effects={"x": 1.5, "c": float("nan")})
    verdicts = judge(reference, [window(rng, n) for n in (900, 0, 3000)], position=3, budget=BUDGET)

    assert reference.windows == 10
    assert not [name for name, one in verdicts.items() if one.fired]
    assert verdicts["x"].design_effect == 1.5


def test_a_calendar_takes_the_weekday_out(rng):
    days = np.arange(8 * 7)
    weekend = (days % 7 >= 5).astype(float)
    series = [numeric("x")]
    past = [Observation({"x": bins(rng, 2000, shift=0.3 * one)}) for one in weekend]
    now = Observation({"x": bins(rng, 2000, shift=0.3)})
    blind = Reference.learn(series, [], past, design_effects={})
    known = [replace(one, calendar=(day,)) for one, day in zip(past, weekend, strict=True)]
    aware = Reference.learn(series, [], known, design_effects={})

    def judged(on):
        return verdict(aware, replace(now, calendar=(on,)), "x")

    assert judged(1.0).deciding.p_value > 1e-3
    assert judged(0.0).fired
    assert judged(0.0).sight[1] < verdict(blind, now, "x").sight[1] / 2


def test_a_window_without_rows_expects_nothing_of_the_others(rng):
    weekend = (np.arange(8 * 7) % 7 >= 5).astype(float)
    past = [
        Observation({"x": bins(rng, 2000, shift=0.8 * day)}, calendar=(day,)) for day in weekend
    ]
    reference = Reference.learn([numeric("x")], [], past, design_effects={})
    saturday = Observation({"x": bins(rng, 2000, shift=0.8)}, calendar=(1.0,))
    friday = Observation({}, calendar=(0.0,))
    often = replace(BUDGET, per_year=20)
    found = judge(reference, [friday, saturday], position=2, budget=often)["x"]

    assert not found.fired
    assert all(abs(one.effect) < 0.1 for one in found.contrasts if one.kind == "location")


def test_once_finds_what_changed_and_nothing_else(reference, rng):
    clean = judge_once(reference, window(rng))
    changed = judge_once(
        reference, window(rng, x=bins(rng, 2000, shift=0.2), c=levels(rng, 2000, LEVELS[::-1]))
    )

    assert not [name for name, one in clean.items() if one.fired]
    assert [name for name, one in changed.items() if one.drifted] == ["x", "c"]


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 2**32))
def test_the_order_of_columns_does_not_matter(order, seed):
    rng = np.random.default_rng(seed)
    past = [window(rng, 500) for _ in range(8)]
    now = [window(rng, 500)]
    straight = Reference.learn(SERIES, [], past, design_effects={})
    shuffled = Reference.learn([SERIES[i] for i in order], [], past, design_effects={})
    one, other = (judge(which, now, position=1, budget=BUDGET) for which in (straight, shuffled))

    for name in "xycd":
        assert other[name].deciding.p_value == pytest.approx(one[name].deciding.p_value, rel=1e-4)
        assert other[name].fired == one[name].fired


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32))
def test_merging_windows_equals_reading_them_together(scale, seed):
    rng = np.random.default_rng(seed)
    reference = learned(np.random.default_rng(1))
    recent = [window(rng, 800) for _ in range(scale)]
    together = Observation(
        {name: sum(one.counts[name] for one in recent) for name in recent[0].counts}
    )
    budget = Budget(scales=(1, scale), scale_weights=(0.5, 0.5))
    parts = judge(reference, recent, position=1, budget=budget)
    whole = judge(reference, [together], position=1, budget=budget)

    for name in "xycd":
        merged = [one for one in parts[name].contrasts if one.scale == scale]
        read = [one for one in whole[name].contrasts if one.scale == 1]
        shares = ("bin", "level", "missing")
        assert [one.current for one in merged if one.kind in shares] == pytest.approx(
            [one.current for one in read if one.kind in shares]
        )
        assert [one.value for one in merged if one.kind in ("location", "skewness")] == (
            pytest.approx([one.value for one in read if one.kind in ("location", "skewness")])
        )
        # Log-odds and scale are means over the windows, so that windows which ordinarily
        # differ do not look wider together than each is: the same to second order.
        assert [one.value for one in merged] == pytest.approx([one.value for one in read], abs=0.05)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_adding_a_constant_column_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    past = [window(rng) for _ in range(13)]
    now = window(rng)
    constant = Series("k", "numeric", ("1",))

    def with_constant(one):
        return Observation({**one.counts, "k": np.array([2000, 0])}, one.scalars)

    plain = Reference.learn(SERIES, [], past, design_effects={})
    more = Reference.learn(
        [*SERIES, constant], [], [with_constant(one) for one in past], design_effects={}
    )
    before = judge(plain, [now], position=1, budget=BUDGET)
    after = judge(more, [with_constant(now)], position=1, budget=BUDGET)

    for name in "xycd":
        old, new = before[name].deciding, after[name].deciding
        assert new.p_value == pytest.approx(old.p_value, rel=1e-6)
        assert new.threshold == pytest.approx(old.threshold)
        assert after[name].fired == before[name].fired
    moved = judge(more, [Observation({"k": np.array([1800, 200])})], position=1, budget=BUDGET)
    assert moved["k"].fired


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8))
def test_looking_only_for_alarms_finds_the_same_alarms(seed, position):
    rng = np.random.default_rng(seed)
    reference = learned(rng)
    shift = {"x": bins(rng, 2000, shift=rng.choice([0.0, 0.05, 0.1, 0.12, 0.15]))}
    recent = [window(rng, **shift) for _ in range(8)]
    often = Budget(per_year=20)
    every = assess(reference, recent, position=position, budget=often)
    fast = assess(reference, recent, position=position, budget=often, only_due=True)

    assert (every.fired[every.due] == fast.fired).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(500, 4000))
def test_one_value_more_never_makes_a_rise_less_likely_to_be_seen(seed, rows):
    rng = np.random.default_rng(seed)
    share = np.array([0.90, 0.05, 0.03, 0.02, 0, 0, 0, 0.0])
    past = [Observation({"c": levels(rng, 2000, share)}) for _ in range(13)]
    reference = Reference.learn([categorical("c")], [], past, design_effects={"c": 2.0})
    values = []
    for hits in np.linspace(0.03, 0.2, 12) * rows:
        counts = np.array([rows - int(hits), 0, int(hits), 0, 0, 0, 0, 0, 0])
        found = verdict(reference, Observation({"c": counts}), "c")
        values.append(next(one.p_value for one in found.contrasts if one.label == "C"))

    # Rare shares have another tail than common ones: no jump where they meet.
    assert all(new <= old * (1 + 1e-9) for old, new in itertools.pairwise(values))
