"""Classification metrics from a confusion matrix, with intervals.

Every function takes `confusion`, array_like of shape (n_classes, n_classes): rows whose label is
the first index and whose prediction is the second.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from monitor.stats.rates import UNKNOWN, Estimate, effective_rows, wilson, z_value

FloatArray = npt.NDArray[np.float64]
Metric = Literal["precision", "recall", "f1"]


def accuracy(
    confusion: npt.ArrayLike, *, confidence: float = 0.95, design_effect: float = 1.0
) -> Estimate:
    """Share of rows whose prediction is their label, with Wilson's interval.

    >>> accuracy([[40, 10], [5, 45]]).value
    0.85
    """
    table = np.asarray(confusion, dtype=np.float64)
    return wilson(
        float(np.trace(table)),
        float(table.sum()),
        confidence=confidence,
        design_effect=design_effect,
    )


def of_class(
    confusion: npt.ArrayLike,
    positive: int,
    metric: Metric,
    *,
    confidence: float = 0.95,
    design_effect: float = 1.0,
) -> Estimate:
    """Precision, recall or F1 of one class.

    Notes
    -----
    Precision and recall are shares: Wilson's interval. F1 = 2J / (1 + J) with J the share of true
    positives among all rows that are positive by label or prediction, so its interval is that of
    J, carried through the same monotone function.

    Examples
    --------
    >>> round(of_class([[40, 10], [5, 45]], 1, "f1").value, 4)
    0.8571
    """
    table = np.asarray(confusion, dtype=np.float64)
    hits = float(table[positive, positive])
    by_label, by_prediction = float(table[positive].sum()), float(table[:, positive].sum())
    rows = {
        "precision": by_prediction,
        "recall": by_label,
        "f1": by_label + by_prediction - hits,
    }[metric]
    share = wilson(hits, rows, confidence=confidence, design_effect=design_effect)
    if metric != "f1" or not share.known:
        return share
    low, high = (2 * end / (1 + end) for end in share.interval)
    return Estimate(2 * share.value / (1 + share.value), (low, high), share.rows)


def macro(
    confusion: npt.ArrayLike,
    metric: Metric,
    *,
    confidence: float = 0.95,
    design_effect: float = 1.0,
) -> Estimate:
    """Unweighted mean over the classes, as scikit-learn's `average="macro"`.

    A class that nobody predicted (or that has no label) counts as 0, as there
    (`zero_division=0`); a class that is absent on both sides is left out. The interval is the
    delta method of a multinomial sample on the logit scale.

    >>> round(macro([[40, 10], [5, 45]], "recall").value, 3)
    0.85
    """
    table = np.asarray(confusion, dtype=np.float64)
    kept = (table.sum(axis=0) + table.sum(axis=1)) > 0
    table = table[np.ix_(kept, kept)]
    rows = float(table.sum())
    if rows <= 0:
        return UNKNOWN
    values, slopes = _terms(table, metric)
    value, slope = float(values.mean()), slopes.mean(axis=0)
    shares = table / rows
    spread = float(np.sum(shares * (slope * rows) ** 2) - np.sum(shares * slope * rows) ** 2)
    variance = max(0.0, spread) / effective_rows(rows, design_effect)
    return logit_interval(value, variance, round(rows), confidence, design_effect)


def _terms(table: FloatArray, metric: Metric) -> tuple[FloatArray, FloatArray]:
    """The metric of each class, and its slopes by each cell, shape (k, k, k)."""
    k = len(table)
    diagonal, eye = np.diag(table), np.eye(k)
    over_label = np.repeat(eye[:, :, None], k, axis=2)  # class, label, prediction
    over_prediction = np.repeat(eye[:, None, :], k, axis=1)
    parts = {
        "precision": (1.0, table.sum(axis=0), over_prediction),
        "recall": (1.0, table.sum(axis=1), over_label),
        "f1": (2.0, table.sum(axis=0) + table.sum(axis=1), over_label + over_prediction),
    }
    factor, under, inside = parts[metric]
    safe = np.where(under > 0, under, 1.0)
    hit = eye[:, :, None] * eye[:, None, :]
    slopes = factor * (hit / safe[:, None, None] - (diagonal / safe**2)[:, None, None] * inside)
    slopes[under <= 0] = 0.0
    return factor * diagonal / safe, slopes


def logit_interval(
    value: float, variance: float, rows: int, confidence: float, design_effect: float = 1.0
) -> Estimate:
    """Interval of a number in 0..1 on the logit scale; Wilson's at the ends, where it has none."""
    if not 0 < value < 1 or variance <= 0:
        return wilson(value * rows, rows, confidence=confidence, design_effect=design_effect)
    centre = math.log(value / (1 - value))
    half = z_value(confidence) * math.sqrt(variance) / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-min(700.0, centre + sign * half))) for sign in (-1, 1))
    return Estimate(value, (low, high), rows)
