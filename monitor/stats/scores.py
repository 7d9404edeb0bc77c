"""Metrics of a score in [0, 1] from its binned counts: ROC AUC, log loss, Brier score.

The bins are equal parts of [0, 1]; a row counts as having the middle of its bin, so log loss and
Brier score are right to about half a bin, and AUC counts rows of one bin as ties.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from monitor.stats.classification import logit_interval
from monitor.stats.rates import UNKNOWN, Estimate, z_value

FloatArray = npt.NDArray[np.float64]


def middles(bins: int) -> FloatArray:
    """Middle of each of `bins` equal parts of [0, 1].

    >>> middles(4).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    return (np.arange(bins, dtype=np.float64) + 0.5) / bins


def roc_auc(
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    design_effect: float = 1.0,
) -> Estimate:
    """Area under the ROC curve from counts by score bin, ascending.

    Parameters
    ----------
    positives, negatives : array_like, shape (n_bins,)
        Rows of each class by bin of the score.
    confidence : float, default 0.95
        Coverage of the interval.
    design_effect : float, default 1, >= 1
        Variance over that of independent rows.

    Returns
    -------
    Estimate
        NaN when one class has no rows.

    Notes
    -----
    The variance is DeLong's (variances of the placements of both classes), the interval is taken
    on the logit scale. At 0 and 1, where it vanishes, it is Wilson's for as many rows as the
    smaller class has.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under two or more
    correlated receiver operating characteristic curves", Biometrics 44, 1988.

    Examples
    --------
    >>> auc = roc_auc([1, 2, 7], [6, 3, 1])
    >>> round(auc.value, 3)
    0.845
    """
    value, variance, smaller = auc_parts(positives, negatives)
    if math.isnan(value):
        return UNKNOWN
    rows = round(float(np.sum(positives) + np.sum(negatives)))
    inside = 0 < value < 1
    found = logit_interval(
        value, variance * design_effect, rows if inside else smaller, confidence, design_effect
    )
    return Estimate(found.value, found.interval, rows)


def auc_parts(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> tuple[float, float, int]:
    """AUC, its DeLong variance for independent rows, and the rows of the smaller class."""
    up, down = (np.asarray(side, dtype=np.float64) for side in (positives, negatives))
    n_up, n_down = float(up.sum()), float(down.sum())
    if n_up <= 0 or n_down <= 0:
        return math.nan, math.nan, 0
    below = (np.cumsum(down) - down / 2) / n_down  # of a positive: share of negatives below it
    above = 1 - (np.cumsum(up) - up / 2) / n_up  # of a negative: share of positives above it
    value = float(np.sum(up * below)) / n_up
    spread_up = float(np.sum(up * (below - value) ** 2)) / max(1.0, n_up - 1)
    spread_down = float(np.sum(down * (above - value) ** 2)) / max(1.0, n_down - 1)
    return value, spread_up / n_up + spread_down / n_down, round(min(n_up, n_down))


def log_loss(
    of_the_label: npt.ArrayLike, *, confidence: float = 0.95, design_effect: float = 1.0
) -> Estimate:
    """Mean of -log of the score that the true class got.

    Parameters
    ----------
    of_the_label : array_like, shape (n_bins,)
        Rows by bin of the score that the model gave to the class that is the label.
    confidence : float, default 0.95
        Coverage of the interval.
    design_effect : float, default 1, >= 1
        Variance over that of independent rows.

    Examples
    --------
    >>> round(log_loss([0, 0, 0, 10]).value, 4)
    0.1335
    """
    counts = np.asarray(of_the_label, dtype=np.float64)
    return mean_of(-np.log(middles(len(counts))), counts, confidence, design_effect)


def brier_score_loss(
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    design_effect: float = 1.0,
) -> Estimate:
    """Mean squared difference of score and label (1 for the positive class, else 0).

    >>> round(brier_score_loss([0, 0, 0, 10], [10, 0, 0, 0]).value, 4)
    0.0156
    """
    up, down = (np.asarray(side, dtype=np.float64) for side in (positives, negatives))
    score = middles(len(up))
    losses = np.concatenate(((1 - score) ** 2, score**2))
    return mean_of(losses, np.concatenate((up, down)), confidence, design_effect)


def mean_of(
    values: FloatArray, counts: FloatArray, confidence: float, design_effect: float
) -> Estimate:
    """Mean of values that are >= 0, each with its count; a normal interval, cut at 0."""
    rows = float(counts.sum())
    if rows <= 0:
        return UNKNOWN
    mean = float(np.sum(values * counts)) / rows
    variance = float(np.sum(counts * (values - mean) ** 2)) / max(1.0, rows - 1) / rows
    half = z_value(confidence) * math.sqrt(variance * max(1.0, design_effect))
    return Estimate(mean, (max(0.0, mean - half), mean + half), round(rows))
