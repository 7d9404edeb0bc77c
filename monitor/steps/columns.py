"""The columns of a report: verdict, evidence, histogram and history of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitor.checks.context import Context
from monitor.checks.deciding import deciding
from monitor.checks.wording import sight
from monitor.core.columns import Column
from monitor.core.finding import Finding
from monitor.core.window import Window
from monitor.evidence.history import history
from monitor.evidence.types import Gate, Verdict
from monitor.steps.baseline import Baseline
from monitor.steps.charts import chart
from monitor.steps.observations import Seen
from monitor.steps.second_opinions import FAMILY
from monitor.store.records import FindingPoint
from reports.view import Bins, ColumnView, FindingView, HistoryPoint, Severity, Unit

#: Statistics of findings about one contrast, and its kind.
_KINDS = {
    "location": "location", "scale": "scale", "skewness": "skewness", "bin_share": "bin",
    "tail_share": "bin",
    "level_share": "level", "missing_share": "missing", "scalar": "scalar",
}  # fmt: skip
_DISTANCES = ("psi", "js", "ks", "wasserstein", "chi2")
_GROUPS = "drift.segment"
_EXTERNAL = "external."  #: checks of other tools: shown, never leading


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The windows before this one, oldest first, judged by the same version of the reference."""

    windows: Sequence[Window] = ()
    seen: Sequence[Seen] = ()
    drifted: frozenset[tuple[Window, str | None]] = frozenset()  #: column, and when it differed
    figures: Sequence[FindingPoint] = ()  #: figures of merit of all rows
    since: Mapping[str, datetime] = field(default_factory=dict)  #: alarm key -> first window


@dataclass(frozen=True, slots=True)
class Columns:
    """Draws the columns of one run."""

    baseline: Baseline
    context: Context
    findings: Sequence[Finding]
    seen: Seen
    past: Past
    window: Window | None

    def views(self) -> tuple[ColumnView, ...]:
        """Physical columns, then those made from them."""
        lines = history(self.baseline.evidence, [one.parts for one in (*self.past.seen, self.seen)])
        apart = self.baseline.apart  # their past is told by another reference
        lines = {name: line for name, line in lines.items() if name not in apart}
        return tuple(self._view(column, lines) for column in self.baseline.plan.every)

    def _view(self, column: Column, lines: Mapping[str, Sequence[float]]) -> ColumnView:
        name = column.name
        own = self._findings(column)
        leading = _leading(own)
        if column.parent is not None:
            leading = deciding("drift.derived", self.context, name)
        decider = self._decider(column, leading)
        verdict = self.context.verdicts.get(decider)
        kind = _kind(leading, verdict)
        told = self._is_told(column, own)
        old = self.context.reference.columns.get(name)
        new = self.context.current.columns.get(name)
        past = self._history(column, decider, lines, told=told)
        return ColumnView(
            name=name,
            kind=column.kind,
            role=column.role,
            parent=column.parent or "",
            drifted=told,
            severity=_worst(own)
            if column.parent is None
            else (leading.severity if leading else "info"),
            statement=leading.message if leading else _unjudged(column),
            enough=verdict.enough if verdict else True,
            statistic=_statistic(leading, kind, made=decider != name),
            decided_by="" if decider == name else decider.removeprefix(f"{name}."),
            effect=leading.effect if leading else None,
            unit=_unit(kind),
            interval=_interval(leading, kind),
            gate=self._gate(decider, kind),
            p_value=leading.p_value if leading else None,
            threshold=leading.threshold if leading else None,
            once_in_years=_years(verdict),
            n_reference=old.present if old else None,
            n_current=new.present if new else None,
            missing_reference=old.missing / old.rows if old and old.rows else None,
            missing_current=new.missing / new.rows if new and new.rows else None,
            distances={f.statistic: f.value for f in own if _is_distance(f)},
            sight=_sight(verdict),
            bins=None if column.role == "timestamp" else self._bins(decider),
            history=past,
            history_unit=self._line_unit(decider),
            history_gate=self._line_gate(decider),
            since=self._since(column, past) if told else None,
            findings=tuple(
                _told(finding)
                for finding in (*own, *self._in_groups(column))
                if _is_told(finding) and not self._is_of_a_child(name, finding, leading)
            ),
        )

    def _decider(self, column: Column, leading: Finding | None) -> str:
        """The column that the verdict rests on: itself, or one made from it."""
        if leading is None or column.parent is not None:
            return column.name
        made = f"{column.name}.{leading.statistic}"
        derived = {one.name for one in self.baseline.plan.derived if one.parent == column.name}
        return made if made in derived else column.name

    def _is_told(self, column: Column, own: Sequence[Finding]) -> bool:
        if column.parent is None:
            return any(finding.drifted for finding in own)
        verdict = self.context.verdicts.get(column.name)
        return verdict is not None and verdict.drifted

    def _is_of_a_child(self, name: str, finding: Finding, leading: Finding | None) -> bool:
        """Whether a made column says the same about itself."""
        made = f"{name}.{finding.statistic}"
        children = (one.name for one in self.baseline.plan.derived if one.parent == name)
        return finding is not leading and made in children

    def _bins(self, name: str) -> Bins | None:
        baseline = self.baseline
        return chart(
            self.context.reference.columns.get(name),
            self.context.current.columns.get(name),
            baseline.folds.get(name),
            baseline.plan.codebooks.get(name),
        )

    def _since(self, column: Column, past: Sequence[HistoryPoint]) -> datetime | None:
        """The first of the windows that differ without a break, or where the alarm opened."""
        first = None
        for point in reversed(past):
            if not point.drifted:
                break
            first = point.window_start
        opened = self.past.since.get(f"column:{column.owner}")
        return min((moment for moment in (first, opened) if moment), default=None)

    def _findings(self, column: Column) -> list[Finding]:
        if column.parent is not None:
            return []
        return [
            finding
            for finding in self.findings
            if finding.column == column.name
            and not finding.check.startswith(("bias.", "performance.", _GROUPS))
        ]

    def _in_groups(self, column: Column) -> list[Finding]:
        """What differs in a group: told with the column, which need not differ itself."""
        return [
            finding
            for finding in self.findings
            if finding.check == _GROUPS and finding.column == column.name
        ]

    def _history(
        self,
        column: Column,
        decider: str,
        lines: Mapping[str, Sequence[float]],
        *,
        told: bool,
    ) -> tuple[HistoryPoint, ...]:
        """The effect of the deciding column, window by window.

        Past verdicts are kept of physical columns only: a made one is taken to have differed
        where its owner did and it was beyond the gate itself.
        """
        if self.window is None:
            return ()
        gate = self._line_gate(decider)
        windows = [*self.past.windows, self.window]
        made = column.parent is not None
        points = []
        for window, effect in zip(
            windows, lines.get(decider) or [math.nan] * len(windows), strict=True
        ):
            strength = None if math.isnan(effect) or not gate else abs(effect) / gate
            differs = (window, column.owner) in self.past.drifted
            if made and (strength is None or strength < 1):
                differs = False
            points.append(
                HistoryPoint(
                    window_start=window.start,
                    effect=None if math.isnan(effect) else effect,
                    drifted=told if window == self.window else differs,
                    gap=math.isnan(effect),
                    strength=strength,
                )
            )
        return tuple(points)

    def _gate(self, name: str, kind: str) -> float | None:
        series = self.baseline.series.get(name)
        return gate_of(series.gate, kind) if series and name in self.context.verdicts else None

    def _line_gate(self, name: str) -> float | None:
        series = self.baseline.series.get(name)
        if series is None:
            return None
        return series.gate.location if series.kind == "numeric" else series.gate.level

    def _line_unit(self, name: str) -> Unit | None:
        series = self.baseline.series.get(name)
        return None if series is None else "sd" if series.kind == "numeric" else "share"


def gate_of(gate: Gate, kind: str) -> float:
    """The smallest effect that matters for one kind of contrast."""
    return float(getattr(gate, kind, gate.location))


def _leading(own: Sequence[Finding]) -> Finding | None:
    """What is said first: a drifted finding, else the one with the verdict on the values."""
    drifted = [finding for finding in own if finding.drifted]
    own = [finding for finding in own if not finding.check.startswith(FAMILY)]
    judged = [
        finding
        for finding in own
        if finding.threshold is not None and not finding.check.startswith(_EXTERNAL)
    ]
    spoken = [finding for finding in own if finding.statistic == "rows"]
    return next(iter([*drifted, *judged, *spoken]), None)


def _worst(own: Sequence[Finding]) -> Severity:
    order: tuple[Severity, ...] = ("critical", "warning", "info")
    found = {finding.severity for finding in own if finding.drifted}
    return next((severity for severity in order if severity in found), "info")


def _unjudged(column: Column) -> str:
    if column.role in {"id", "timestamp", "model_version"}:
        return f"Not judged: it is the {column.role.replace('_', ' ')}."
    return "Not judged in this window."


def _kind(leading: Finding | None, verdict: Verdict | None) -> str:
    """Kind of contrast of the effect that is told, which need not be the deciding one."""
    if leading is not None and leading.statistic in _KINDS:
        return _KINDS[leading.statistic]
    return verdict.deciding.kind if verdict else "location"


def _statistic(leading: Finding | None, kind: str, *, made: bool) -> str:
    return "" if leading is None else kind if made else leading.statistic


def _unit(kind: str) -> Unit:
    units: dict[str, Unit] = {"location": "sd", "skewness": "number", "scale": "ratio"}
    return units.get(kind, "number" if kind == "scalar" else "share")


def _interval(finding: Finding | None, kind: str) -> tuple[float, float] | None:
    """The interval around the effect; a ratio of spreads is shown as its distance from 1."""
    if finding is None or finding.interval is None:
        return None
    shift = 1.0 if kind == "scale" else 0.0
    low, high = finding.interval
    return low - shift, high - shift


def _years(verdict: Verdict | None) -> float | None:
    if verdict is None or not verdict.fired or math.isnan(verdict.once_in_years):
        return None
    return verdict.once_in_years


def _sight(verdict: Verdict | None) -> str:
    """The smallest change that can be found at each scale."""
    return "" if verdict is None else sight(verdict.sight, verdict.sight_unit)


def _is_told(finding: Finding) -> bool:
    return not _is_distance(finding) and finding.statistic not in {"class_share", "sight"}


def _is_distance(finding: Finding) -> bool:
    return finding.statistic in _DISTANCES and not finding.check.startswith(FAMILY)


def _told(finding: Finding) -> FindingView:
    return FindingView(
        check=finding.check,
        message=finding.message,
        statistic=finding.statistic,
        value=None if math.isnan(finding.value) else finding.value,
        interval=finding.interval,
        p_value=finding.p_value,
        segment=finding.segment or "",
        severity=finding.severity,
        drifted=finding.drifted,
    )
