"""The numbers of one look: evidence against threshold, effect against gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.evidence.contrasts import SCALAR
from monitor.evidence.effects import effects, expected_share, gates, totals
from monitor.evidence.layout import BoolArray
from monitor.evidence.pvalues import p_values
from monitor.evidence.reference import Reference
from monitor.evidence.sight import fewest_rows
from monitor.evidence.types import Budget, FloatArray, Observation
from monitor.evidence.weigh import Merged, merge

#: Part of the budget that is spent; the rest is a reserve for what the model misses.
RESERVE = 0.7
#: What the columns have of it, where there are figures too.
SERIES_SHARE = 0.8
#: Columns without any variation have this on top, so that they take nothing from the others.
CONSTANTS = 0.1
#: A contrast is calm if its p is above this times its weights, or its effect below half the gate.
CALM_P = 0.2
CALM_EFFECT = 0.5
FALSE_DISCOVERIES = 0.05
#: A shift in reference sd that nobody would overlook.
GROSS = 2.0
#: One-sided 95 % of the normal distribution.
SURELY = 1.645


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """Numbers of one look; arrays have shape (n_scales, n_contrasts) unless said otherwise."""

    merged: Merged
    p: FloatArray
    effect: FloatArray
    expected: FloatArray  #: judged shares that were expected
    threshold: FloatArray
    over_gate: BoolArray
    weight: FloatArray  #: w_s times omega_k
    due: BoolArray  #: shape (n_scales,)
    fired: BoolArray
    enough: BoolArray
    needed: FloatArray  #: rows needed to say anything at the shortest scale, shape (n_contrasts,)


def column_shares(reference: Reference, shares: Mapping[str, float] | None = None) -> FloatArray:
    """How the budget is divided over series and scalars; adds up to at most 1 + CONSTANTS.

    `shares` fixes the share of some by name; the rest is left to the others: 0.8 to the series
    and 0.2 to the scalars (all where there is only one sort), within them by weight. Columns that
    are constant in the reference cannot fire by chance and have CONSTANTS from the reserve.
    """
    series = reference.layout.series
    given = {name: max(0.0, share) for name, share in (shares or {}).items()}
    names = [one.name for one in reference.judged]
    fixed = np.array([given.get(name, np.nan) for name in names], dtype=np.float64)
    weight = np.array([max(0.0, one.weight) for one in reference.judged], dtype=np.float64)
    weight = np.where(np.isnan(fixed), weight, 0.0)
    left = max(0.0, 1.0 - float(np.nansum(fixed)))
    still = constant(reference)
    moving = np.arange(len(names)) < len(series)
    if (weight[moving & ~still] > 0).any():
        moving &= ~still
    else:
        still = np.zeros_like(still)
    rest = ~moving & ~still
    both = (weight[moving] > 0).any() and (weight[rest] > 0).any()
    parts = [SERIES_SHARE, 1 - SERIES_SHARE] if both else [1.0, 1.0]
    result = np.nan_to_num(fixed) / max(1.0, float(np.nansum(fixed)))
    for sort, part in zip((moving, rest, still), (*parts, CONSTANTS), strict=True):
        total = float(weight[sort].sum())
        if total > 0:
            result[sort] += left * part * weight[sort] / total
    return result


def constant(reference: Reference) -> BoolArray:
    """Series that are all one value (or all missing) in the reference; False for scalars."""
    layout = reference.layout
    filled = layout.per_series((layout.pooled > 0).astype(np.float64)) + (layout.missing > 0)
    result: BoolArray = np.append(filled <= 1, np.zeros(len(reference.scalars), dtype=np.bool_))
    return result


def assess(
    reference: Reference,
    recent: Sequence[Observation],
    *,
    position: int,
    budget: Budget,
    shares: Mapping[str, float] | None = None,
    only_due: bool = False,
) -> Assessment:
    """The numbers of `judge`, before they become verdicts.

    `only_due` looks at the scales that are due and is exact about p only where a column may fire.
    """
    every = np.array([max(1, scale // 2) for scale in budget.scales], dtype=np.int64)
    use = [
        i
        for i, scale in enumerate(budget.scales)
        if scale * budget.step <= len(recent) and not (only_due and position % every[i])
    ]
    every = every[use]
    merged = merge(reference, recent, [budget.scales[i] * budget.step for i in use])
    omega = reference.contrasts.weight
    weight = np.outer([budget.scale_weights[i] for i in use], omega)
    own = column_shares(reference, shares)[reference.contrasts.column]
    rate = RESERVE * budget.per_year / budget.windows_per_year
    threshold = rate * weight * every[:, None] * own
    enough, needed = enough_rows(reference, merged, threshold)
    # Twice: a direction halves p.
    below = 2 * float(threshold.max(initial=0.0)) if only_due else 1.0
    p = np.where(enough, p_values(reference, merged, below), 1.0)
    effect, expected, over = measured(reference, merged)
    due = position % every == 0
    fired = due[:, None] & (threshold > 0) & (p <= threshold) & over & merged.said
    return Assessment(
        merged, p, effect, expected, threshold, over, weight, due, fired, enough, needed
    )


def enough_rows(
    reference: Reference, merged: Merged, threshold: FloatArray
) -> tuple[BoolArray, FloatArray]:
    """Whether window and reference have the rows to say anything, and how many that takes.

    Returns
    -------
    enough : boolean array, shape (n_scales, n_contrasts); True for scalars.
    needed : array, shape (n_contrasts,), at the first scale.
    """
    table = reference.contrasts
    least = threshold[0] if len(threshold) else table.weight
    # Rows in clusters count for less, but a gross shift shows all the same: a window is judged
    # when it could show half a sd by its rows alone and GROSS with their design effect.
    alone = fewest_rows(least, np.ones(len(least)))
    needed = np.maximum(alone, fewest_rows(least, table.design_effect, GROSS))
    rows = np.minimum(merged.rows, totals(reference)[1])
    return (rows >= needed) | (table.kind == SCALAR), needed


def measured(reference: Reference, merged: Merged) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Effects, the judged shares that were expected, and whether the gate is passed.

    It is passed when the effect is *surely* large enough: its one-sided 95 % bound, by sampling
    alone, is. Else a change of about the size of the gate would be told in every other window.
    """
    expected = expected_share(reference, merged.expected)
    effect = effects(reference, merged.excess, merged.shares, expected)
    effect = np.where(merged.said, effect, 0.0)
    sampling = merged.sampling + reference.sampling / max(1, reference.windows)
    error = SURELY * np.sqrt(sampling) / np.maximum(np.abs(merged.excess), 1e-300)
    return effect, expected, np.abs(effect) * np.maximum(0.0, 1 - error) >= gates(reference)


def least_by_column(reference: Reference, values: FloatArray) -> FloatArray:
    """Least value of each column over scales and contrasts, 1 where there is none."""
    count = len(reference.layout.series) + len(reference.scalars)
    result = np.ones(count)
    np.minimum.at(result, reference.contrasts.column, values.min(axis=0, initial=1.0))
    return result


def drifted(reference: Reference, found: Assessment) -> BoolArray:
    """Benjamini-Hochberg over all columns; only contrasts over the gate can speak."""
    adjusted = np.where(
        found.over_gate & found.merged.said, found.p / np.maximum(found.weight, 1e-300), 1.0
    )
    discovered = benjamini_hochberg(least_by_column(reference, np.minimum(adjusted, 1.0)))
    fired = np.zeros(len(discovered), dtype=np.bool_)
    np.logical_or.at(fired, reference.contrasts.column, found.fired.any(axis=0))
    return discovered | fired


def benjamini_hochberg(p: FloatArray, level: float = FALSE_DISCOVERIES) -> BoolArray:
    """Which of the p-values are discoveries at this false discovery rate; shape as `p`."""
    order = np.argsort(p)
    passed = np.flatnonzero(p[order] <= level * (np.arange(len(p)) + 1) / max(1, len(p)))
    result = np.zeros(len(p), dtype=np.bool_)
    if len(passed):
        result[order[: passed[-1] + 1]] = True
    return result


def calm(reference: Reference, found: Assessment) -> BoolArray:
    """No contrast at any scale has both some evidence and half an effect, and rows are enough."""
    unrest = (found.p <= CALM_P * found.weight) & (
        np.abs(found.effect) >= CALM_EFFECT * gates(reference)
    )
    count = len(reference.layout.series) + len(reference.scalars)
    restless = np.zeros(count, dtype=np.bool_)
    np.logical_or.at(restless, reference.contrasts.column, (unrest & found.merged.said).any(axis=0))
    judged = np.zeros(count, dtype=np.bool_)
    if len(found.enough):
        np.logical_or.at(
            judged, reference.contrasts.column, (found.enough & found.merged.said).any(axis=0)
        )
    return judged & ~restless
