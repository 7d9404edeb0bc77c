"""Class × segment cells: how often each occurs, and what one side has and the other lacks."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from monitor.stats.rates import wilson

K = TypeVar("K", bound=Hashable)

#: "Twice as frequent" with this confidence is what makes a cell lacking.
RATIO, CONFIDENCE = 2.0, 0.95


@dataclass(frozen=True, slots=True)
class Cell:
    """A class, a level of one segment, or both together."""

    segment: str | None = None
    level: str | None = None
    label: str | None = None

    def __str__(self) -> str:
        parts = [f"{shown(self.segment)}={shown(self.level)}"] if self.segment is not None else []
        return " and ".join(
            parts + ([f"class {shown(self.label)}"] if self.label is not None else [])
        )


def shown(value: object, width: int = 40) -> str:
    """A value for a sentence: one line, no control characters, bounded."""
    text = "".join(mark if mark.isprintable() else " " for mark in str(value)[: width + 1])
    return text if len(text) <= width else text[: width - 1] + "…"


def cells_of(
    row: int, classes: Sequence[Any] | None, segments: Mapping[str, Sequence[str]]
) -> list[Cell]:
    """Every cell that a row lies in."""
    label = None if classes is None or classes[row] is None else str(classes[row])
    found = [] if label is None else [Cell(label=label)]
    for segment, levels in segments.items():
        level = str(levels[row])
        found.append(Cell(segment, level))
        if label is not None:
            found.append(Cell(segment, level, label))
    return found


def count_cells(
    rows: int,
    classes: Sequence[Any] | None,
    segments: Mapping[str, Sequence[str]],
    weights: Sequence[float] | None = None,
) -> dict[Cell, float]:
    """Rows (or their weights) in each cell."""
    amounts = [1.0] * rows if weights is None else [float(weight) for weight in weights]
    labels = [None] * rows if classes is None else [None if c is None else str(c) for c in classes]
    counts = {
        Cell(label=label): amount
        for label, amount in _summed(labels, amounts).items()
        if label is not None
    }
    for segment, levels in segments.items():
        named = [str(level) for level in levels]
        for level, amount in _summed(named, amounts).items():
            counts[Cell(segment, level)] = amount
        for (level, label), amount in _summed(zip(named, labels, strict=True), amounts).items():
            if label is not None:
                counts[Cell(segment, level, label)] = amount
    return counts


def _summed(keys: Iterable[K], amounts: Iterable[float]) -> dict[K, float]:
    sums: dict[K, float] = {}
    for key, amount in zip(keys, amounts, strict=True):
        sums[key] = sums.get(key, 0.0) + amount
    return sums


def share_interval(
    count: float, total: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Wilson's interval of a share; (0, 1) when there is nothing to share."""
    return wilson(min(count, total), total, confidence=confidence).interval


def lacking(count: float, total: float, here: float, here_total: float) -> bool:
    """Whether a cell with `count` of `total` rows in production is lacking here.

    Production has it at least `RATIO` times as often, and their Wilson intervals do not meet.
    """
    if here_total <= 0 or total <= 0 or count / total < RATIO * here / here_total:
        return False
    return share_interval(count, total)[0] > share_interval(here, here_total)[1]
