"""The parts of a report beside its columns: balance, bias, performance, quality, queue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from monitor.checks.outcomes import RATE_METRICS, RateMetric, rate_counts, segment_name
from monitor.checks.scalars import ScalarPlan
from monitor.checks.wording import number
from monitor.core.columns import Roles
from monitor.core.finding import Finding
from monitor.profiles.types import CategoricalProfile, CellTable, Profile
from monitor.stats.rates import wilson
from monitor.store.records import FindingPoint, NewQueueRow
from reports.view import (
    BalanceRow,
    BalanceView,
    BiasGroup,
    PerformanceView,
    QualityView,
    QueueCard,
    ValuePoint,
)

#: Figures of merit whose history is drawn.
METRICS = (
    "accuracy", "f1", "roc_auc", "log_loss", "brier_score_loss", "mean_absolute_error",
    "root_mean_squared_error", "mean_error", "estimated_accuracy", "estimated_roc_auc",
)  # fmt: skip
_MAX_CLASSES = 12
_MAX_CARDS = 30
_MAX_FIELDS = 6
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?$")
_MAX_GROUPS = 12  #: of one metric and segmentation


def balance(
    reference: Profile, current: Profile, roles: Roles, drifted: set[str]
) -> tuple[BalanceView, ...]:
    """Class shares of the label and the prediction, with Wilson intervals."""
    tables = []
    for name in (roles.label, roles.prediction):
        old = reference.columns.get(name) if name else None
        new = current.columns.get(name) if name else None
        if not (isinstance(old, CategoricalProfile) and isinstance(new, CategoricalProfile)):
            continue
        what = "Label" if name == roles.label else "Prediction"
        note = "" if new.present else "No labels have come back for this window yet."
        tables.append(
            BalanceView(
                title=f"{what} `{name}`",
                rows=tuple(_classes(old, new, drifted=name in drifted)) if new.present else (),
                note=note,
            )
        )
    return tuple(tables)


def _classes(
    old: CategoricalProfile, new: CategoricalProfile, *, drifted: bool
) -> Iterator[BalanceRow]:
    """The most frequent classes; of a column that differs those whose share left its interval."""

    def share(name: str) -> float:
        rows = ((side.levels.get(name, 0), side.present) for side in (old, new))
        return max(count / present for count, present in rows if present)

    names = sorted({*old.levels, *new.levels}, key=lambda name: -old.levels.get(name, 0))
    most = set(sorted(names, key=lambda name: -share(name))[:_MAX_CLASSES])
    for name in [name for name in names if name in most]:
        was = wilson(old.levels.get(name, 0), old.present)
        now = wilson(new.levels.get(name, 0), new.present, design_effect=new.blocks.design_effect())
        yield BalanceRow(
            label=name,
            reference=was.value,
            reference_interval=was.interval,
            current=now.value,
            current_interval=now.interval,
            drifted=drifted and not now.interval[0] <= was.value <= now.interval[1],
        )


def bias(
    findings: Sequence[Finding], reference: Profile, plan: ScalarPlan
) -> tuple[BiasGroup, ...]:
    """One row for each rate of each group; the largest groups of each segmentation."""
    gaps: dict[tuple[str | None, str], Finding] = {
        (finding.segment, finding.statistic): finding
        for finding in findings
        if finding.check.startswith("bias.") and finding.segment
    }
    rows: list[BiasGroup] = []
    for metric in RATE_METRICS:
        for segmentation, table in reference.cells.items():
            if segmentation:
                rows += _groups(metric, segmentation, table, gaps, plan)
    return tuple(rows)


def _groups(
    metric: RateMetric,
    segmentation: str,
    table: CellTable,
    found: dict[tuple[str | None, str], Finding],
    plan: ScalarPlan,
) -> list[BiasGroup]:
    hits, rows = rate_counts(table, metric, plan.positive)
    groups = []
    for level, hit, row in zip(table.levels, hits.tolist(), rows.tolist(), strict=True):
        segment = segment_name(segmentation, level)
        finding = found.get((segment, metric))
        if finding is None:
            continue
        gap = found.get((segment, f"{metric}_difference"))
        groups.append(
            BiasGroup(
                metric=metric,
                segment=segmentation,
                group=level,
                n=finding.n_current or 0,
                value=finding.value,
                interval=finding.interval,
                reference=hit / row if row else None,
                gap=gap.value if gap else None,
                gap_interval=gap.interval if gap else None,
                drifted=bool(gap and gap.drifted),
                verdict="differs from the reference" if gap and gap.drifted else "",
            )
        )
    groups.sort(key=lambda group: (not group.drifted, not _is_apart(group), -group.n))
    return groups[:_MAX_GROUPS]


def _is_apart(group: BiasGroup) -> bool:
    """Whether its gap to the other rows is surely one."""
    low, high = group.gap_interval or (0.0, 0.0)
    return low > 0 or high < 0


def performance(
    findings: Sequence[Finding], past: Sequence[FindingPoint], window_start: datetime | None
) -> tuple[PerformanceView, ...]:
    """Figures of merit of all rows, with their history."""
    views = []
    for finding in findings:
        if not finding.check.startswith("performance.") or finding.segment is not None:
            continue
        if finding.statistic not in METRICS:
            continue
        points = [
            ValuePoint(window_start=point.window.start, value=point.value)
            for point in past
            if point.check == finding.check and point.statistic == finding.statistic
        ]
        if window_start is not None:
            points.append(
                ValuePoint(
                    window_start=window_start, value=finding.value, interval=finding.interval
                )
            )
        reference = None if finding.effect is None else finding.value - finding.effect
        views.append(
            PerformanceView(
                metric=finding.statistic,
                estimated=finding.statistic.startswith("estimated_"),
                value=finding.value,
                interval=finding.interval,
                reference=reference,
                n=finding.n_current,
                drifted=finding.drifted,
                history=tuple(points),
            )
        )
    return tuple(views)


def quality(findings: Sequence[Finding]) -> tuple[QualityView, ...]:
    """What is to be said about the state of the data, the worst first."""
    order = {"critical": 0, "warning": 1, "info": 2}
    told = [
        finding
        for finding in findings
        if (finding.check.startswith("quality.") or finding.statistic == "check_failed")
        and not (finding.check == "quality.missing" and not finding.drifted)
        and not (finding.check == "quality.volume" and not finding.drifted)
    ]
    kept: list[Finding] = []
    held: list[Finding] = []
    for finding in told:
        holds = (
            finding.check == "quality.rules" and finding.severity == "info" and not finding.value
        )
        (held if holds and finding.n_current else kept).append(finding)
    kept.sort(key=lambda finding: (not finding.drifted, order[finding.severity]))
    views = [
        QualityView(
            check=finding.check,
            message=finding.message,
            column=finding.column or "",
            severity=finding.severity,
            rows=tuple(str(row) for row in finding.rows),
        )
        for finding in kept
    ]
    return (*views, *_holding(held))


def _holding(held: Sequence[Finding]) -> Iterator[QualityView]:
    """Rules that no row broke, in one line."""
    if len(held) == 1:
        yield QualityView(check="quality.rules", message=held[0].message, severity="info")
    elif held:
        names = ", ".join(f"`{finding.statistic}`" for finding in held[:12])
        more = f" and {len(held) - 12} more" if len(held) > 12 else ""
        text = f"{len(held)} rules hold in all rows: {names}{more}."
        yield QualityView(check="quality.rules", message=text, severity="info")


def cards(rows: Sequence[NewQueueRow], roles: Roles, zone: tzinfo) -> tuple[QueueCard, ...]:
    """The first rows of the queue, in the order in which they are pushed."""
    return tuple(
        QueueCard(
            row_id=row.row_id,
            reason=row.reason,
            reason_text=row.reason_text,
            score=row.score,
            inclusion_probability=row.inclusion_probability,
            prediction="" if row.prediction is None else str(row.prediction),
            prediction_score=row.prediction_score,
            image_png=row.image,
            fields=tuple(_fields(row, roles, zone)),
        )
        for row in sorted(rows, key=lambda row: row.push_order)[:_MAX_CARDS]
    )


def _fields(row: NewQueueRow, roles: Roles, zone: tzinfo) -> Iterator[tuple[str, str]]:
    """The time, what the reason speaks of, segments, then other columns; no scores, no id."""
    apart = {roles.id, roles.prediction, roles.model_version, *roles.scores}
    names = [name for name in row.data if name not in apart]
    said = set(re.findall(r"\w+", row.reason_text.partition(" for their ")[2]))

    def rank(name: str) -> int:
        if name == roles.timestamp:
            return 0
        return 1 if name in said else 2 if name in roles.segments or name == roles.label else 3

    for name in sorted(names, key=rank)[:_MAX_FIELDS]:
        yield name, _value(row.data[name], zone)


def _value(value: object, zone: tzinfo) -> str:
    """A value as a card shows it: four digits, and times without their seconds."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str) and _INSTANT.match(value):
        try:
            moment = datetime.fromisoformat(value)
            moment = moment.astimezone(zone) if moment.tzinfo else moment
        except (ValueError, OverflowError):  # 99 May, or the year 0
            return value
        return f"{moment:%-d %b %Y, %H:%M}"
    return str(value)
