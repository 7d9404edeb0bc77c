"""Reads the co-counts of segment, label, prediction and score that a profile keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from monitor.profiles.blocks import design_effect
from monitor.profiles.types import CellTable, Profile
from monitor.stats.regression import ErrorMoments

IntArray = npt.NDArray[np.int64]
RateMetric = Literal["selection_rate", "true_positive_rate", "false_positive_rate", "accuracy"]
RATE_METRICS: tuple[RateMetric, ...] = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "accuracy",
)

_YES = ("1", "1.0", "true", "True", "TRUE", "yes", "Yes", "y", "Y", "positive", "pos")
_OF_LABEL, _OF_OTHER = 0, 1  #: the second axis of `CellTable.scores`


def segment_name(segmentation: str, level: str) -> str:
    """How a person reads a group.

    >>> segment_name("carrier", "UA"), segment_name("carrier, origin", "UA, JFK")
    ('carrier=UA', 'carrier=UA, origin=JFK')
    """
    columns, values = segmentation.split(", "), level.split(", ")
    if len(columns) != len(values):
        return f"{segmentation}={level}"
    return ", ".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))


def positive_class(table: CellTable, declared: str | None = None) -> str | None:
    """The class that "positive" means, or None when there are not exactly two classes.

    A declared one counts always; else the one class that has a score, else the one that means
    yes ("1", "true", …), else the greater one, as in scikit-learn.
    """
    classes = sorted({*table.labels, *table.predictions})
    if declared is not None:
        return declared
    if len(classes) == 1 and classes[0] in _YES:
        return classes[0]
    if len(classes) != 2:
        return None
    if len(table.classes) == 1 and table.classes[0] in classes:
        return table.classes[0]
    yes = [name for name in classes if name in _YES]
    return yes[0] if len(yes) == 1 else max(classes, key=_order)


def _order(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("-inf"), name


def rate_counts(
    table: CellTable, metric: RateMetric, positive: str | None
) -> tuple[IntArray, IntArray]:
    """(hits, rows) of a rate for each level of the segmentation, both of shape (n_levels,).

    All zero where the rate does not apply: no labels, no prediction, more than two classes.
    """
    nothing = np.zeros(len(table.levels), dtype=np.int64)
    if table.counts.size == 0:
        return nothing, nothing
    if metric == "accuracy":
        rows = table.counts[:, :-1, :-1].sum(axis=(1, 2))
        pairs = [(i, table.predictions.index(name)) for i, name in enumerate(table.labels)
                 if name in table.predictions]  # fmt: skip
        hits = sum((table.counts[:, i, j] for i, j in pairs), nothing)
        return hits, rows
    if positive is None:
        return nothing, nothing
    chosen = _label_rows(table, metric, positive)
    by_prediction = table.counts[:, chosen, :].sum(axis=1)
    rows = by_prediction[:, :-1].sum(axis=1)
    if positive not in table.predictions:
        return nothing, rows
    return by_prediction[:, table.predictions.index(positive)], rows


def _label_rows(table: CellTable, metric: RateMetric, positive: str) -> list[int]:
    if metric == "selection_rate":
        return list(range(len(table.labels) + 1))
    wanted = metric == "true_positive_rate"
    return [i for i, name in enumerate(table.labels) if (name == positive) is wanted]


def confusion(table: CellTable, level: int) -> tuple[tuple[str, ...], IntArray]:
    """(classes, counts of shape (n_classes, n_classes)) of the rows that have both."""
    classes = tuple(dict.fromkeys([*table.labels, *table.predictions]))
    square = np.zeros((len(classes), len(classes)), dtype=np.int64)
    if table.counts.size:
        rows = [classes.index(name) for name in table.labels]
        columns = [classes.index(name) for name in table.predictions]
        square[np.ix_(rows, columns)] = table.counts[level, :-1, :-1]
    return classes, square


def scored(table: CellTable, level: int, name: str) -> tuple[IntArray, IntArray] | None:
    """(of that class, of the others) rows by score bin, or None without scores of that class."""
    if table.scores.size == 0 or name not in table.classes:
        return None
    bins = table.scores[level, table.classes.index(name)]
    return bins[_OF_LABEL], bins[_OF_OTHER]


def score_of_the_label(table: CellTable, level: int) -> IntArray | None:
    """Rows by bin of the score that the true class got, or None without scores."""
    if table.scores.size == 0:
        return None
    scores = table.scores[level]
    if len(table.classes) == 1:
        return np.asarray(scores[0, _OF_LABEL] + scores[0, _OF_OTHER][::-1], dtype=np.int64)
    return np.asarray(scores[:, _OF_LABEL].sum(axis=0), dtype=np.int64)


def error_moments(table: CellTable, level: int) -> ErrorMoments | None:
    """Moments of the error of a regression, or None when it is none."""
    if table.moments.size == 0:
        return None
    rows, _, _, error, squared, absolute = (float(x) for x in table.moments[level])
    return ErrorMoments(rows=rows, error=error, squared=squared, absolute=absolute)


def column_design_effect(windows: Sequence[Profile], name: str | None) -> float:
    """Design effect of a column inside of the windows, 1 when it is not known."""
    if name is None:
        return 1.0
    found = (window.columns.get(name) for window in windows)
    return design_effect([column.blocks for column in found if column is not None])


def agreement_design_effect(
    windows: Sequence[Profile], label: str | None, prediction: str | None
) -> float:
    """Design effect of "the prediction is the label": rows agree in clusters only if both come so.

    The smaller of the two; what it misses shows as variation between windows.
    """
    return min(column_design_effect(windows, label), column_design_effect(windows, prediction))
