"""Tables and the plot of bench/speed.py in docs/benchmarks.md."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 360, 64, 44
COLOURS = {"driftloop run": "#1f6feb", "bare read": "#8b949e"}


class Point(Protocol):
    """What a program used for so many rows."""

    @property
    def name(self) -> str: ...

    @property
    def rows(self) -> int: ...

    @property
    def cpu(self) -> float: ...

    @property
    def peak(self) -> float: ...


def written(page: Path, name: str, text: str) -> None:
    """Replace one table of the page: what stands between its two marks."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = page.read_text().split(first)
    after = rest.split(last)[1]
    page.write_text(f"{before}{first}\n```text\n{text}\n```\n{last}{after}")


def plot(path: Path, points: Sequence[Point]) -> None:
    """CPU seconds over rows, both logarithmic, with the peak of memory at each point."""
    xs = [math.log10(point.rows) for point in points]
    ys = [math.log10(point.cpu) for point in points]
    x_ends = math.floor(min(xs)), math.ceil(max(xs))
    y_ends = math.floor(min(ys)), math.ceil(max(ys))

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ends[0]) / max(x_ends[1] - x_ends[0], 1) * (WIDTH - LEFT - 60)
        up = (y - y_ends[0]) / max(y_ends[1] - y_ends[0], 1) * (HEIGHT - BOTTOM - 30)
        return LEFT + across, HEIGHT - BOTTOM - up

    parts = [_grid(x_ends, y_ends, place)]
    for name, colour in COLOURS.items():
        own = [point for point in points if point.name == name]
        spots = [place(math.log10(p.rows), math.log10(p.cpu)) for p in own]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point, (x, y) in zip(own, spots, strict=True):
            side = -10 if name == "driftloop run" else 18
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            parts.append(_text(x, y + side, f"{point.peak:.0f} MiB", colour))
        parts.append(_text(spots[-1][0] - 10, spots[-1][1] + 2 * side, name, colour))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="CPU seconds over rows" font-family="sans-serif" font-size="11">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _grid(x_ends: tuple[int, int], y_ends: tuple[int, int], place) -> str:  # type: ignore[no-untyped-def]
    parts = []
    for power in range(x_ends[0], x_ends[1] + 1):
        (x, low), (_, high) = place(power, y_ends[0]), place(power, y_ends[1])
        parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="#e6e8eb"/>')
        parts.append(_text(x, low + 16, f"{10**power:,}", "#57606a"))
    for power in range(y_ends[0], y_ends[1] + 1):
        (left, y), (right, _) = place(x_ends[0], power), place(x_ends[1], power)
        parts.append(f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#e6e8eb"/>')
        parts.append(_text(LEFT - 22, y + 4, f"{10.0**power:g}", "#57606a"))
    parts.append(_text(WIDTH / 2, HEIGHT - 8, "rows of the window", "#24292f"))
    parts.append(_text(LEFT + 60, 16, "CPU seconds, whole process", "#24292f"))
    return "".join(parts)


def _text(x: float, y: float, words: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="middle">{words}</text>'
