"""The check `drift.text`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.derived import family_findings
from monitor.core.finding import Finding


class DriftText:
    """Text columns, through the ordinary columns that are made from them.

    **Raises a finding** for each text; its statistic is the made column that decides: `length`
    (in characters) or `pattern` (which classes of characters occur). It is `drifted` when one of
    them passes error control and the gate.
    """

    name = "drift.text"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`drift.text` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The findings of each text column."""
        for parent in context.physical():
            family = [column for column in context.columns if column.parent == parent.name]
            if parent.kind == "text" and family:
                yield from family_findings(self.name, context, parent, family)


plugin = DriftText
