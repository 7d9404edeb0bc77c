"""Whether the training set, and what goes to annotation, is like production."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from monitor.checks.outcomes import segment_name
from monitor.core.columns import Roles
from monitor.curation.cells import Cell, count_cells
from monitor.curation.representativeness import CellShare, representativeness
from monitor.profiles.merging import OTHER
from monitor.profiles.types import Profile
from monitor.store.records import NewQueueRow
from reports.view import LackingCell

#: Labels stand for the classes of a window when so many of its rows have one; else predictions do.
_LABELLED = 0.9
#: Axes of `CellTable.counts`.
_LABELS, _PREDICTIONS = 1, 2


def lacking(
    reference: Profile,
    current: Profile,
    rows: Sequence[NewQueueRow],
    roles: Roles,
    *,
    labelled: Sequence[NewQueueRow] = (),
) -> tuple[tuple[LackingCell, ...], tuple[LackingCell, ...], int]:
    """Classes and groups that the training set lacks, that the labels lack, and how many there are.

    Labels are weighted by one over their chance to be drawn: the queue is not like production, and
    should not be, but what it says about production must be.
    """
    axis = _axis(reference, current)
    if axis is None:
        return (), (), 0
    training, production = _counts(reference, axis), _counts(current, axis)
    queue, known = _queued(rows, axis, roles, production)
    counts, size = _weighted(labelled, axis, roles, production)
    found, told = (
        representativeness(training, production, given, rows=(reference.rows, current.rows, total))
        for given, total in ((queue, len(rows)), (counts, size))
    )
    shares = {one.cell: one.queue for one in told.cells}

    def shown(share: CellShare) -> LackingCell:
        return LackingCell(
            name=_named(share.cell),
            training=share.training,
            production=share.production,
            production_interval=share.production_interval,
            queue=share.queue if known or share.cell.label is None else None,
            labelled=shares.get(share.cell) if size else None,
        )

    queued = {one.cell: one for one in found.cells}
    return (
        tuple(shown(share) for share in found.training_lacks),
        tuple(shown(queued[share.cell]) for share in told.queue_lacks),
        len(production),
    )


def _queued(
    rows: Sequence[NewQueueRow], axis: int, roles: Roles, production: Mapping[Cell, float]
) -> tuple[dict[Cell, float], bool]:
    """Rows of the queue in each cell of production, and whether their classes are known."""
    classes = [_level(_class(row, axis, roles)) for row in rows]
    return _in_cells(rows, classes, roles, production), any(classes)


def _weighted(
    rows: Sequence[NewQueueRow], axis: int, roles: Roles, production: Mapping[Cell, float]
) -> tuple[dict[Cell, float], float]:
    """Drawn rows in each cell by 1/π, scaled to their effective number (Σ1/π)²/Σ1/π²."""
    drawn = [row for row in rows if row.inclusion_probability is not None]
    weight = [1 / (row.inclusion_probability or 1.0) for row in drawn]
    if not weight:
        return {}, 0.0
    size = sum(weight) ** 2 / sum(one * one for one in weight)
    scaled = [one * size / sum(weight) for one in weight]
    classes = [_level(_class(row, axis, roles)) for row in drawn]
    return _in_cells(drawn, classes, roles, production, scaled), size


def _in_cells(
    rows: Sequence[NewQueueRow],
    classes: Sequence[str],
    roles: Roles,
    production: Mapping[Cell, float],
    weights: Sequence[float] | None = None,
) -> dict[Cell, float]:
    counts = count_cells(
        len(rows),
        [name or None for name in classes],
        {name: [_level(row.data.get(name)) for row in rows] for name in roles.segments},
        weights,
    )
    return {cell: amount for cell, amount in counts.items() if cell in production}


def _axis(reference: Profile, current: Profile) -> int | None:
    """Whether labels or predictions are the classes; None where there are no co-counts."""
    tables = [profile.cells.get("") for profile in (reference, current)]
    if any(table is None or table.counts.size == 0 for table in tables):
        return None
    known = [
        table.counts[:, :-1, :].sum() / max(int(table.counts.sum()), 1)
        for table in tables
        if table is not None
    ]
    return _LABELS if min(known) >= _LABELLED else _PREDICTIONS


def _counts(profile: Profile, axis: int) -> dict[Cell, float]:
    """Rows in each class, each group, and each class of a group; intersections without classes."""
    counts: dict[Cell, float] = {}
    for segmentation, table in profile.cells.items():
        classes = table.labels if axis == _LABELS else table.predictions
        by_class = table.counts.sum(axis=_PREDICTIONS if axis == _LABELS else _LABELS)
        for level, amounts in zip(table.levels, by_class.tolist(), strict=True):
            if OTHER in level.split(", "):
                continue
            group = Cell(segmentation, level) if segmentation else Cell()
            if segmentation:
                counts[group] = float(sum(amounts))
            if "," not in segmentation:
                for name, amount in zip(classes, amounts, strict=False):
                    counts[replace(group, label=name)] = float(amount)
    return {cell: amount for cell, amount in counts.items() if cell.label != OTHER}


def _named(cell: Cell) -> str:
    group = segment_name(cell.segment, cell.level or "") if cell.segment else ""
    said = f"class {cell.label}" if cell.label is not None else ""
    return " and ".join(part for part in (group, said) if part)


def _class(row: NewQueueRow, axis: int, roles: Roles) -> object:
    """What a row is: its label, which mostly nobody knows yet, or what was predicted."""
    if axis == _PREDICTIONS:
        return row.prediction
    return row.data.get(roles.label) if roles.label else None


def _level(value: object) -> str:
    """A value as profiles name it."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
