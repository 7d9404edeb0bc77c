"""The parts of a report beside its columns: balance, bias, performance, quality, queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from monitor.checks.outcomes import RATE_METRICS, RateMetric, rate_counts, segment_name
from monitor.checks.scalars import ScalarPlan
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
_MAX_FIELDS = 8
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
                title=f"{what} {name}",
                rows=tuple(_classes(old, new, drifted=name in drifted)) if new.present else (),
                note=note,
            )
        )
    return tuple(tables)


def _classes(
    old: CategoricalProfile, new: CategoricalProfile, *, drifted: bool
) -> Iterator[BalanceRow]:
    names = sorted({*old.levels, *new.levels}, key=lambda name: -old.levels.get(name, 0))
    for name in names[:_MAX_CLASSES]:
        was = wilson(old.levels.get(name, 0), old.present)
        now = wilson(new.levels.get(name, 0), new.present, design_effect=new.blocks.design_effect())
        yield BalanceRow(
            label=name,
            reference=was.value,
            reference_interval=was.interval,
            current=now.value,
            current_interval=now.interval,
            drifted=drifted,
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
    groups.sort(key=lambda group: (not group.drifted, -group.n))
    return groups[:_MAX_GROUPS]


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
    told.sort(key=lambda finding: (not finding.drifted, order[finding.severity]))
    return tuple(
        QualityView(
            check=finding.check,
            message=finding.message,
            column=finding.column or "",
            severity=finding.severity,
            rows=tuple(str(row) for row in finding.rows),
        )
        for finding in told
    )


def cards(rows: Sequence[NewQueueRow]) -> tuple[QueueCard, ...]:
    """The first rows of the queue, in the order in which they are pushed."""
    return tuple(
        QueueCard(
            row_id=row.row_id,
            reason=row.reason,
            reason_text=row.reason_text,
            score=row.score,
            inclusion_probability=row.inclusion_probability,
            prediction="" if row.prediction is None else str(row.prediction),
            image_png=row.image,
            fields=tuple(
                (name, "" if value is None else str(value))
                for name, value in list(row.data.items())[:_MAX_FIELDS]
            ),
        )
        for row in sorted(rows, key=lambda row: row.push_order)[:_MAX_CARDS]
    )
