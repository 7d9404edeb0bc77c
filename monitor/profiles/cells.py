"""Co-counts of segment x label x prediction, of scores, and of errors of a regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from monitor.profiles.levels import Levels
from monitor.profiles.merging import OTHER
from monitor.profiles.plan import CellPlan
from monitor.profiles.types import CellTable

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

MISSING = "(missing)"
MAX_LEVELS = 200  #: of one axis; pairs of segments twice as many
MAX_SCORED = 12  #: segmentations of one column bin scores only up to this many classes
SCORE_BINS = 100
_MOMENTS = 6
_N = TypeVar("_N", np.int64, np.float64)
_DIGITS = {"true": "1", "false": "0"}


class _Axis:
    """Grows a list of names; position 0 is the missing."""

    def __init__(self, *, digits: bool = False, limit: int = MAX_LEVELS) -> None:
        self.names: dict[str, int] = {MISSING: 0}
        self.digits, self.limit = digits, limit

    def __len__(self) -> int:
        return len(self.names)

    def position(self, name: str) -> int:
        name = _DIGITS.get(name, name) if self.digits else name
        if name not in self.names and len(self.names) > self.limit:
            name = OTHER
        return self.names.setdefault(name, len(self.names))

    def of(self, levels: Levels) -> IntArray:
        """Position of each row."""
        counts = np.bincount(levels.positions, minlength=len(levels.values) + 1)[:-1]
        seen = np.flatnonzero(counts)
        if len(seen) > 2 * self.limit:  # far too many: the heaviest, the rest is OTHER
            heavy = np.sort(seen[np.argsort(-counts[seen], kind="stable")[: self.limit]])
            table = np.full(len(counts) + 1, self.position(OTHER), np.int64)
            seen = heavy
        else:
            table = np.zeros(len(counts) + 1, np.int64)
        table[seen] = [self.position(name) for name in levels.names(seen)]
        table[-1] = 0
        return np.asarray(table[levels.positions])

    def pairs(self, left: IntArray, right: IntArray, axes: tuple[_Axis, _Axis]) -> IntArray:
        """Position of each row's pair of levels."""
        width = len(axes[1])
        joint = left * width + right
        names = [list(axis.names) for axis in axes]
        table = np.zeros(len(axes[0]) * width, np.int64)
        for at in np.flatnonzero(np.bincount(joint, minlength=len(table))).tolist():
            table[at] = self.position(f"{names[0][at // width]}, {names[1][at % width]}")
        return np.asarray(table[joint])


@dataclass
class _Table:
    """Counts of one segmentation on growing axes."""

    counts: IntArray = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    scores: IntArray = field(default_factory=lambda: np.zeros((0, 0, 3, SCORE_BINS), np.int64))
    moments: FloatArray = field(default_factory=lambda: np.zeros((0, _MOMENTS)))


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one buffer has of labels, predictions and scores; None: no such column."""

    label: Levels | None
    prediction: Levels | None
    label_values: FloatArray | None  #: shape (n,), NaN where missing
    prediction_values: FloatArray | None
    scores: Mapping[str, FloatArray]  #: by score column


class CellCounter:
    """Counts all segmentations of a plan."""

    def __init__(self, plan: CellPlan) -> None:
        self.plan = plan
        self.label = _Axis(digits=plan.digits)
        self.prediction = _Axis(digits=plan.digits)
        self.segments: dict[str, _Axis] = {}
        self.joint: dict[tuple[str, ...], _Axis] = {}
        self.unknown = 0  #: rows of buffers without any column that is looked at
        self.tables = {names: _Table() for names in plan.segmentations}

    def add(self, rows: int, segments: Mapping[str, Levels], outcomes: Outcomes) -> None:
        """Count one buffer; segmentations with a column that is not there are left out."""
        at = {}
        for name, levels in segments.items():
            at[name] = self.segments.setdefault(name, _Axis()).of(levels)
        if not (at or outcomes.label or outcomes.prediction or outcomes.scores):
            self.unknown += rows
            return
        label = _of(self.label, outcomes.label, rows)
        prediction = _of(self.prediction, outcomes.prediction, rows)
        scored = self._scored(outcomes, label)
        outcome = label * len(self.prediction) + prediction
        for names, table in self.tables.items():
            if all(name in at for name in names):
                level, size = self._level(names, at, rows)
                self._count(table, level, size, outcome)
                if scored is not None and self._scores_wanted(names):
                    _count_scores(table, level, size, scored, len(self.plan.classes))
                if self.plan.task == "regression":
                    _count_errors(table, level, size, outcomes)

    def _level(
        self, names: tuple[str, ...], at: Mapping[str, IntArray], rows: int
    ) -> tuple[IntArray, int]:
        if not names:
            return np.zeros(rows, np.int64), 1
        if len(names) == 1:
            return at[names[0]], len(self.segments[names[0]])
        axis = self.joint.setdefault(names, _Axis(limit=2 * MAX_LEVELS))
        axes = self.segments[names[0]], self.segments[names[1]]
        level = axis.pairs(at[names[0]], at[names[1]], axes)
        return level, len(axis)

    def _scores_wanted(self, names: tuple[str, ...]) -> bool:
        return not names or (len(names) == 1 and len(self.plan.classes) <= MAX_SCORED)

    def _scored(
        self, outcomes: Outcomes, label: IntArray
    ) -> list[tuple[IntArray, IntArray]] | None:
        """For each class: rows with a score, and their place in (truth, bin)."""
        if not self.plan.classes or self.plan.task == "regression":
            return None
        places = []
        for column, name in self.plan.classes:
            values = outcomes.scores.get(column)
            values = np.full(len(label), np.nan) if values is None else values
            rows = np.flatnonzero(np.isfinite(values))
            bins = (values[rows] * SCORE_BINS).clip(0, SCORE_BINS - 1).astype(np.int64)
            own = self.label.names.get(name, -1)
            truth = np.where(label[rows] == 0, 2, np.where(label[rows] == own, 0, 1))
            places.append((rows, truth * SCORE_BINS + bins))
        return places

    def _count(self, table: _Table, level: IntArray, size: int, outcome: IntArray) -> None:
        shape = (size, len(self.label), len(self.prediction))
        table.counts = _grown(table.counts, shape)
        if shape == (1, 1, 1):
            table.counts += len(level)
            return
        index = level * (shape[1] * shape[2]) + outcome if size > 1 else outcome
        table.counts += np.bincount(index, minlength=table.counts.size).reshape(shape)

    def result(self) -> dict[str, CellTable]:
        """Tables by segmentation: "", "carrier", "carrier, origin"; names ascend."""
        return {", ".join(names): self._result(names) for names in self.plan.segmentations}

    def _result(self, names: tuple[str, ...]) -> CellTable:
        table = self.tables[names]
        levels = {"": 0} if not names else self._level_names(names)
        shown = sorted(name for name, at in levels.items() if not names or _used(table, at))
        labels, predictions = (
            sorted(set(axis.names) - {MISSING}) for axis in (self.label, self.prediction)
        )
        pick = [levels[name] for name in shown]
        shape = (max([*levels.values(), 0]) + 1, len(self.label), len(self.prediction))
        counts = _grown(table.counts, shape).copy()
        if not names:
            counts[0, 0, 0] += self.unknown
        counts = counts[pick]
        counts = counts[:, [*(self.label.names[n] for n in labels), 0]]
        counts = counts[:, :, [*(self.prediction.names[n] for n in predictions), 0]]
        binned = bool(self.plan.classes) and table.scores.size > 0
        classes = [name for _, name in self.plan.classes] if binned else []
        order = sorted(range(len(classes)), key=lambda at: classes[at])
        scores = _grown(table.scores, (shape[0], *table.scores.shape[1:]))
        empty = np.zeros((0, 0, 0), np.int64)
        regression = self.plan.task == "regression"
        errors = _grown(table.moments, (shape[0], _MOMENTS))[pick]
        return CellTable(
            levels=tuple(shown),
            labels=() if regression else tuple(labels),
            predictions=() if regression else tuple(predictions),
            classes=tuple(sorted(classes)),
            counts=empty if regression else counts,
            scores=scores[pick][:, order] if binned else table.scores[:0],
            moments=errors if regression else table.moments[:0],
        )

    def _level_names(self, names: tuple[str, ...]) -> dict[str, int]:
        axis = self.segments.get(names[0]) if len(names) == 1 else self.joint.get(names)
        return axis.names if axis is not None else {}


def _used(table: _Table, at: int) -> bool:
    return any(at < len(part) and bool(np.any(part[at])) for part in (table.counts, table.scores))


def _of(axis: _Axis, levels: Levels | None, rows: int) -> IntArray:
    return np.zeros(rows, np.int64) if levels is None else axis.of(levels)


def _grown(array: npt.NDArray[_N], shape: tuple[int, ...]) -> npt.NDArray[_N]:
    if array.shape == shape:
        return array
    return np.pad(
        array, [(0, max(0, new - old)) for old, new in zip(array.shape, shape, strict=True)]
    )


def _count_scores(
    table: _Table, level: IntArray, size: int, scored: list[tuple[IntArray, IntArray]], classes: int
) -> None:
    table.scores = _grown(table.scores, (size, classes, 3, SCORE_BINS))
    width = 3 * SCORE_BINS
    for at, (rows, place) in enumerate(scored):
        counts = np.bincount(level[rows] * width + place, minlength=size * width)
        table.scores[:, at] += counts.reshape(size, 3, SCORE_BINS)


def _count_errors(table: _Table, level: IntArray, size: int, outcomes: Outcomes) -> None:
    truth, guess = outcomes.label_values, outcomes.prediction_values
    table.moments = _grown(table.moments, (size, _MOMENTS))
    if truth is None or guess is None:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        error = guess - truth
        rows = np.flatnonzero(np.isfinite(error))
        error = error[rows]
        parts = (np.ones(len(rows)), truth[rows], guess[rows], error, error**2, np.abs(error))
        for at, part in enumerate(parts):
            table.moments[:, at] += np.bincount(level[rows], weights=part, minlength=size)
