"""Whether the training set, and what goes to annotation, is like production."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from monitor.checks.outcomes import segment_name
from monitor.core.columns import Roles
from monitor.curation.cells import Cell, count_cells
from monitor.curation.representativeness import representativeness
from monitor.profiles.merging import OTHER
from monitor.profiles.types import Profile
from monitor.store.records import NewQueueRow
from reports.view import LackingCell

#: Labels stand for the classes of a window when so many of its rows have one; else predictions do.
_LABELLED = 0.9
#: Axes of `CellTable.counts`.
_LABELS, _PREDICTIONS = 1, 2


def lacking(
    reference: Profile, current: Profile, rows: Sequence[NewQueueRow], roles: Roles
) -> tuple[tuple[LackingCell, ...], int]:
    """Classes and groups that the training set has too little of, and how many were compared."""
    axis = _axis(reference, current)
    if axis is None:
        return (), 0
    classes = [_level(_class(row, axis, roles)) for row in rows]
    known = any(classes)
    queue = count_cells(
        len(rows),
        [name or None for name in classes],
        {name: [_level(row.data.get(name)) for row in rows] for name in roles.segments},
    )
    training, production = _counts(reference, axis), _counts(current, axis)
    found = representativeness(
        training,
        production,
        {cell: rows for cell, rows in queue.items() if cell in production},
        rows=(reference.rows, current.rows, len(rows)),
    )
    return tuple(
        LackingCell(
            name=_named(share.cell),
            training=share.training,
            production=share.production,
            production_interval=share.production_interval,
            queue=share.queue if known or share.cell.label is None else None,
        )
        for share in found.training_lacks
    ), len(production)


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
