"""The scalar questions asked of each column: moved, spread, lost rows, new levels.

All are linear in the shares (or a smooth function of them) and orthonormal under the reference:
mean 0, variance 1/n for n independent rows. So the size of a contrast is its effect size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, get_args

import numpy as np

from monitor.evidence.layout import BoolArray, Layout
from monitor.evidence.types import ContrastKind, FloatArray, IntArray

KINDS: tuple[ContrastKind, ...] = get_args(ContrastKind)
LOCATION, SCALE, SKEWNESS, BIN, TAILS, LEVEL, MISSING, SCALAR = range(len(KINDS))

#: Shares of a column's budget, by kind; bins together, and levels together, share theirs.
NUMERIC_WEIGHTS = {
    LOCATION: 0.4, SCALE: 0.2, SKEWNESS: 0.05, MISSING: 0.15, BIN: 0.15, TAILS: 0.05,
}  # fmt: skip
CATEGORICAL_WEIGHTS = {LEVEL: 0.85, MISSING: 0.15}
#: Bins, tails and skewness are silent in a window whose location is off by more than this (sd).
LOCATION_SPEAKS = 0.25
#: Bins with a smaller reference share are not judged one by one.
SMALLEST_BIN = 0.02
#: With fewer filled bins both tails together say nothing that the bins do not.
FEWEST_FOR_TAILS = 5
#: A share with this many effective rows in a window is judged by its log-odds.
WELL_FILLED = 50.0
#: The same for shares that vary between windows by this many times their sampling variance.
SOME_ROWS, CLEARLY = 8.0, 3.0
#: Cubic scores beyond this come from few atoms; their mean is no measure of skewness.
LARGEST_CUBE = 5.0
ROOT2 = float(np.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class Contrasts:
    """A table with one row for each contrast; all arrays have shape (n_contrasts,).

    Shares above one half are judged by their complement: `share` and the sign of the values are
    then those of the complement.
    """

    kind: IntArray  #: index into `KINDS`
    column: IntArray  #: index of the series; for scalars n_series + index of the scalar
    cell: IntArray  #: shares: bin, n_bins + series: missing, + n_series: tails; -1 otherwise
    weight: FloatArray  #: share of the column's budget, adds up to 1 in each column
    share: FloatArray  #: judged reference share (at most one half); nan where it is no share
    complement: BoolArray
    logit: BoolArray
    skewness: FloatArray  #: of one row's term
    design_effect: FloatArray
    judged: BoolArray  #: False: the reference says nothing about it

    def take(self, keep: BoolArray | IntArray) -> Contrasts:
        """Some rows of the table."""
        return Contrasts(*(getattr(self, one.name)[keep] for one in fields(self)))

    @property
    def is_share(self) -> BoolArray:
        """Whether a contrast compares two shares of rows."""
        return self.cell >= 0


@dataclass(frozen=True, slots=True)
class Values:
    """What windows (or merged windows) say about each contrast; shape (n_windows, n_contrasts)."""

    value: FloatArray  #: standardised; 0 where there are no rows
    rows: FloatArray  #: rows it was made of
    hits: FloatArray  #: shares: rows in the judged share; 0 otherwise
    location: FloatArray  #: the location contrast of its column; 0 where there is none


def table(
    layout: Layout, rows: FloatArray, delta: FloatArray, delta_missing: FloatArray
) -> Contrasts:
    """All contrasts of a layout.

    Parameters
    ----------
    rows : array, shape (n_series, 2)
        Typical rows of a reference window: with a value, and all.
    delta, delta_missing : arrays, shape (n_series,)
        Design effects (>= 1) of the values and of the missing flag.
    """
    moments = _moments(layout, delta)
    shares = _shares(layout, rows, delta, delta_missing)
    both = joined(moments, shares)
    return replace(both, weight=_weights(both, layout))


def joined(first: Contrasts, second: Contrasts) -> Contrasts:
    """The rows of both tables."""
    parts: dict[str, Any] = {
        one.name: np.concatenate([getattr(first, one.name), getattr(second, one.name)])
        for one in fields(Contrasts)
    }
    return Contrasts(**parts)


def _moments(layout: Layout, delta: FloatArray) -> Contrasts:
    share = layout.share
    exists = layout.per_series(layout.scores**2 * share) > 0.5
    cubes = np.maximum.reduceat(np.abs(layout.scores[2]), layout.starts) if len(share) else share
    exists[SKEWNESS] &= cubes <= LARGEST_CUBE
    kind, column = np.nonzero(exists)
    count = len(kind)
    return Contrasts(
        kind=kind,
        column=column,
        cell=np.full(count, -1),
        weight=np.zeros(count),
        share=np.full(count, np.nan),
        complement=np.zeros(count, dtype=np.bool_),
        logit=np.zeros(count, dtype=np.bool_),
        skewness=layout.per_series(layout.scores**3 * share)[kind, column],
        design_effect=delta[column],
        judged=np.ones(count, dtype=np.bool_),
    )


def _shares(
    layout: Layout, rows: FloatArray, delta: FloatArray, delta_missing: FloatArray
) -> Contrasts:
    numeric = np.array([one.kind == "numeric" for one in layout.series], dtype=np.bool_)
    real = np.array([bool(one.labels) for one in layout.series], dtype=np.bool_)
    bins = np.flatnonzero(
        real[layout.owner] & (~numeric[layout.owner] | (layout.share >= SMALLEST_BIN))
    )
    series = np.arange(len(layout.series))
    filled = layout.per_series((layout.pooled > 0).astype(np.float64))
    tails = np.flatnonzero(numeric & real & (filled >= FEWEST_FOR_TAILS))
    column = np.concatenate([layout.owner[bins], series, tails])
    first = len(layout.pooled)
    cell = np.concatenate([bins, first + series, first + len(series) + tails])
    kind = np.where(numeric[layout.owner[bins]], BIN, LEVEL)
    kind = np.concatenate([kind, np.full(len(series), MISSING), np.full(len(tails), TAILS)])
    missing = kind == MISSING
    total = np.where(missing, (layout.rows + layout.missing)[column], layout.rows[column])
    hits = _cells(layout, layout.pooled, layout.missing)[cell]
    complement = hits > total / 2
    hits = np.where(complement, total - hits, hits)
    share = hits / np.maximum(total, 1.0)
    effect = np.where(missing, delta_missing[column], delta[column])
    window = np.where(missing, rows[column, 1], rows[column, 0])
    logit = window * share / effect >= WELL_FILLED
    floor = floored(share, total)
    skewness = (1 - 2 * floor) / np.sqrt(floor * (1 - floor))
    return Contrasts(
        kind=kind,
        column=column,
        cell=cell,
        weight=np.zeros(len(cell)),
        share=share,
        complement=complement,
        logit=logit,
        skewness=np.where(logit, -skewness, skewness),
        design_effect=effect,
        judged=total > 0,
    )


def _cells(layout: Layout, counts: FloatArray, missing: FloatArray) -> FloatArray:
    """Rows of each cell that a share may be about: bins, the missing, both outermost bins."""
    return np.concatenate([counts, missing, layout.per_series(counts * layout.outermost)], axis=-1)


def floored(share: FloatArray, total: FloatArray) -> FloatArray:
    """The share that gives a contrast its unit: that of half a row where the reference has none."""
    return np.maximum(share, 0.5 / (np.maximum(total, 1.0) + 1.0))


def _weights(contrasts: Contrasts, layout: Layout) -> FloatArray:
    """Each kind's share, divided among its contrasts, then scaled to 1 in each column."""
    columns = len(layout.series)
    numeric = np.array([one.kind == "numeric" for one in layout.series], dtype=np.bool_)
    kinds = np.zeros((2, len(KINDS)))
    for row, by_name in enumerate((CATEGORICAL_WEIGHTS, NUMERIC_WEIGHTS)):
        for kind, part in by_name.items():
            kinds[row, kind] = part
    index = contrasts.column * len(KINDS) + contrasts.kind
    members = np.bincount(index[contrasts.judged], minlength=columns * len(KINDS))
    by_kind = kinds[numeric[contrasts.column].astype(int), contrasts.kind]
    weight: FloatArray = np.where(contrasts.judged, by_kind / np.maximum(members[index], 1), 0.0)
    totals = np.bincount(contrasts.column, weights=weight, minlength=columns)
    result: FloatArray = weight / np.where(totals > 0, totals, 1.0)[contrasts.column]
    return result


def evaluate(
    contrasts: Contrasts, layout: Layout, counts: FloatArray, missing: FloatArray
) -> Values:
    """The contrasts of windows: `counts` (n_windows, n_bins), `missing` (n_windows, n_series)."""
    windows = len(counts)
    filled = layout.per_series(counts)
    value = np.zeros((windows, len(contrasts.kind)))
    hits = np.zeros_like(value)
    rows = filled[:, contrasts.column]
    location = np.zeros_like(filled)
    if len(layout.series):
        location = _fill_moments(contrasts, layout, counts, filled, value)
        _fill_shares(contrasts, layout, counts, missing, (value, hits, rows))
    return Values(value, rows, hits, location[:, contrasts.column])


def _fill_moments(
    contrasts: Contrasts, layout: Layout, counts: FloatArray, filled: FloatArray, value: FloatArray
) -> FloatArray:
    shares = counts / np.maximum(filled, 1.0)[:, layout.owner]
    difference = np.where(filled[:, layout.owner] > 0, shares - layout.share, 0.0)
    location = layout.per_series(difference * layout.scores[LOCATION])
    moment = contrasts.cell < 0
    noise = np.zeros_like(location)
    column = contrasts.column[moment]
    noise[:, column] = contrasts.design_effect[moment] / np.maximum(filled[:, column], 1.0)
    spread = layout.per_series(difference * layout.scores[SCALE])
    spread = np.where(filled > 0, spread - (location**2 - noise) / ROOT2, 0.0)
    spread = np.where(spread > 0, np.log1p(ROOT2 * np.maximum(spread, 0.0)) / ROOT2, spread)
    skewness = layout.per_series(difference * layout.scores[SKEWNESS])
    every = np.stack([location, spread, skewness])
    value[:, moment] = every[contrasts.kind[moment], :, column].T
    return location


def _fill_shares(
    contrasts: Contrasts,
    layout: Layout,
    counts: FloatArray,
    missing: FloatArray,
    out: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    value, hits, rows = out
    shares = contrasts.is_share
    is_missing = contrasts.kind == MISSING
    rows[:, is_missing] += missing[:, contrasts.column[is_missing]]
    some = contrasts.take(shares)
    total = rows[:, shares]
    found = _cells(layout, counts, missing)[:, some.cell]
    found = np.where(some.complement, total - found, found)
    whole = np.concatenate([layout.rows, layout.rows + layout.missing])
    whole = whole[some.column + np.where(some.kind == MISSING, len(layout.series), 0)]
    unit = floored(some.share, whole)
    root = np.sqrt(unit * (1 - unit))
    linear = (found / np.maximum(total, 1.0) - some.share) / root
    odds = np.log((found + 0.5) / (total - found + 0.5))
    expected = np.log((total * some.share + 0.5) / (total * (1 - some.share) + 0.5))
    value[:, shares] = np.where(
        total > 0, np.where(some.logit, root * (odds - expected), linear), 0.0
    )
    hits[:, shares] = found


def by_factors(contrasts: Contrasts, values: Values) -> Contrasts:
    """Judge by log-odds also the smaller shares whose windows clearly vary more than their rows.

    What varies between windows varies by factors, and its linear contrast would be skewed.
    """
    some = values.rows > 0
    count = np.maximum(some.sum(axis=0), 1)
    effective = (values.rows / contrasts.design_effect).sum(axis=0) / count
    scatter = (values.value**2 * values.rows).sum(axis=0) / contrasts.design_effect / count
    filled = np.nan_to_num(contrasts.share) * effective >= SOME_ROWS
    change = contrasts.is_share & ~contrasts.logit & filled & (scatter >= CLEARLY)
    return replace(
        contrasts,
        logit=contrasts.logit | change,
        skewness=np.where(change, -contrasts.skewness, contrasts.skewness),
    )


def silent(contrasts: Contrasts, location: FloatArray) -> BoolArray:
    """Where bins, tails and skewness leave it to the location to speak."""
    quiet = np.isin(contrasts.kind, (BIN, TAILS, SKEWNESS))
    result: BoolArray = quiet & (np.abs(location) > LOCATION_SPEAKS)
    return result
