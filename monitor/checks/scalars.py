"""Numbers that are judged window by window beside the columns: volume, gaps, performance.

Their names are the keys of their alarms: "volume:rows", "performance:accuracy",
"bias:sex=Female:selection_rate". They must differ from all names of columns ("volume" is one,
where shares are traded); where a column is called so all the same, the column is judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.checks.outcomes import (
    RATE_METRICS,
    RateMetric,
    agreement_design_effect,
    column_design_effect,
    error_moments,
    positive_class,
    rate_counts,
    scored,
    segment_name,
)
from monitor.checks.outcomes import confusion as confusion_of
from monitor.core.columns import Roles
from monitor.evidence.types import Scalar
from monitor.profiles.types import CellTable, Profile
from monitor.stats.rates import rate_variance
from monitor.stats.scores import auc_parts

ScalarValues = dict[str, tuple[float, float]]

VOLUME = "volume:rows"  #: logarithm of the number of rows

_MIN_ROWS = 20  #: fewer rows give no value for a window
_MIN_GROUP_SHARE, _MAX_GROUPS = 0.01, 20
_VOLUME_GATE, _RATE_GATE, _ERROR_GATE = 0.2, 0.05, 0.05
_PERFORMANCE_GATE = 0.01
_BRANCH_WEIGHT = 1.0  #: all scalars of one branch share what one column has


@dataclass(frozen=True, slots=True)
class GroupRate:
    """One judged gap: a rate in one group minus the rate in its complement."""

    segmentation: str
    level: str
    metric: RateMetric

    @property
    def name(self) -> str:
        """Name of the scalar, and key of its alarm."""
        return group_key(segment_name(self.segmentation, self.level), self.metric)


@dataclass(frozen=True, slots=True)
class ScalarPlan:
    """Which numbers are judged, fixed by the reference; `values` reads them from any window."""

    specs: tuple[Scalar, ...] = ()
    positive: str | None = None  #: the class that rates are about
    groups: tuple[GroupRate, ...] = ()
    performance: tuple[str, ...] = ()
    error_scale: float = 1.0  #: root mean squared error of the reference
    design_effect: float = 1.0  #: of the predictions
    agreement_effect: float = 1.0  #: of label and prediction taken together

    def values(self, profile: Profile) -> ScalarValues:
        """(value, sampling variance) of each number that this window has enough rows for."""
        found: ScalarValues = {}
        if profile.rows > 0:
            found[VOLUME] = (math.log(profile.rows), 1 / profile.rows)
        for group in self.groups:
            gap = self._gap(profile.cells.get(group.segmentation), group)
            if gap is not None:
                found[group.name] = gap
        whole = profile.cells.get("")
        if whole is not None:
            for metric in self.performance:
                value = self._performance(whole, metric)
                if value is not None:
                    found[performance_key(metric)] = value
        judged = {spec.name for spec in self.specs}
        return {name: value for name, value in found.items() if name in judged}

    def _gap(self, table: CellTable | None, group: GroupRate) -> tuple[float, float] | None:
        if table is None or group.level not in table.levels:
            return None
        hits, rows = rate_counts(table, group.metric, self.positive)
        index = table.levels.index(group.level)
        inside, outside = int(rows[index]), int(rows.sum() - rows[index])
        if min(inside, outside) < _MIN_ROWS:
            return None
        hit, miss = int(hits[index]), int(hits.sum() - hits[index])
        variance = sum(
            rate_variance(count, n, self.design_effect)
            for count, n in ((hit, inside), (miss, outside))
        )
        return hit / inside - miss / outside, variance

    def _performance(self, table: CellTable, metric: str) -> tuple[float, float] | None:
        if metric == "accuracy":
            hits, rows = (int(side.sum()) for side in rate_counts(table, "accuracy", None))
            if rows < _MIN_ROWS:
                return None
            return hits / rows, rate_variance(hits, rows, self.agreement_effect)
        if metric == "roc_auc":
            return self._auc(table)
        return self._error(table, metric)

    def _auc(self, table: CellTable) -> tuple[float, float] | None:
        sides = scored(table, 0, self.positive) if self.positive is not None else None
        if sides is None:
            return None
        value, variance, smaller = auc_parts(*sides)
        if smaller < _MIN_ROWS:
            return None
        floor = rate_variance(value * smaller, smaller) / 10  # a perfect window is not exact
        return value, max(variance, floor) * self.agreement_effect

    def _error(self, table: CellTable, metric: str) -> tuple[float, float] | None:
        moments = error_moments(table, 0)
        if moments is None or moments.rows < _MIN_ROWS or moments.squared <= 0:
            return None
        n, square = moments.rows / self.agreement_effect, moments.squared / moments.rows
        if metric == "mean_error":
            mean = moments.error / moments.rows
            unit = self.error_scale
            return mean / unit, max(square - mean**2, 0.0) / n / unit**2
        size = moments.absolute / moments.rows
        return math.log(size), max(square / size**2 - 1, 0.0) / n


def plan_scalars(
    pooled: Profile,
    roles: Roles,
    windows: Sequence[Profile],
    *,
    timed: bool,
    positive: str | None = None,
) -> ScalarPlan:
    """Which numbers are judged beside the columns.

    Parameters
    ----------
    pooled : Profile
        All windows of the reference together.
    roles : Roles
        Label, prediction, scores and segments.
    windows : sequence of Profile
        The windows of the reference, for the design effect of the predictions.
    timed : bool
        Whether windows are stretches of time: else their number of rows says nothing.
    positive : str, optional
        The class that selection and true positive rates are about; found when there are two.
    """
    whole = pooled.cells.get("")
    chosen = positive_class(whole, positive) if whole is not None else positive
    groups = tuple(_groups(pooled, roles, chosen))
    performance = _performance_metrics(whole, chosen) if whole is not None else ()
    moments = error_moments(whole, 0) if whole is not None else None
    scale = math.sqrt(moments.squared / moments.rows) if moments and moments.rows else 1.0
    specs = (*_volume(timed=timed), *_group_specs(groups), *_performance_specs(performance))
    return ScalarPlan(
        specs=tuple(spec for spec in specs if spec.name not in pooled.columns),
        positive=chosen,
        groups=groups,
        performance=performance,
        error_scale=scale or 1.0,
        design_effect=column_design_effect(windows, roles.prediction),
        agreement_effect=agreement_design_effect(windows, roles.label, roles.prediction),
    )


def group_key(segment: str, metric: str) -> str:
    """Name of the scalar that judges a group's gap, and of its alarm."""
    return f"bias:{segment}:{metric}"


def performance_key(metric: str) -> str:
    """Name of the scalar that judges a metric of all rows, and of its alarm."""
    return f"performance:{metric}"


def _volume(*, timed: bool) -> tuple[Scalar, ...]:
    return (Scalar(VOLUME, gate=_VOLUME_GATE),) if timed else ()


def _groups(pooled: Profile, roles: Roles, positive: str | None) -> Iterator[GroupRate]:
    """Gaps of single segments; intersections are shown, not judged: they are too many."""
    for segmentation, table in pooled.cells.items():
        if segmentation not in roles.segments or len(table.levels) < 2:
            continue
        for metric in RATE_METRICS:
            _, counts = rate_counts(table, metric, positive)
            rows = [int(count) for count in counts]
            floor = max(2 * _MIN_ROWS, _MIN_GROUP_SHARE * sum(rows))
            large = np.argsort(-counts, kind="stable")[:_MAX_GROUPS]
            for index in large.tolist():
                if min(rows[index], sum(rows) - rows[index]) >= floor:
                    yield GroupRate(segmentation, table.levels[index], metric)


def _group_specs(groups: tuple[GroupRate, ...]) -> Iterator[Scalar]:
    for group in groups:
        family = sum(other.segmentation == group.segmentation for other in groups)
        yield Scalar(group.name, gate=_RATE_GATE, weight=_BRANCH_WEIGHT / family)


def _performance_metrics(table: CellTable, positive: str | None) -> tuple[str, ...]:
    moments = error_moments(table, 0)
    if moments is not None:
        return ("mean_absolute_error", "mean_error") if moments.rows >= 2 * _MIN_ROWS else ()
    _, square = confusion_of(table, 0)
    found = ["accuracy"] if square.sum() >= 2 * _MIN_ROWS else []
    sides = scored(table, 0, positive) if positive is not None else None
    if sides is not None and min(int(side.sum()) for side in sides) >= 2 * _MIN_ROWS:
        found.append("roc_auc")
    return tuple(found)


def _performance_specs(metrics: tuple[str, ...]) -> Iterator[Scalar]:
    for metric in metrics:
        gate = _ERROR_GATE if metric.startswith("mean_") else _PERFORMANCE_GATE
        yield Scalar(performance_key(metric), gate=gate, weight=_BRANCH_WEIGHT / len(metrics))
