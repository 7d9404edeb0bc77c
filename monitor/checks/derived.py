"""Findings about a column that was judged through the columns made from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monitor.checks.context import Context
from monitor.checks.customary import customary
from monitor.checks.deciding import deciding, seeing
from monitor.core.columns import Column
from monitor.core.finding import Finding


def family_findings(
    check: str, context: Context, parent: Column, family: Sequence[Column]
) -> Iterator[Finding]:
    """First the one that decides, then the others; all are filed under the parent.

    The customary distances are those of the one that decides. The statistic is the short name of
    the derived column ("pc0", "length"), the verdict of the
    first is that of the whole family, and its message names the others that drifted.
    """
    found: list[tuple[Column, Finding]] = []
    for column in family:
        finding = deciding(check, context, column.name)
        if finding is not None:
            short = short_name(column)
            told = f"{short}: {finding.message[0].lower()}{finding.message[1:]}"
            found.append((column, replace(finding, statistic=short, message=told)))
    found.sort(key=lambda pair: _order(pair[1]))
    others = [finding.statistic for _, finding in found[1:] if finding.drifted]
    for position, (column, finding) in enumerate(found):
        if position > 0:
            yield replace(finding, drifted=False, severity="info")
        elif finding.drifted:
            also = f" Also moved: {', '.join(others)}." if others else ""
            start = f"{parent.kind.capitalize()} {parent.name!r} differs from the reference"
            told = f"{start}, most clearly in {finding.message}{also}"
            yield replace(finding, message=told)
        else:
            yield finding
        if position == 0:
            if (least := seeing(check, context, column.name)) is not None:
                yield least
            yield from customary(check, context, column.name)


def short_name(column: Column) -> str:
    """`pc0` of `embedding.pc0`."""
    return column.name.removeprefix(f"{column.parent}.") if column.parent else column.name


def _order(finding: Finding) -> tuple[bool, float]:
    if finding.p_value is None or finding.threshold is None:
        return not finding.drifted, float("inf")
    return not finding.drifted, finding.p_value / max(finding.threshold, 1e-300)
