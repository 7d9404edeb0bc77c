"""The check `quality.missing`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.examples import missing_rows
from monitor.checks.sides import Side, how_sure, merged, side_of, unusual
from monitor.checks.wording import percent, points, rows_needed
from monitor.core.columns import Column
from monitor.core.finding import Finding, Severity
from monitor.evidence.types import Verdict
from monitor.profiles.types import ColumnProfile
from monitor.stats.rates import newcombe, wilson


class QualityMissing:
    """Share of rows without a value: null or NaN.

    **Raises a finding** for each column that has missing values in the reference or the window.
    It is `drifted` when the evidence on the missing share passes error control and the gate, or
    when a column that had values has not one left (with at least `min_rows` rows, and windows of
    the reference are not so). The label is
    an exception: labels come late, so their share is only shown.

    **Config**

        [monitors.checks."quality.missing"]
        min_rows = 20
    """

    name = "quality.missing"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.missing`."""

        min_rows: int = pydantic.Field(20, ge=1, description="Rows from which on all-null counts.")

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each column with something missing, before or now."""
        for column in context.physical():
            both = _profiles(context, column)
            if both is None or both[1].rows == 0 or column.role == "ignored":
                continue
            if column.name in context.current.absent:  # `quality.schema` says so
                continue
            if both[0].missing or both[1].missing:
                yield self._finding(context, column, *both)

    def _finding(
        self, context: Context, column: Column, old: ColumnProfile, new: ColumnProfile
    ) -> Finding:
        verdict, side = _judged(context, column)
        delta = max(1.0, new.missing_blocks.design_effect())
        share = wilson(new.missing, new.rows, design_effect=delta)
        before = old.missing / old.rows if old.rows else 0.0
        vanished = self._vanished(column, old, new)
        if before >= 0.5 / context.reference_windows:  # whole windows may have been empty before
            vanished = vanished and unusual(verdict, missing=True)
        severity: Severity = side.severity if side is not None else "info"
        return Finding(
            check=self.name,
            column=column.name,
            statistic="missing_share",
            value=share.value,
            interval=share.interval,
            p_value=side.contrast.p_value if side is not None else None,
            effect=share.value - before,
            threshold=side.contrast.threshold if side is not None else None,
            n_reference=old.rows,
            n_current=new.rows,
            severity="critical" if vanished else severity,
            drifted=vanished or (side is not None and side.drifted),
            message=_sentence(old, new, verdict, side),
            rows=missing_rows(context.current.sample, column.name),
        )

    def _vanished(self, column: Column, old: ColumnProfile, new: ColumnProfile) -> bool:
        """Not one value left, where the reference has some in every few rows."""
        if column.role == "label" or new.present > 0 or new.rows < self.options.min_rows:
            return False
        gone = newcombe((new.missing, old.missing), (new.rows, old.rows), confidence=0.9999)
        return gone.interval[0] > 0.05


def _own(context: Context, column: Column) -> list[str]:
    """The column, then those made from it: a text or embedding is profiled through them."""
    return [column.name, *(one.name for one in context.columns if one.parent == column.name)]


def _profiles(context: Context, column: Column) -> tuple[ColumnProfile, ColumnProfile] | None:
    for name in _own(context, column):
        old, new = context.reference.columns.get(name), context.current.columns.get(name)
        if old is not None and new is not None:
            return old, new
    return None


def _judged(context: Context, column: Column) -> tuple[Verdict | None, Side | None]:
    """The verdict on the missing share, one that drifted before one that did not."""
    if column.role == "label":
        return None, None
    found: list[tuple[Verdict, Side]] = []
    for name in _own(context, column):
        verdict = context.verdicts.get(name)
        side = side_of(verdict, missing=True) if verdict is not None else None
        if verdict is not None and side is not None:
            found.append((verdict, side))
    return max(found, key=lambda pair: pair[1].drifted, default=(None, None))


def _sentence(
    old: ColumnProfile, new: ColumnProfile, verdict: Verdict | None, side: Side | None
) -> str:
    before, now = old.missing / max(1, old.rows), new.missing / new.rows
    change = f"from {percent(before)} to {percent(now)} of the rows"
    if new.present == 0 and old.present > 0:
        had = percent(1 - before)
        return f"Not one of {new.rows:,} rows has a value; in the reference {had} have one."
    if verdict is not None and not verdict.enough:
        return f"Missing values went {change}. {rows_needed(new.rows, verdict.needed)}"
    if old.missing == 0:
        return (
            f"Missing values are new: {new.missing:,} of {new.rows:,} rows "
            f"({percent(now)}); the reference has none{_end(verdict, side)}."
        )
    what = f"issing values went {change} ({points(now - before)})"
    start = "M" if side is not None and side.drifted else "Like the reference: m"
    return f"{start}{what}{_end(verdict, side)}."


def _end(verdict: Verdict | None, side: Side | None) -> str:
    if verdict is None or side is None:
        return ""
    return f"{merged(side.contrast)}{how_sure(verdict, side)}"


plugin = QualityMissing
