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


def lacking(
    reference: Profile, current: Profile, rows: Sequence[NewQueueRow], roles: Roles
) -> tuple[tuple[LackingCell, ...], int]:
    """Classes and groups that the training set has too little of, and how many were compared."""
    axis = _axis(reference, current)
    if axis is None:
        return (), 0
    chosen = roles.label if axis == 1 else roles.prediction
    queue = count_cells(
        len(rows),
        [row.data.get(chosen) for row in rows] if chosen else None,
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
            queue=share.queue,
        )
        for share in found.training_lacks
    ), len(production)


def _axis(reference: Profile, current: Profile) -> int | None:
    """1: the labels are the classes; 2: the predictions are; None: there are no co-counts."""
    tables = [profile.cells.get("") for profile in (reference, current)]
    if any(table is None or table.counts.size == 0 for table in tables):
        return None
    known = [
        table.counts[:, :-1, :].sum() / max(int(table.counts.sum()), 1)
        for table in tables
        if table is not None
    ]
    return 1 if min(known) >= _LABELLED else 2


def _counts(profile: Profile, axis: int) -> dict[Cell, float]:
    """Rows in each class, each group, and each class of a group; intersections without classes."""
    counts: dict[Cell, float] = {}
    for segmentation, table in profile.cells.items():
        classes = table.labels if axis == 1 else table.predictions
        by_class = table.counts.sum(axis=3 - axis)
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


def _level(value: object) -> str:
    return "" if value is None else str(value)
