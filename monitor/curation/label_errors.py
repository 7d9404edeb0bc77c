"""Labels of the reference that are probably wrong, by confident learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from monitor.curation.rows import FloatArray, IntArray

FOLDS = 5
#: Classes with fewer rows than folds take no part.
FEWEST_ROWS = 2 * FOLDS
#: Rows that the stand-in is fitted on at most.
MAX_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelError:
    """One label that is probably wrong."""

    row: int
    label: str  #: as it stands
    suggested: str  #: what rows like it are labelled
    probability: float  #: of the label as it stands, by a model that has not seen the row
    margin: float  #: that probability minus that of the suggestion, −1 … 1; the lower the surer


def label_errors(features: FloatArray, labels: Sequence[str], *, seed: int = 0) -> list[LabelError]:
    """Rows whose label a cross-fitted model confidently contradicts, the surest first.

    Parameters
    ----------
    features : array, shape (n, d), finite
    labels : sequence of n classes. Classes with fewer than 10 rows take no part.

    Notes
    -----
    The probabilities are those of a logistic regression in 5 folds. It finds what rows like this
    are labelled; where classes overlap by nature, some of what it finds is right as it stands, so
    these are rows to look at, not to correct.
    """
    classes, places, counts = np.unique(
        np.asarray(labels, dtype=str), return_inverse=True, return_counts=True
    )
    rows = np.flatnonzero(counts[places] >= FEWEST_ROWS)[:MAX_ROWS]
    known, codes = np.unique(places[rows], return_inverse=True)
    if len(known) < 2 or not features.shape[1]:
        return []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    model = LogisticRegression(max_iter=300, tol=1e-3)
    chances = cross_val_predict(model, features[rows], codes, cv=folds, method="predict_proba")
    return [
        LabelError(
            row=int(rows[place]),
            label=str(classes[known[codes[place]]]),
            suggested=str(classes[known[suggested]]),
            probability=float(chances[place, codes[place]]),
            margin=float(chances[place, codes[place]] - chances[place, suggested]),
        )
        for place, suggested in confident(chances, codes)
    ]


def confident(chances: npt.NDArray[Any], labels: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Off-diagonal rows of the confident joint: (row, class it is counted as), the surest first.

    A row is counted as the most probable of the classes whose probability reaches the mean that
    this class has among the rows labelled so.

    Parameters
    ----------
    chances : array, shape (n, K), each row from a model that has not seen it
    labels : array of int, shape (n,), in 0 … K − 1

    References
    ----------
    C. Northcutt, L. Jiang, I. Chuang, "Confident learning: estimating uncertainty in dataset
    labels", JAIR 70, 2021.
    """
    given = np.asarray(labels, dtype=np.intp)
    least = np.array([_mean(chances[given == k, k]) for k in range(chances.shape[1])])
    reached = np.where(chances >= least - 1e-6, chances, -1.0)
    counted: IntArray = reached.argmax(axis=1)
    wrong = np.flatnonzero((reached.max(axis=1) >= 0) & (counted != given))
    margin = chances[wrong, given[wrong]] - chances[wrong, counted[wrong]]
    order = wrong[np.argsort(margin, kind="stable")]
    return [(int(row), int(counted[row])) for row in order]


def _mean(values: npt.NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else 2.0
