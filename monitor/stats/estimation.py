"""Performance without labels, from scores that are calibrated on labelled rows.

All of it rests on one assumption: that the share of positives among rows of one score is still
what it was. A changed relation between inputs and labels is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.stats.rates import UNKNOWN, Estimate
from monitor.stats.scores import auc_parts

FloatArray = npt.NDArray[np.float64]

_SMOOTHING = 1.0  #: pseudo-rows in each bin, at the score itself
_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Scored:
    """Rows by bin of the score of one class; each array has shape (n_bins,)."""

    positives: FloatArray  #: labelled with the class, in the reference
    negatives: FloatArray  #: labelled with another
    current: FloatArray  #: all rows of the window
    reference_selected: float  #: rows of the reference that were predicted to be of the class
    selected: float  #: rows of the window that were


def calibrated(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> FloatArray:
    """Share of the class in each score bin; bins without rows take their middle.

    >>> calibrated([0, 3], [3, 0]).round(3).tolist()
    [0.062, 0.938]
    """
    up, down = (np.asarray(side, dtype=np.float64) for side in (positives, negatives))
    score = (np.arange(len(up)) + 0.5) / len(up)
    shares: FloatArray = (up + _SMOOTHING * score) / (up + down + _SMOOTHING)
    return shares


def estimated_roc_auc(given: Scored, rng: np.random.Generator) -> Estimate:
    """ROC AUC that the window would have if its scores meant what they meant in the reference.

    Parameters
    ----------
    given : Scored
        Reference and window.
    rng : numpy.random.Generator
        For the 200 draws of the parametric bootstrap (calibration rows and window rows both).

    Notes
    -----
    Each row of a bin counts as c positives and 1 - c negatives, c the calibrated share (the idea
    of confidence-based performance estimation; J. Kivimäki et al., "Performance estimation in
    binary classification using calibrated confidence", 2025).
    """
    if given.current.sum() <= 0 or given.positives.sum() <= 0 or given.negatives.sum() <= 0:
        return UNKNOWN

    def area(shares: FloatArray, rows: FloatArray) -> float:
        return auc_parts(rows * shares, rows * (1 - shares))[0]

    value = area(calibrated(given.positives, given.negatives), given.current)
    draws = [area(shares, rows) for shares, rows in _draws(given, rng)]
    return _percentiles(value, draws, given)


def estimated_accuracy(
    classes: list[Scored], known: float, rng: np.random.Generator, *, both: bool
) -> Estimate:
    """Accuracy that the window would have if its scores meant what they meant in the reference.

    Parameters
    ----------
    classes : list of Scored
        One for each class, or the positive one alone.
    known : float
        Accuracy of the reference: the estimate is corrected by what the same method misses there.
    rng : numpy.random.Generator
        For the parametric bootstrap.
    both : bool
        Whether rows that are not predicted to be of the class count as predicted to be the other
        (two classes, one score).

    Notes
    -----
    The rows predicted to be of a class are taken to be those with its highest scores.
    """
    rows = float(classes[0].current.sum()) if classes else 0.0
    if rows <= 0 or any(one.positives.sum() + one.negatives.sum() <= 0 for one in classes):
        return UNKNOWN

    def right(shares: FloatArray, counts: FloatArray, selected: float) -> float:
        top = _top(counts, selected)
        hits = float(np.sum(top * shares))
        return hits + (float(np.sum((counts - top) * (1 - shares))) if both else 0.0)

    value = known
    spread = np.zeros(_DRAWS)
    for one in classes:
        shares = calibrated(one.positives, one.negatives)
        labelled = one.positives + one.negatives
        old = right(shares, labelled, one.reference_selected) / float(labelled.sum())
        value += right(shares, one.current, one.selected) / rows - old
        centre = right(shares, one.current, one.selected) / rows
        spread += [
            right(drawn, counts, one.selected) / rows - centre for drawn, counts in _draws(one, rng)
        ]
    value = min(1.0, max(0.0, value))
    return _percentiles(value, list(value + spread), classes[0])


def _top(counts: FloatArray, selected: float) -> FloatArray:
    """The `selected` rows with the highest scores, by bin."""
    above = np.cumsum(counts[::-1])[::-1] - counts
    return np.clip(selected - above, 0.0, counts)


def _draws(given: Scored, rng: np.random.Generator) -> list[tuple[FloatArray, FloatArray]]:
    """(calibrated shares, window rows) as other samples would have given them."""
    score = (np.arange(len(given.positives)) + 0.5) / len(given.positives)
    a = given.positives + _SMOOTHING * score
    b = given.negatives + _SMOOTHING * (1 - score)
    rows = int(given.current.sum())
    window = given.current / given.current.sum()
    return [
        (rng.beta(a, b), rng.multinomial(rows, window).astype(np.float64)) for _ in range(_DRAWS)
    ]


def _percentiles(value: float, draws: list[float], given: Scored) -> Estimate:
    """95 % of the draws, moved so that their middle is the value."""
    found = np.asarray(draws) - np.nanmedian(draws) + value
    low, high = np.nanquantile(found, [0.025, 0.975])
    low, high = min(value, max(0.0, float(low))), max(value, min(1.0, float(high)))
    return Estimate(value, (low, high), round(float(given.current.sum())))
