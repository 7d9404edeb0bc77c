"""The check `performance.classification`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.checks.context import Context
from monitor.checks.measured import Measured, PerformanceOptions
from monitor.checks.outcomes import confusion
from monitor.core.finding import Finding
from monitor.profiles.types import CellTable
from monitor.stats.classification import Metric, accuracy, macro, of_class
from monitor.stats.rates import Estimate

_METRICS: tuple[Metric, ...] = ("precision", "recall", "f1")


class PerformanceClassification:
    """Accuracy, precision, recall and F1 of the predicted classes, where labels are.

    **Raises findings** for all rows and for each group of each segment, with intervals and the
    value on the reference. With two classes precision, recall and F1 are those of the positive
    class, with more they are the plain mean over the classes. `accuracy` of all rows is `drifted`
    when its change passes error control over time and the gate (one point).
    """

    name = "performance.classification"
    Options = PerformanceOptions

    def __init__(self, options: PerformanceOptions) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Metrics of all rows, then by segment."""
        positive = context.scalars.positive

        def read(table: CellTable, level: int, delta: float) -> Mapping[str, Estimate]:
            classes, square = confusion(table, level)
            if square.sum() == 0:
                return {}
            found = {"accuracy": accuracy(square, design_effect=delta)}
            for metric in _METRICS:
                found[metric] = (
                    of_class(square, classes.index(positive), metric, design_effect=delta)
                    if positive in classes
                    else macro(square, metric, design_effect=delta)
                )
            return found

        column = context.roles.label
        yield from Measured(self.name, read, column, self.options).findings(context)


plugin = PerformanceClassification
