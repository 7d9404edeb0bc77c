"""The check `performance.regression`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from monitor.checks.context import Context
from monitor.checks.measured import Measured, PerformanceOptions
from monitor.checks.outcomes import error_moments
from monitor.core.finding import Finding
from monitor.profiles.types import CellTable
from monitor.stats.rates import Estimate
from monitor.stats.regression import mean_absolute_error, mean_error, root_mean_squared_error


class PerformanceRegression:
    """Mean absolute error, root mean squared error and mean error of a predicted number.

    **Raises findings** for all rows and for each group of each segment, in the unit of the label,
    with intervals and the value on the reference. `mean_absolute_error` (5 %) and `mean_error`
    (5 % of the reference's root mean squared error) of all rows are `drifted` when their change
    passes error control over time and the gate.
    """

    name = "performance.regression"
    Options = PerformanceOptions

    def __init__(self, options: PerformanceOptions) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Metrics of all rows, then by segment."""
        column = context.roles.label
        yield from Measured(self.name, read, column, self.options).findings(context)


def read(table: CellTable, level: int, delta: float) -> Mapping[str, Estimate]:
    """All metrics of one group."""
    moments = error_moments(table, level)
    if moments is None or moments.rows <= 0:
        return {}
    return {
        "mean_absolute_error": mean_absolute_error(moments, design_effect=delta),
        "root_mean_squared_error": root_mean_squared_error(moments, design_effect=delta),
        "mean_error": mean_error(moments, design_effect=delta),
    }


plugin = PerformanceRegression
