"""Class × segment cells: how often each occurs, and what one side has and the other lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import norm

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
    counts: Counter[Cell] = Counter()
    for row in range(rows):
        amount = 1.0 if weights is None else float(weights[row])
        for cell in cells_of(row, classes, segments):
            counts[cell] += amount  # type: ignore[assignment]  # a Counter holds floats as well
    return dict(counts)


def wilson(count: float, total: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson interval of a share; (0, 1) when there is nothing to share."""
    if total <= 0:
        return 0.0, 1.0
    z = float(norm.ppf(0.5 + confidence / 2))
    share = min(count / total, 1.0)
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * (share * (1 - share) / total + z * z / (4 * total**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def lacking(count: float, total: float, here: float, here_total: float) -> bool:
    """Whether a cell with `count` of `total` rows in production is lacking here.

    Production has it at least `RATIO` times as often, and their Wilson intervals do not meet.
    """
    if here_total <= 0 or total <= 0 or count / total < RATIO * here / here_total:
        return False
    return wilson(count, total)[0] > wilson(here, here_total)[1]
