"""The smallest change that can be found, and how many rows it takes to say anything."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from monitor.evidence.contrasts import BIN, LEVEL, LOCATION, MISSING, SCALAR, WELL_FILLED
from monitor.evidence.effects import gates, sides, unit
from monitor.evidence.reference import Reference
from monitor.evidence.types import FloatArray, IntArray
from monitor.evidence.weigh import Merged, predictive

#: "Anything" is a shift of half a standard deviation.
SHIFT = 0.5
#: Bisection steps on the log scale; 2^-24 of the bracket is far below a per cent.
STEPS = 24


def fewest(threshold: float, design_effect: float = 1.0, shift: float = SHIFT) -> int:
    """Rows a window needs to show a shift at all, before any variation between windows.

    Parameters
    ----------
    threshold : the p at which a contrast fires, 0 < threshold < 1.
    design_effect : >= 1.
    shift : in reference standard deviations.

    Returns
    -------
    int, >= 1: where `shift` is as many standard errors as the threshold asks.

    Examples
    --------
    >>> fewest(1e-4, 1.0, 0.25)
    243
    """
    return int(fewest_rows(np.array([threshold]), np.array([design_effect]), shift)[0])


def fewest_rows(
    threshold: FloatArray, design_effect: FloatArray, shift: float = SHIFT
) -> FloatArray:
    """`fewest` for many contrasts at once; whole numbers, shape as `threshold`."""
    quantile = -ndtri(np.clip(threshold, 1e-300, 1.0) / 2)
    result: FloatArray = np.maximum(1.0, np.ceil(design_effect * (quantile / shift) ** 2))
    return result


def smallest(variance: FloatArray, weights: FloatArray, threshold: FloatArray) -> FloatArray:
    """The |excess| whose two-sided p is `threshold`.

    Parameters
    ----------
    variance, weights : arrays, shape (n, n_cells); weights add up to 1.
    threshold : array, shape (n,); inf is returned where it is 0.
    """
    sd = np.sqrt(variance)
    quantile = -ndtri(np.clip(threshold, 1e-300, 1.0) / 2)
    held = weights > 0
    low = np.log(np.maximum(quantile * np.where(held, sd, np.inf).min(axis=1), 1e-12))
    high = np.log(np.maximum(quantile * np.where(held, sd, 0.0).max(axis=1), 2e-12))
    for _ in range(STEPS):
        middle = (low + high) / 2
        p = 2 * (weights * ndtr(-np.exp(middle)[:, None] / sd)).sum(axis=1)
        low, high = np.where(p > threshold, middle, low), np.where(p > threshold, high, middle)
    return np.where(threshold > 0, np.exp(high), np.inf)


def speakers(reference: Reference) -> IntArray:
    """The contrast that speaks for each series and scalar, shape (n_series + n_scalars,).

    The location where there is one; else the level (or bin, or missing share) whose changes are
    the hardest to see among the well filled, so that the others are seen at least as soon.
    """
    table = reference.contrasts
    spread = unit(reference)
    filled = np.nan_to_num(table.share) * reference_rows(reference) >= WELL_FILLED
    rank = np.select(
        [table.kind == LOCATION, table.kind == SCALAR, np.isin(table.kind, (LEVEL, BIN)) & filled],
        [4.0, 4.0, 2.0 + spread],
        default=np.where(table.kind == MISSING, 0.0, 1.0 + spread),
    )
    rank = np.where(table.judged, rank, -1.0)
    order = np.lexsort((rank, table.column))
    last = np.flatnonzero(np.diff(table.column[order], append=-1))
    return order[last]


def reference_rows(reference: Reference) -> FloatArray:
    """Typical rows of a window for each contrast; 1 for scalars."""
    table = reference.contrasts
    result = np.ones(len(table.kind))
    some = table.kind != SCALAR
    missing = (table.kind[some] == MISSING).astype(int)
    result[some] = reference.rows[table.column[some], missing]
    return result


def sight(reference: Reference, merged: Merged, threshold: FloatArray) -> list[dict[int, float]]:
    """Smallest change to be found at each scale, in the units of the gate, for each column.

    Parameters
    ----------
    merged : the recent windows; its rows are the rows taken for granted.
    threshold : array, shape (n_scales, n_contrasts).
    """
    chosen = speakers(reference)
    table = reference.contrasts
    scale_unit, gate = unit(reference)[chosen], gates(reference)[chosen]
    one_sided = np.where(sides(reference)[chosen] == 0, 1.0, 2.0)
    found: list[dict[int, float]] = [{} for _ in chosen]
    for scale, windows in enumerate(merged.scales):
        variance = predictive(reference, merged, scale, chosen)
        limit = np.minimum(threshold[scale, chosen] * one_sided, 1.0)
        least = smallest(variance, reference.weights[chosen], limit) * scale_unit
        least = np.where(merged.rows[scale, chosen] > 0, np.maximum(least, gate), np.inf)
        least = np.where(table.is_share[chosen], np.minimum(least, 1.0), least)
        for column, value in zip(found, least, strict=True):
            column[windows] = float(value)
    return found
