"""The check `drift.dataset`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.wording import listed, percent
from monitor.core.finding import Finding
from monitor.stats.rates import wilson


class DriftDataset:
    """The data set as a whole: which share of the judged columns drifted.

    **Raises one finding**, with column null. It is `drifted` when at least `min_share` of the
    judged columns (and at least two) drifted by their own verdicts; single columns are reported
    by the checks that look at them.

    **Config**

        [monitors.checks."drift.dataset"]
        min_share = 0.5
    """

    name = "drift.dataset"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `drift.dataset`."""

        min_share: float = pydantic.Field(
            0.5, gt=0, le=1, description="Share of the columns from which on the data set drifted."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The share of drifted columns; columns made from one count as that one."""
        judged: dict[str, bool] = {}
        enough: set[str] = set()
        for column in context.columns:
            verdict = context.verdicts.get(column.name)
            if verdict is None or column.name not in context.series:
                continue
            drifted = verdict.drifted and verdict.enough
            judged[column.owner] = judged.get(column.owner, False) or drifted
            if verdict.enough:
                enough.add(column.owner)
        if not judged:
            return
        moved = [name for name, drifted in judged.items() if drifted]
        share = wilson(len(moved), len(judged))
        drifted = len(moved) >= 2 and share.value >= self.options.min_share
        yield Finding(
            check=self.name,
            statistic="drifted_share",
            value=share.value,
            effect=share.value,
            threshold=self.options.min_share,
            n_reference=context.reference.rows,
            n_current=context.current.rows,
            severity="critical" if drifted else "info",
            drifted=drifted,
            message=_sentence(moved, len(judged), share.value, few=len(judged) - len(enough)),
        )


def _sentence(moved: list[str], judged: int, share: float, few: int) -> str:
    if not moved and few:
        return (
            f"None of {judged - few} judged columns differs from the reference; {few} more have "
            "too few rows to say."
        )
    if not moved:
        return f"None of {judged} judged columns differs from the reference."
    return (
        f"{len(moved)} of {judged} judged columns ({percent(share)}) differ from the reference: "
        f"{listed(moved)}."
    )


plugin = DriftDataset
