"""The check `drift.numeric`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.customary import customary
from monitor.checks.deciding import deciding, seeing
from monitor.checks.judged import PRESENT
from monitor.core.finding import Finding


class DriftNumeric:
    """Numeric columns: where the values lie, how far they spread, the shape.

    **Raises a finding** for each judged numeric column. `location` is the shift in reference
    standard deviations (of normal scores, so that outliers do not decide), `scale` the ratio of
    the spreads, `bin_share` the change of the share of one range of values, `tail_share` that of
    both ends together. It is `drifted` when the evidence passes error control over columns,
    segments and time *and* the change is large enough to matter (the gate). Beside it stand the
    customary distances `psi`, `js`, `ks` and `wasserstein` (in reference standard
    deviations); they never decide.

    **Config**

        [monitors.checks."drift.numeric"]
        distances = false
    """

    name = "drift.numeric"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `drift.numeric`."""

        distances: bool = pydantic.Field(True, description="Report the customary distances too.")

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The verdict and the distances of each numeric column that is not made from another."""
        for column in context.columns:
            series = context.series.get(column.name)
            if series is None or column.parent is not None or series.labels == (PRESENT,):
                continue
            if series.kind != "numeric":
                continue
            verdict = deciding(self.name, context, column.name)
            if verdict is not None:
                yield verdict
            if (least := seeing(self.name, context, column.name)) is not None:
                yield least
            if self.options.distances:
                yield from customary(self.name, context, column.name)


plugin = DriftNumeric
