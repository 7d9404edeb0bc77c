"""The overview: columns x windows, one path for each colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from reports import humanize, series, svg
from reports.view import ColumnView, HistoryPoint, ReportView

ROW = 18  #: height of a row, as the style sheet has it for the names beside it
HEAD = 20


@dataclass(frozen=True, slots=True)
class Heat:
    """The map and the columns of its rows, from top to bottom."""

    columns: tuple[ColumnView, ...]
    windows: int
    picture: Markup


def level(point: HistoryPoint | None) -> str:
    """The CSS class of a cell: `gap`, `h0`-`h3` ordinary, `d1`-`d3` different."""
    if point is None or point.gap:
        return "gap"
    strength = point.strength
    if strength is None or not math.isfinite(strength):
        return "d1" if point.drifted else "h0" if point.effect is not None else "gap"
    if point.drifted:
        return "d1" if strength < 2 else "d2" if strength < 4 else "d3"
    return "h0" if strength < 0.5 else "h1" if strength < 1 else "h2" if strength < 2 else "h3"


def heat_map(view: ReportView, columns: Sequence[ColumnView]) -> Heat | None:
    """The map of all columns with a history; None when no two windows are there."""
    shown = tuple(column for column in columns if column.history)
    starts = sorted({point.window_start for column in shown for point in column.history})
    if len(starts) < 2:
        return None
    cell = max(8, min(26, 820 // len(starts)))
    grid = [_row(column, starts) for column in shown]
    paths = _paths(grid, cell)
    width, height = cell * len(starts), HEAD + ROW * len(shown)
    hot = sum(1 for row in grid if row[-1].startswith("d"))
    says = (
        f"{humanize.plural(len(shown), 'column')} over {humanize.plural(len(starts), 'window')}; "
        f"in the newest {hot} differ from the reference"
    )
    drawn = [svg.path(paths[name], name) for name in sorted(paths)]
    xs = [i * cell + 1.0 for i in range(len(starts))]
    axis = series.time_axis(starts, xs, 12, right=width)
    marks = _marks(view, starts, cell, height)
    return Heat(
        shown, len(starts), svg.drawing(width, height, says, *drawn, *marks, *axis, class_="heat")
    )


def _row(column: ColumnView, starts: Sequence[datetime]) -> list[str]:
    points = {point.window_start: point for point in column.history}
    return [level(points.get(start)) for start in starts]


def _paths(grid: Sequence[Sequence[str]], cell: int) -> dict[str, str]:
    """Path data by class, equal neighbours merged; `seam` strikes through what is different."""
    data: dict[str, list[str]] = {}
    for number, row in enumerate(grid):
        y = HEAD + number * ROW + 1
        start = 0
        for i in range(1, len(row) + 1):
            if i < len(row) and row[i] == row[start]:
                continue
            x, wide = start * cell, (i - start) * cell - 1
            if row[start] != "gap":
                data.setdefault(row[start], []).append(f"M{x} {y}h{wide}v{ROW - 2}h-{wide}z")
            if row[start].startswith("d"):
                data.setdefault("seam", []).append(f"M{x} {y + ROW // 2 - 1}h{wide}")
            start = i
    return {name: "".join(parts) for name, parts in data.items()}


def _marks(view: ReportView, starts: Sequence[datetime], cell: int, height: float) -> list[Markup]:
    inside = [mark for mark in view.marks if starts[0] <= mark.at <= starts[-1]][:8]
    drawn = []
    for mark in inside:
        x = cell * sum(start < mark.at for start in starts) - 0.5
        drawn.append(svg.path(svg.line([(x, HEAD - 4), (x, height)]), "event"))
    return drawn
