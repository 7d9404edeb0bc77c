"""What happened over time: the effect on a column, and figures of merit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from markupsafe import Markup

from reports import humanize, svg
from reports.intervals import axis_of, finite
from reports.plain import clean, shorten
from reports.view import ColumnView, HistoryPoint, Interval, Mark, ReportView, Unit, ValuePoint


class _Scale:
    """Linear map of values to heights; 0 is always on it."""

    def __init__(self, values: Sequence[float], top: float, bottom: float) -> None:
        self.high, self.low = max([*values, 0.0]), min([*values, 0.0])
        room = (self.high - self.low) * 0.08 or 1.0
        self._top, self._bottom = top, bottom
        self._span = self.high - self.low + 2 * room
        self._base = self.low - room

    def __call__(self, value: float) -> float:
        share = (value - self._base) / self._span
        return self._bottom - min(max(share, 0.0), 1.0) * (self._bottom - self._top)


def _gate_band(gate: float | None, width: float, scale: _Scale) -> list[Markup]:
    if gate is None or not math.isfinite(gate) or gate <= 0:
        return []
    top, bottom = scale(gate), scale(-gate)
    data = f"M0 {svg.coordinate(top)}H{svg.coordinate(width)}V{svg.coordinate(bottom)}H0Z"
    return [svg.path(data, "band")]


def _runs(points: Sequence[tuple[float, float | None]]) -> list[list[svg.Point]]:
    """Unbroken stretches of points that have a value."""
    runs: list[list[svg.Point]] = [[]]
    for x, y in points:
        if y is None or not math.isfinite(y):
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _trace(points: Sequence[tuple[float, float | None]], class_: str) -> list[Markup]:
    data = "".join(
        svg.line(run if len(run) > 1 else [run[0], (run[0][0] + 0.1, run[0][1])])
        for run in _runs(points)
    )
    return [svg.path(data, class_)]


def _plotted(point: HistoryPoint) -> float | None:
    usable = point.effect is not None and math.isfinite(point.effect) and not point.gap
    return point.effect if usable else None


def _line_unit(column: ColumnView) -> Unit:
    return column.history_unit or column.unit


def _line_gate(column: ColumnView) -> float | None:
    return column.gate if column.history_unit is None else column.history_gate


def sparkline(column: ColumnView, *, width: float = 140, height: float = 38) -> Markup:
    """The effect window by window, the band of what is too small to matter behind it."""
    history = column.history
    if len(history) < 2 or not finite([*map(_plotted, history)]):
        return Markup("")
    gate = _line_gate(column)
    gates = [gate, -gate] if gate else []
    scale = _Scale(finite([*map(_plotted, history), *gates]), 2, height - 2)
    step = (width - 8) / (len(history) - 1)
    points = [(4 + i * step, _on(scale, _plotted(point))) for i, point in enumerate(history)]
    hot = [
        (x, y)
        for (x, y), point in zip(points, history, strict=True)
        if point.drifted and y is not None
    ]
    last = [(x, y) for x, y in points[-1:] if y is not None]
    return svg.drawing(
        width,
        height,
        _history_says(column),
        *_gate_band(gate, width, scale),
        *_trace(points, "trace"),
        svg.dots(hot, "hot"),
        svg.dots(last, "hot last" if column.drifted else "last"),
    )


def _on(scale: Callable[[float], float], value: float | None) -> float | None:
    return None if value is None else scale(value)


def _history_says(column: ColumnView) -> str:
    drifted = sum(point.drifted for point in column.history)
    newest = _plotted(column.history[-1])
    now = humanize.effect(newest, _line_unit(column)) if newest is not None else "no data"
    return (
        f"History of {column.name} over {humanize.plural(len(column.history), 'window')}: "
        f"{drifted} differ, the newest is {now}"
    )


def history(view: ReportView, column: ColumnView, *, width: float = 500) -> Markup:
    """The effect over time with its interval, an axis and what happened meanwhile."""
    points = column.history
    if len(points) < 2 or not finite([*map(_plotted, points)]):
        return Markup("")
    height, left, right, top, floor = 140.0, 44.0, 8.0, 16.0, 116.0
    ends = [end for point in points for end in point.interval or ()]
    gate = _line_gate(column)
    gates = [gate, -gate] if gate else []
    effects = finite([*map(_plotted, points), *gates])
    limit = 2.5 * max(map(abs, effects), default=1.0)
    inside = [min(max(end, -limit), limit) for end in finite(ends)]
    scale = _Scale([*effects, *inside], top, floor)
    xs = _positions([point.window_start for point in points], left, width - right)
    drawn = [(x, _on(scale, _plotted(point))) for x, point in zip(xs, points, strict=True)]
    hot = [(x, y) for (x, y), p in zip(drawn, points, strict=True) if p.drifted and y is not None]
    spans = [(x, point.interval) for x, point in zip(xs, points, strict=True) if not point.gap]
    band = svg.element(
        "g",
        *_gate_band(gate, width - left, scale),
        transform=f"translate({svg.coordinate(left)} 0)",
    )
    zero = svg.path(svg.line([(left, scale(0)), (width, scale(0))]), "axis")
    return svg.drawing(
        width,
        height,
        _history_says(column),
        band,
        zero,
        *_marks(view.marks, points[0].window_start, points[-1].window_start, xs, floor),
        _whiskers(spans, scale),
        *_trace(drawn, "trace"),
        svg.dots(hot, "hot"),
        *_y_labels(column, scale, left - 6),
        *time_axis([point.window_start for point in points], xs, height - 4, right=width),
        class_="wide",
    )


def _positions(starts: Sequence[datetime], left: float, right: float) -> list[float]:
    step = (right - left - 8) / max(len(starts) - 1, 1)
    return [left + 4 + i * step for i in range(len(starts))]


def _whiskers(
    spans: Sequence[tuple[float, Interval | None]], at: Callable[[float], float]
) -> Markup:
    known = ((x, low_high) for x, low_high in spans if low_high is not None)
    upright = ((x, at(low), at(high)) for x, (low, high) in known if low <= high)
    return svg.path(svg.uprights(upright), "whisker")


def _y_labels(column: ColumnView, scale: _Scale, x: float) -> list[Markup]:
    picked = [0.0]
    for end in (scale.high, scale.low):
        if all(abs(scale(end) - scale(other)) > 12 for other in picked):
            picked.append(end)
    unit = {"share": 100.0, "ratio": 100.0}.get(_line_unit(column), 1.0)
    return [
        svg.label(x, scale(y) + 3.5, humanize.number(float(f"{y * unit:.2g}"), signed=True), "end")
        for y in picked
    ]


def _marks(
    marks: Sequence[Mark], first: datetime, last: datetime, xs: Sequence[float], floor: float
) -> list[Markup]:
    drawn: list[Markup] = []
    span = (last - first).total_seconds()
    free = -math.inf
    for mark in [mark for mark in marks if span and first <= mark.at <= last][:8]:
        x = xs[0] + (mark.at - first).total_seconds() / span * (xs[-1] - xs[0])
        drawn.append(svg.path(svg.line([(x, 12), (x, floor)]), "event"))
        says = shorten(clean(mark.label), 18)
        late = x > xs[0] + 0.7 * (xs[-1] - xs[0])
        start = x - 4 - 7 * len(says) if late else x + 4
        if start >= free:
            drawn.append(svg.label(x + (-4 if late else 4), 12, says, "end" if late else "start"))
            free = start + 7 * len(says)
    return drawn


def time_axis(
    starts: Sequence[datetime], xs: Sequence[float], y: float, *, right: float
) -> list[Markup]:
    """Months under the windows that begin one; days or hours where the whole is short.

    Labels end at `right`. A first window that is the only one of its month gives way to the next.
    """
    days = (starts[-1] - starts[0]).days if starts else 0
    long = days > 75
    said = [
        f"{start:%b}" if long else f"{start:%H:%M}" if days < 3 else humanize.day(start, year=False)
        for start in starts
    ]
    begins = [i for i, text in enumerate(said) if not long or i == 0 or text != said[i - 1]]
    if (
        long
        and len(begins) > 1
        and (begins[1] == 1 or xs[begins[1]] - xs[0] < _text_width(said[0]))
    ):
        del begins[0]
    drawn: list[Markup] = []
    free = -math.inf
    for i in begins:
        x, wide = xs[i], _text_width(said[i])
        tight = x + wide > right
        if (right - wide if tight else x) < free:
            continue
        drawn.append(svg.label(right if tight else x, y, said[i], "end" if tight else "start"))
        free = x + wide + 6
    return drawn


def _text_width(text: str) -> float:
    return 6.5 * len(text)


def figure_over_time(
    name: str, points: Sequence[ValuePoint], reference: float | None, *, estimated: bool
) -> Markup:
    """A figure of merit over time: measured as a full line, estimated as a broken one."""
    if len(points) < 2:
        return Markup("")
    width, height = 320.0, 96.0
    low, high = axis_of([reference, *(p.value for p in points)])
    ends = [end for p in points for end in p.interval or ()]
    low, high = axis_of(
        [low, high, *(min(max(e, 2 * low - high), 2 * high - low) for e in finite(ends))]
    )

    def at(value: float) -> float:
        return 78 - min(max((value - low) / (high - low), 0.0), 1.0) * 72

    xs = _positions([p.window_start for p in points], 44, width)
    drawn = [(x, _on(at, p.value)) for x, p in zip(xs, points, strict=True)]
    spans = [(x, p.interval) for x, p in zip(xs, points, strict=True)]
    was = []
    if reference is not None and math.isfinite(reference):
        was = [svg.path(svg.line([(44, at(reference)), (width, at(reference))]), "was")]
    ends_of_axis = (low, high)
    labels = [
        svg.label(38, at(value) + 3.5, says, "end")
        for value, says in zip(ends_of_axis, humanize.aligned(ends_of_axis), strict=True)
    ]
    return svg.drawing(
        width,
        height,
        f"{name} over {humanize.plural(len(points), 'window')}",
        *was,
        _whiskers(spans, at),
        *_trace(drawn, "trace broken" if estimated else "trace"),
        svg.dots([p for run in _runs(drawn) for p in run][-1:], "last"),
        *labels,
        *time_axis([p.window_start for p in points], xs, height - 3, right=width),
        class_="wide",
    )
