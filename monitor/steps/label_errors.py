"""Labels of the reference that are probably wrong, offered for relabeling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow.compute as pc

from monitor.core.errors import UsageError
from monitor.core.window import Window
from monitor.curation.cells import shown
from monitor.curation.features import FeatureSpace, features
from monitor.curation.given import as_class
from monitor.curation.label_errors import LabelError, label_errors
from monitor.curation.matrix import comparable
from monitor.curation.rows import QueueRow
from monitor.profiles.types import CategoricalProfile
from monitor.steps.baseline import Baseline
from monitor.steps.queue import stored
from monitor.store.records import NewQueueRow
from monitor.store.store import Store

#: More levels than these are no classes.
_MAX_CLASSES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A row of the reference whose label is doubted."""

    error: LabelError
    row: NewQueueRow


def doubtful(baseline: Baseline, *, limit: int) -> tuple[list[Doubtful], int]:
    """The surest label errors of the reference's sample, and how many rows were looked at.

    Raises
    ------
    UsageError
        The reference has no label column, or its labels are no classes.
    """
    roles, sample = baseline.plan.roles, baseline.pooled.sample
    label = roles.label
    if label is None or label not in sample.table.column_names:
        msg = "The reference has no labels. Name the column under [monitors.columns] label."
        raise UsageError(msg)
    profile = baseline.pooled.columns.get(label)
    if not isinstance(profile, CategoricalProfile) or len(profile.levels) > _MAX_CLASSES:
        msg = f"The labels {label!r} are no classes, so no class of theirs can be wrong."
        raise UsageError(msg)
    known = pc.is_valid(sample.table.column(label))
    table = sample.table.filter(known)
    keys = [key for key, there in zip(sample.keys, known.to_pylist(), strict=True) if there]
    space = FeatureSpace.fit(table, baseline.plan.columns)
    rows = features(table, space)
    matrix = comparable(rows[:0], rows).reference
    labels = [as_class(value) for value in table.column(label).to_pylist()]
    found = label_errors(matrix, labels)[:limit]
    values = table.take([one.row for one in found]).to_pylist()
    columns = baseline.plan.columns
    return [
        Doubtful(error=one, row=stored(_queued(keys[one.row], one, order), row, columns, roles))
        for order, (one, row) in enumerate(zip(found, values, strict=True))
    ], table.num_rows


def offer(store: Store, monitor: str, baseline: Baseline, rows: Sequence[Doubtful]) -> int:
    """Put them into the queue, as rows that were asked for; how many are new."""
    first = baseline.pooled.first or datetime(1970, 1, 1, tzinfo=UTC)
    last = baseline.pooled.last or first
    window = Window(first, max(last, first))
    return store.queue.add(monitor, window, [one.row for one in rows], by="label errors")


def _queued(key: object, error: LabelError, order: int) -> QueueRow:
    said = (
        f"Labelled {shown(error.label)} in the reference; rows like it are "
        f"{shown(error.suggested)} (probability of the label {error.probability:.2f})."
    )
    return QueueRow(
        id=str(key),
        reason="disagreement",
        reason_text=said,
        score=-error.margin,
        inclusion_probability=None,
        weight=1.0,
        order=order,
    )
