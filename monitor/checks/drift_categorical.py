"""The check `drift.categorical`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.customary import customary
from monitor.checks.deciding import deciding, seeing
from monitor.core.finding import Finding


class DriftCategorical:
    """Categorical and boolean columns: the share of each level, and of all that is rare or new.

    **Raises a finding** for each judged categorical column: `level_share` is the change of the
    share of the level that speaks loudest. It is `drifted` when the evidence passes error control
    over columns, segments and time *and* the change is large enough to matter (the gate). Labels
    and predictions have their verdict under `balance.label` and `balance.prediction`. Beside it
    stand the customary distances `psi`, `js` and `chi2`; they never decide.

    **Config**

        [monitors.checks."drift.categorical"]
        distances = false
    """

    name = "drift.categorical"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `drift.categorical`."""

        distances: bool = pydantic.Field(True, description="Report the customary distances too.")

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The verdict and the distances of each categorical column that is no derived one."""
        for column in context.columns:
            series = context.series.get(column.name)
            if series is None or column.parent is not None or series.kind != "categorical":
                continue
            verdict = deciding(self.name, context, column.name)
            if verdict is not None and column.role not in {"label", "prediction"}:
                yield verdict
            if (least := seeing(self.name, context, column.name)) is not None:
                yield least
            if self.options.distances:
                yield from customary(self.name, context, column.name)


plugin = DriftCategorical
