"""The check `drift.embedding`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.derived import family_findings
from monitor.core.finding import Finding


class DriftEmbedding:
    """Embedding columns, through the ordinary columns that an encoder makes from them.

    **Raises a finding** for each embedding; its statistic is the made column that decides: `pc0`
    … (principal directions of the reference), `residual` (what they leave), `norm`,
    `centroid_distance`, `cluster`, `novelty`. The other made columns follow as info findings. It
    is `drifted` when one of them passes error control and the gate.
    """

    name = "drift.embedding"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`drift.embedding` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The findings of each embedding."""
        for parent in context.physical():
            family = [column for column in context.columns if column.parent == parent.name]
            if parent.kind == "embedding" and family:
                yield from family_findings(self.name, context, parent, family)


plugin = DriftEmbedding
