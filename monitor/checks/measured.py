"""Metrics of a model beside those on the reference: what all `performance.*` checks say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pydantic

from monitor.checks.context import Context
from monitor.checks.outcomes import segment_name
from monitor.checks.scalars import performance_key
from monitor.checks.sides import how_sure, merged, side_of
from monitor.checks.wording import number, percent
from monitor.core.finding import Finding
from monitor.profiles.types import CellTable
from monitor.stats.rates import Estimate, difference

#: Reads metrics by name: (table, level, design effect) -> estimates; empty where none applies.
Reader = Callable[[CellTable, int, float], Mapping[str, Estimate]]

_SHARES = {"accuracy", "precision", "recall", "f1", "estimated_accuracy"}


class PerformanceOptions(pydantic.BaseModel, frozen=True, extra="forbid"):
    """Options that the `performance.*` checks share."""

    min_rows: int = pydantic.Field(
        30, ge=1, description="Labelled rows of a group below which nothing is said."
    )
    max_groups: int = pydantic.Field(
        20, ge=1, description="Groups told for each segment, the largest first."
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """One `performance.*` check: some metrics, of all rows and by segment."""

    check: str
    read: Reader
    column: str | None
    options: PerformanceOptions

    def findings(self, context: Context) -> Iterator[Finding]:
        """Metrics of all rows, then of each group of each single segment."""
        delta = context.scalars.agreement_effect
        for name in ("", *context.roles.segments):
            now, before = (p.cells.get(name) for p in (context.current, context.reference))
            if now is None:
                continue
            told = [(level, self.read(now, i, delta)) for i, level in enumerate(now.levels)]
            told = [pair for pair in told if pair[1] and _rows(pair[1]) > 0]
            told.sort(key=lambda pair: -_rows(pair[1]))
            for level, estimates in told[: self.options.max_groups]:
                was = self._before(before, level, delta)
                segment = segment_name(name, level) if name else None
                yield from self._told(context, segment, estimates, was)

    def _before(self, table: CellTable | None, level: str, delta: float) -> Mapping[str, Estimate]:
        if table is None or level not in table.levels:
            return {}
        return self.read(table, table.levels.index(level), delta)

    def _told(
        self,
        context: Context,
        segment: str | None,
        estimates: Mapping[str, Estimate],
        was: Mapping[str, Estimate],
    ) -> Iterator[Finding]:
        rows = _rows(estimates)
        if rows < self.options.min_rows:
            where = f" where {segment}" if segment else ""
            yield Finding(
                check=self.check,
                column=self.column,
                segment=segment,
                statistic="rows",
                value=float(rows),
                n_current=rows,
                message=f"Too few labelled rows to say{where}: {rows:,} rows, "
                f"{self.options.min_rows:,} needed.",
            )
            return
        for statistic, estimate in estimates.items():
            if estimate.known:
                yield metric_finding(
                    self.check, context, statistic, estimate, was.get(statistic),
                    column=self.column, segment=segment,
                )  # fmt: skip


def metric_finding(
    check: str,
    context: Context,
    statistic: str,
    now: Estimate,
    before: Estimate | None,
    *,
    column: str | None,
    segment: str | None = None,
    note: str = "",
) -> Finding:
    """One metric; of all rows it carries the verdict on its change since the reference."""
    verdict = context.scalar_verdict(performance_key(statistic)) if segment is None else None
    side = side_of(verdict, missing=False) if verdict is not None else None
    contrast = side.contrast if side is not None else None
    drifted = side is not None and side.drifted
    change = difference(now, before) if before is not None and before.known else None
    end = f"{merged(side.contrast)}{how_sure(verdict, side)}" if verdict and side else ""
    differs = "; this differs from the reference" if drifted else ""
    was = f"; in the reference {_shown(statistic, before.value)}" if before and change else ""
    where = f" where {segment}" if segment else ""
    low, high = (_shown(statistic, value) for value in now.interval)
    return Finding(
        check=check,
        column=column,
        segment=segment,
        statistic=statistic,
        value=now.value,
        interval=now.interval,
        p_value=contrast.p_value if contrast else None,
        effect=change.value if change else None,
        threshold=contrast.threshold if contrast else None,
        n_reference=before.rows if before and change else None,
        n_current=now.rows,
        severity="critical" if drifted else "info",
        drifted=drifted,
        message=f"{_named(statistic)}{where} is {_shown(statistic, now.value)} ({low} … {high})"
        f"{was}{differs}{end}{note}.",
    )


def _rows(estimates: Mapping[str, Estimate]) -> int:
    return max((estimate.rows for estimate in estimates.values()), default=0)


def _named(statistic: str) -> str:
    words = {"roc_auc": "ROC AUC", "f1": "F1", "estimated_roc_auc": "Estimated ROC AUC"}
    return words.get(statistic, statistic.replace("_", " ").capitalize())


def _shown(statistic: str, value: float) -> str:
    return percent(value) if statistic in _SHARES else number(value)
