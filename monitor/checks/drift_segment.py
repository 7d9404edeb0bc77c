"""The check `drift.segment`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pydantic

from monitor.checks.context import Context
from monitor.checks.deciding import deciding
from monitor.checks.run import SEGMENT, segment_of
from monitor.checks.wording import listed, one_line
from monitor.core.finding import Finding


class DriftSegment:
    """Columns once more in each of the largest groups of the segments.

    A change in one group (delays of one carrier) may be too small a part of all rows to be seen
    there. So each column is judged in the largest groups too, on the sample that profiles keep,
    with a share of the budget of its own; the groups are those with at least 5 % of the rows,
    up to eight, and columns in groups up to 200. A group whose column differs as a whole is told
    with the column, and is no event of its own.

    **Raises a finding** for each column that differs in a group, with the statistics of
    `drift.numeric` and `drift.categorical`, and one that sums them up.

    **Config**

        [monitors.checks]
        off = ["drift.segment"]
    """

    name = "drift.segment"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `drift.segment`."""

        max_findings: int = pydantic.Field(
            50, ge=1, description="Columns in groups that are told one by one, the surest first."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """What differs in a group, and a summary."""
        judged = [name for name in context.verdicts if name.startswith(SEGMENT)]
        if not judged:
            return
        moved = [name for name in judged if context.verdicts[name].drifted]
        moved.sort(key=lambda name: (not context.verdicts[name].fired, name))
        for name in moved[: self.options.max_findings]:
            finding = deciding(self.name, context, name)
            if finding is not None and finding.drifted:
                yield _in_group(finding, name)
        enough = sum(context.verdicts[name].enough for name in judged)
        yield Finding(
            check=self.name,
            statistic="drifted_in_groups",
            value=float(len(moved)),
            n_current=context.current.rows,
            message=_sentence(moved, enough, len(judged)),
        )


def _in_group(finding: Finding, name: str) -> Finding:
    segment, column = segment_of(name)
    message = f"Where {one_line(segment)}: {finding.message[:1].lower()}{finding.message[1:]}"
    return replace(finding, column=column, segment=segment, message=message)


def _sentence(moved: list[str], enough: int, judged: int) -> str:
    few = f"; {judged - enough} have too few sampled rows to say" if enough < judged else ""
    if not moved:
        return f"None of {judged} columns in groups differs from the reference{few}."
    names = listed([f"{column} where {segment}" for segment, column in map(segment_of, moved)])
    return f"{len(moved)} of {judged} columns in groups differ from the reference: {names}{few}."


plugin = DriftSegment
