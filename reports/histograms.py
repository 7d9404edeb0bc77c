"""Two histograms of one column in one picture: the reference filled, the current as a line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from reports import humanize, svg
from reports.view import Bins, ColumnView

MAX_BARS = 30


def _heights(bins: Bins) -> tuple[list[float], list[float], list[float]]:
    """Positions of the bin limits in 0..1, and both heights, the greatest of them 1."""
    size = min(len(bins.labels), len(bins.reference), len(bins.current))
    edges = _closed(bins.edges) if len(bins.edges) == size + 1 else []
    if edges:
        span = edges[-1] - edges[0]
        limits = [(edge - edges[0]) / span for edge in edges]
    else:
        size = min(size, MAX_BARS)
        limits = [i / max(size, 1) for i in range(size + 1)]
    widths = [b - a for a, b in itertools.pairwise(limits)]
    both = [
        [max(0.0, share) / width if math.isfinite(share) and width > 0 else 0.0
         for share, width in zip(shares, widths, strict=False)]
        for shares in (bins.reference, bins.current)
    ]  # fmt: skip
    top = max([*both[0], *both[1], 0.0]) or 1.0
    return limits, [height / top for height in both[0]], [height / top for height in both[1]]


def _closed(edges: Sequence[float]) -> list[float]:
    """Edges with the open ends brought in to the width of their neighbour; [] if unusable."""
    closed = list(edges)
    if len(closed) >= 4 and math.isinf(closed[0]):
        closed[0] = closed[1] - (closed[2] - closed[1])
    if len(closed) >= 4 and math.isinf(closed[-1]):
        closed[-1] = closed[-2] + (closed[-2] - closed[-3])
    usable = all(math.isfinite(edge) for edge in closed) and closed == sorted(closed)
    return closed if usable and closed[-1] > closed[0] else []


def histogram(
    column: ColumnView, *, width: float = 132, height: float = 38, axis: bool = False
) -> Markup:
    """Reference (filled) and current (line) over the same bins."""
    bins = column.bins
    if bins is None or not bins.labels:
        return Markup("")
    limits, reference, current = _heights(bins)
    floor = height - (18 if axis else 1)
    xs = [1 + limit * (width - 2) for limit in limits]
    shapes = (
        _steps(xs, reference, current, floor)
        if len(bins.edges) == len(bins.labels) + 1
        else _bars(xs, reference, current, floor)
    )
    base = svg.path(svg.line([(0, floor + 0.5), (width, floor + 0.5)]), "axis")
    says = f"Distribution of {column.name}: reference filled, current as a line"
    ticks = _bin_labels(column, bins, xs, height) if axis else []
    mood = "drift" if column.drifted else ""
    return svg.drawing(width, height, says, *shapes, base, *ticks, class_=mood)


def _steps(
    xs: list[float], reference: list[float], current: list[float], floor: float
) -> list[Markup]:
    def staircase(heights: list[float]) -> str:
        steps = [f"M{svg.coordinate(xs[0])} {svg.coordinate(floor)}"]
        for right, tall in zip(xs[1:], heights, strict=False):
            steps.append(f"V{svg.coordinate(floor - tall * (floor - 3))}H{svg.coordinate(right)}")
        return "".join(steps) + f"V{svg.coordinate(floor)}"

    return [
        svg.path(staircase(reference) + "Z", "ref"),
        svg.path(staircase(current), "cur"),
    ]


def _bars(
    xs: list[float], reference: list[float], current: list[float], floor: float
) -> list[Markup]:
    filled, marks = [], []
    for left, right, was, now in zip(xs, xs[1:], reference, current, strict=False):
        gap = min(2.0, (right - left) * 0.15)
        a, b = svg.coordinate(left + gap), svg.coordinate(right - gap)
        top, mark = svg.coordinate(floor - was * (floor - 3)), floor - now * (floor - 3)
        filled.append(f"M{a} {svg.coordinate(floor)}V{top}H{b}V{svg.coordinate(floor)}Z")
        marks.append(f"M{a} {svg.coordinate(mark)}H{b}")
    return [svg.path("".join(filled), "ref"), svg.path("".join(marks), "cur")]


def _bin_labels(column: ColumnView, bins: Bins, xs: list[float], height: float) -> list[Markup]:
    edges = _closed(bins.edges)
    if not edges:
        return []
    picked = [(0, "start"), (len(edges) // 2, "middle"), (len(edges) - 1, "end")]
    said = _dated if column.kind == "datetime" else humanize.number
    return [
        svg.label(xs[i], height - 4, _open_end(bins.edges[i]) + said(edges[i]), anchor)
        for i, anchor in picked
    ]


def _open_end(edge: float) -> str:
    return "" if math.isfinite(edge) else "≤ " if edge < 0 else "≥ "


def _dated(microseconds: float) -> str:
    try:
        return humanize.day(datetime.fromtimestamp(microseconds / 1e6, tz=UTC))
    except (OverflowError, ValueError, OSError):
        return humanize.number(microseconds)
