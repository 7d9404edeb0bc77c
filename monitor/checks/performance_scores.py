"""The check `performance.scores`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from monitor.checks.context import Context
from monitor.checks.measured import Measured, PerformanceOptions
from monitor.checks.outcomes import score_of_the_label, scored
from monitor.core.finding import Finding
from monitor.profiles.types import CellTable
from monitor.stats.rates import Estimate
from monitor.stats.scores import brier_score_loss, log_loss, roc_auc


class PerformanceScores:
    """ROC AUC, log loss and Brier score of the model's scores, where labels are.

    **Raises findings** for all rows and for each group of each segment, with intervals and the
    value on the reference. With more than two classes the AUC is the plain mean of those of each
    class against the rest. Scores are read from bins, so log loss and Brier score are right to
    half a bin. `roc_auc` of all rows is `drifted` when its change passes error control over time
    and the gate (0.01).
    """

    name = "performance.scores"
    Options = PerformanceOptions

    def __init__(self, options: PerformanceOptions) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Metrics of all rows, then by segment."""
        yield from Measured(self.name, read, context.roles.label, self.options).findings(context)


def read(table: CellTable, level: int, delta: float) -> Mapping[str, Estimate]:
    """All metrics of one group."""
    given = score_of_the_label(table, level)
    if given is None or given.sum() == 0:
        return {}
    found: dict[str, Estimate] = {}
    each = [scored(table, level, name) for name in table.classes]
    areas = [roc_auc(*sides, design_effect=delta) for sides in each if sides is not None]
    areas = [area for area in areas if area.known]
    if areas:
        found["roc_auc"] = _mean(areas)
    found["log_loss"] = log_loss(given, design_effect=delta)
    if len(table.classes) == 1 and each[0] is not None:
        found["brier_score_loss"] = brier_score_loss(*each[0], design_effect=delta)
    return found


def _mean(areas: list[Estimate]) -> Estimate:
    """Mean over the classes; its interval as if their errors were one, which is the widest."""
    value = float(np.mean([area.value for area in areas]))
    low, high = (float(np.mean([area.interval[end] for area in areas])) for end in (0, 1))
    return Estimate(value, (low, high), max(area.rows for area in areas))


plugin = PerformanceScores
