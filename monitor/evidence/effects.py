"""How large a change is, in the units of the gate, and whether it is large enough to matter."""

from __future__ import annotations

import numpy as np

from monitor.evidence.contrasts import (
    BIN,
    LEVEL,
    LOCATION,
    MISSING,
    ROOT2,
    SCALAR,
    SCALE,
    SKEWNESS,
    TAILS,
    floored,
)
from monitor.evidence.reference import Reference
from monitor.evidence.types import FloatArray

#: More than this is no scatter of rows, but another distribution.
MOST_SCATTER = 10.0
SIDES = {"rise": 1.0, "fall": -1.0, "both": 0.0}


def totals(reference: Reference) -> tuple[FloatArray, FloatArray]:
    """Judged hits and rows of the whole reference; 0 where a contrast is no share.

    Both have shape (n_contrasts,).
    """
    table, layout = reference.contrasts, reference.layout
    rows = np.zeros(len(table.kind))
    some = table.kind != SCALAR
    values = layout.rows
    every = values + layout.missing
    column = table.column[some]
    rows[some] = np.where(table.kind[some] == MISSING, every[column], values[column])
    hits: FloatArray = np.rint(np.where(table.is_share, np.nan_to_num(table.share) * rows, 0.0))
    return hits, rows


def sides(reference: Reference) -> FloatArray:
    """The sign a contrast must have to count: 1, -1, or 0 for both; shape (n_contrasts,).

    Where a column is watched for a rise, its location, its skewness and its upper bins must rise
    and its lower bins fall; of two levels ("false", "true") the second in order must rise, of
    more any may. Spread and missing values have no direction.
    """
    table, layout = reference.contrasts, reference.layout
    wanted = [SIDES[one.alarm_on] for one in reference.judged]
    side = np.array(wanted, dtype=np.float64)[table.column]
    bins = np.flatnonzero(table.kind == BIN)
    side[bins] *= np.sign(layout.scores[0, table.cell[bins]])
    for column, one in enumerate(layout.series):
        names = one.labels[:-1]  # the last one is OTHER
        if one.kind == "categorical" and len(names) == 2 and one.alarm_on != "both":
            least = int(layout.starts[column]) + names.index(min(names))
            side[(table.kind == LEVEL) & (table.cell == least)] *= -1
    directed = np.isin(table.kind, (LOCATION, SKEWNESS, BIN, LEVEL, SCALAR))
    result: FloatArray = np.where(directed, np.where(table.complement, -side, side), 0.0)
    return result


def unit(reference: Reference) -> FloatArray:
    """Standard deviation of one row's term in a share; 1 where a contrast is no share."""
    share = floored(np.nan_to_num(reference.contrasts.share), totals(reference)[1])
    result: FloatArray = np.where(reference.contrasts.is_share, np.sqrt(share * (1 - share)), 1.0)
    return result


def expected_share(reference: Reference, expected: FloatArray) -> FloatArray:
    """Judged share where the contrast is expected to be `expected` (a calendar's word)."""
    table = reference.contrasts
    share = np.nan_to_num(table.share)
    if reference.coefficients.shape[1] == 1:
        return np.broadcast_to(share, expected.shape)
    root = unit(reference)
    inside = np.clip(share, 1e-9, 1 - 1e-9)
    odds = np.log(inside / (1 - inside)) + expected / root
    moved = np.where(table.logit, 1 / (1 + np.exp(-odds)), share + expected * root)
    result: FloatArray = np.clip(moved, 0.0, 1.0)
    return result


def scatter(reference: Reference, expected: FloatArray) -> FloatArray:
    """By how much rows scatter more than in the pooled reference, where the calendar moves them.

    On a Sunday on which most counts are larger they also differ more. Shares have the variance of
    a share of the expected size (of its log-odds: the inverse); location, scale and skewness that
    of their scores under the expected bins.

    Returns
    -------
    array, shape as `expected` (n_scales, n_contrasts); between 1 and MOST_SCATTER, 1 where nothing
    is known of the calendar.
    """
    table, layout = reference.contrasts, reference.layout
    if reference.coefficients.shape[1] == 1 or not len(layout.series):
        return np.ones_like(expected)
    total = totals(reference)[1]
    now = floored(expected_share(reference, expected), total)
    usual = floored(np.nan_to_num(table.share), total)
    ratio = now * (1 - now) / (usual * (1 - usual))
    ratio = np.where(table.logit, 1 / np.maximum(ratio, 1e-9), ratio)
    bins = np.flatnonzero(table.kind == BIN)
    shares = np.tile(layout.share, (len(expected), 1))
    shares[:, table.cell[bins]] = np.where(table.complement[bins], 1 - now[:, bins], now[:, bins])
    shares /= np.maximum(layout.per_series(shares), 1e-300)[:, layout.owner]
    moment = np.flatnonzero(np.isin(table.kind, (LOCATION, SCALE, SKEWNESS)))
    kind, column = table.kind[moment], table.column[moment]
    means = np.stack([layout.per_series(shares * scores) for scores in layout.scores])
    squares = np.stack([layout.per_series(shares * scores**2) for scores in layout.scores])
    ratio[:, moment] = (squares - means**2)[kind, :, column].T
    ratio[:, table.kind == SCALAR] = 1.0
    return np.clip(ratio, 1.0, MOST_SCATTER)


def sd_ratio(scale: FloatArray) -> FloatArray:
    """Ratio of standard deviations that a scale contrast stands for."""
    rise = np.exp(np.maximum(scale, 0.0) / ROOT2)
    fall = np.sqrt(np.maximum(1 + ROOT2 * np.minimum(scale, 0.0), 1e-4))
    result: FloatArray = np.where(scale > 0, rise, fall)
    return result


def effects(
    reference: Reference, excess: FloatArray, shares: FloatArray, expected: FloatArray
) -> FloatArray:
    """Signed effects in the units of the gate, shape (n_scales, n_contrasts).

    Parameters
    ----------
    excess : value minus what the reference leads to expect, standardised
    shares, expected : judged shares now, and expected
    """
    table = reference.contrasts
    difference = np.where(table.complement, expected - shares, shares - expected)
    moved = np.where(table.kind == SCALE, sd_ratio(excess) - 1, excess)
    result: FloatArray = np.where(table.is_share, difference, moved)
    return result


def gates(reference: Reference) -> FloatArray:
    """The smallest |effect| that matters, shape (n_contrasts,)."""
    table = reference.contrasts
    series = reference.layout.series
    result = np.zeros(len(table.kind))
    fixed = {
        LOCATION: "location",
        SCALE: "scale",
        SKEWNESS: "skewness",
        BIN: "bin",
        TAILS: "bin",
        MISSING: "missing",
    }
    for kind, name in fixed.items():
        values = np.array([getattr(one.gate, name) for one in series], dtype=np.float64)
        of = table.kind == kind
        result[of] = values[table.column[of]]
    level = table.kind == LEVEL
    least = np.array([one.gate.level for one in series], dtype=np.float64)
    relative = np.array([one.gate.level_relative for one in series], dtype=np.float64)
    column = table.column[level]
    result[level] = np.maximum(least[column], relative[column] * table.share[level])
    scalar = table.kind == SCALAR
    own = np.array([one.gate for one in reference.scalars], dtype=np.float64)
    result[scalar] = own[table.column[scalar] - len(series)]
    return result
