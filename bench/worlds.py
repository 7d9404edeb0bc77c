"""Simulated worlds for bench/alarms.py: windows in which nothing happens, or one thing.

A world has 30 columns (or any number): normal, heavy-tailed, lognormal, counts, categories with
rare levels; two of five with missing values. Windows are drawn as histograms: shares that wander
around their mean (tau, with memory phi, shared or not), then rows that come in clusters
(Dirichlet-multinomial with a design effect).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from monitor.evidence.types import Observation, Series

Array = npt.NDArray[np.float64]
BINS = 20


@dataclass(frozen=True, slots=True)
class World:
    """How windows vary: `tau` in sd of a column; levels and missing by 2 tau in log-odds."""

    name: str
    tau: float = 0.0
    phi: float = 0.0
    common: float = 0.0  #: share of the variation that all columns have together
    design_effect: float = 1.0
    unequal: bool = False  #: tau of a column log-uniform between 0.005 and 0.3
    half: bool = False  #: every other column does not vary at all
    rows_spread: float = 0.0  #: log sd of the rows of a window
    season: Literal["", "week", "day and week"] = ""  #: of all numeric columns: see `rhythm`


@dataclass(frozen=True, slots=True)
class Column:
    """A column to be drawn: shares of its bins when moved by (location, log scale)."""

    series: Series
    shares: Callable[[Array, Array], Array]  #: (n,), (n,) -> (n, bins); for categories by noise
    levels: Array | None  #: mean shares of a categorical column
    missing: float


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the planted column from window 1 on; each may depend on the window."""

    name: str
    column: str
    location: Callable[[int], float] = lambda _: 0.0
    log_scale: float = 0.0
    other: float = 0.0
    missing: float = 0.0
    at_one_value: float = 0.0
    both_tails: float = 0.0


def _binned(name: str, distribution: Any, scale: float) -> Column:
    edges = distribution.ppf(np.arange(1, BINS) / BINS)
    centre = float(distribution.median())

    def shares(location: Array, log_scale: Array) -> Array:
        spread = np.exp(log_scale)[:, None]
        cdf = distribution.cdf(centre + (edges - centre - location[:, None] * scale) / spread)
        ends = [np.zeros((len(location), 1)), cdf, np.ones((len(location), 1))]
        result: Array = np.diff(np.concatenate(ends, axis=1), axis=1)
        return result

    return Column(Series(name, "numeric", tuple(map(str, range(BINS)))), shares, None, 0.0)


def _counted(name: str, distribution: Any) -> Column:
    top = max(2, int(distribution.ppf(0.98)))
    values = np.arange(top + 1, dtype=np.float64)
    base = np.append(distribution.pmf(values[:-1]), distribution.sf(top - 1))
    scaled = (values - distribution.mean()) / distribution.std()

    def shares(location: Array, log_scale: Array) -> Array:
        tilt = location[:, None] * scaled + log_scale[:, None] * (scaled**2 - 1)
        moved = base * np.exp(np.clip(tilt, -20, 20))
        result: Array = moved / moved.sum(axis=1, keepdims=True)
        return result

    return Column(Series(name, "numeric", tuple(map(str, range(top + 1)))), shares, None, 0.0)


def _levels(name: str, count: int, exponent: float, other: float) -> Column:
    ranked = np.arange(1, count + 1) ** -exponent
    share: Array = np.append(ranked / ranked.sum() * (1 - other), other)
    labels = (*map(str, range(count)), "other")
    return Column(Series(name, "categorical", labels), lambda _, __: share[None, :], share, 0.0)


@cache
def columns(count: int) -> list[Column]:
    """`count` columns of all sorts, the same each time."""
    kinds: list[Callable[[str], Column]] = [
        lambda name: _binned(name, stats.norm(), 1.0),
        lambda name: _levels(name, 5, 1.0, 0.0),
        lambda name: _binned(name, stats.t(3), 3**0.5),
        lambda name: _counted(name, stats.poisson(0.5)),
        lambda name: _levels(name, 30, 1.3, 0.004),
        lambda name: _binned(name, stats.norm(), 1.0),  # lognormal: it varies by factors
        lambda name: _counted(name, stats.poisson(8)),
        lambda name: _levels(name, 12, 2.0, 0.001),
        lambda name: _binned(name, stats.norm(), 1.0),
        lambda name: _counted(name, stats.nbinom(1, 0.2)),
    ]
    made = []
    for index in range(count):
        one = kinds[index % len(kinds)](f"{index:03d}")
        missing = (0.0, 0.0, 0.01, 0.0, 0.08)[index % 5]
        made.append(Column(one.series, one.shares, one.levels, missing))
    return made


def _variation(world: World, count: int, windows: int, rng: np.random.Generator) -> Array:
    """Stationary AR(1) noise of variance 1, shape (windows, count), partly shared."""

    def series(width: int) -> Array:
        steps = rng.standard_normal((windows, width))
        out = np.empty_like(steps)
        out[0] = steps[0]
        for t in range(1, windows):
            out[t] = world.phi * out[t - 1] + np.sqrt(1 - world.phi**2) * steps[t]
        return out

    own = series(count)
    if not world.common:
        return own
    mixed: Array = np.sqrt(world.common) * series(1) + np.sqrt(1 - world.common) * own
    return mixed


def rhythm(world: World, windows: int) -> Array:
    """What a known season adds to the location of numeric columns, in sd, shape (windows,).

    Week: windows are days, and two of seven lie 0.4 sd higher. Day and week: windows are hours,
    that also swing by 0.4 sd between day and night.
    """
    at = np.arange(windows)
    if not world.season:
        return np.zeros(windows)
    hours = world.season == "day and week"
    day = at // 24 if hours else at
    swing = 0.4 * np.sin(2 * np.pi * at / 24) if hours else np.zeros(windows)
    return np.asarray(0.4 * (day % 7 >= 5) + swing, dtype=np.float64)


def _taus(world: World, count: int, rng: np.random.Generator) -> Array:
    tau = np.full(count, world.tau)
    if world.unequal:
        tau = np.exp(rng.uniform(np.log(0.005), np.log(0.3), count))
    if world.half:
        tau[::2] = 0.0
    return tau


def _draw(
    shares: Array, rows: npt.NDArray[np.int64], delta: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Multinomial rows, in clusters: shapes (n, bins), (n,)."""
    if delta > 1:
        strength = np.maximum((rows - delta) / (delta - 1), 1e-3)[:, None]
        gamma = rng.gamma(np.maximum(shares * strength, 1e-12)) + 1e-300
        shares = gamma / gamma.sum(axis=1, keepdims=True)
    shares = shares / shares.sum(axis=1, keepdims=True)
    return rng.multinomial(rows, shares)


def simulate(
    world: World,
    made: list[Column],
    windows: int,
    rows: int,
    rng: np.random.Generator,
    *,
    changes: tuple[Change, ...] = (),
    start: int = 0,
) -> tuple[list[Observation], list[list[Observation]]]:
    """Windows in which nothing happens, and for each change the same windows with it.

    A change begins at window `start`; its windows share all other columns with the clean ones.
    """
    tau = _taus(world, len(made), rng)
    noise = _variation(world, len(made), windows, rng) * tau + rhythm(world, windows)[:, None]
    spread = np.exp(world.rows_spread * rng.standard_normal(windows))
    sizes = np.maximum(20, np.rint(rows * spread)).astype(np.int64)
    clean: list[dict[str, npt.NDArray[np.int64]]] = [{} for _ in range(windows)]
    planted: list[dict[int, npt.NDArray[np.int64]]] = [{} for _ in changes]
    for index, column in enumerate(made):
        shares, gone = _window_shares(world, column, noise[:, index], float(tau[index]), rng)
        drawn = _counts(shares, gone, sizes, world.design_effect, rng)
        for window, counts in zip(clean, drawn, strict=True):
            window[column.series.name] = counts
        for number, change in enumerate(changes):
            if change.column == column.series.name:
                at = np.arange(start, windows)
                moved, lost = _changed(change, column, shares[at], gone[at], noise[at, index])
                again = _counts(moved, lost, sizes[at], world.design_effect, rng)
                planted[number] = dict(zip(at.tolist(), again, strict=True))
    base = [Observation(one) for one in clean]
    altered = [
        [
            Observation({**one, change.column: new[t]} if t in new else one)
            for t, one in enumerate(clean)
        ]
        for change, new in zip(changes, planted, strict=True)
    ]
    return base, altered


def _window_shares(
    world: World, column: Column, noise: Array, tau: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    windows = len(noise)
    if column.levels is None:
        scale = _variation(world, 1, windows, rng)[:, 0] * tau / 2
        shares = column.shares(noise, scale)
    else:
        odds = 2 * tau * _variation(world, len(column.levels), windows, rng)
        shares = column.levels * np.exp(odds)
        shares = shares / shares.sum(axis=1, keepdims=True)
    if not column.missing:
        return shares, np.zeros(windows)
    odds = np.log(column.missing / (1 - column.missing))
    odds = odds + 2 * tau * _variation(world, 1, windows, rng)[:, 0]
    return shares, 1 / (1 + np.exp(-odds))


def _counts(
    shares: Array,
    gone: Array,
    sizes: npt.NDArray[np.int64],
    delta: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    missing = _draw(np.stack([gone, 1 - gone], axis=1), sizes, delta, rng)[:, :1]
    return np.concatenate([_draw(shares, sizes - missing[:, 0], delta, rng), missing], axis=1)


def _changed(
    change: Change, column: Column, shares: Array, gone: Array, noise: Array
) -> tuple[Array, Array]:
    if column.levels is None and (change.log_scale or change.location(10**6)):
        location = np.array([change.location(t + 1) for t in range(len(noise))])
        shares = column.shares(noise + location, np.full(len(noise), change.log_scale))
    mixed = np.zeros(shares.shape[1])
    mixed[len(mixed) // 2] += change.at_one_value
    mixed[[0, -1]] += change.both_tails / 2
    mixed[-1] += change.other
    shares = shares * (1 - mixed.sum()) + mixed
    return shares, gone + change.missing
