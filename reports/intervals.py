"""A value with its 95 % interval beside its reference, as a dot plot."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from reports import humanize, svg
from reports.view import Interval


def finite(values: Sequence[float | None]) -> list[float]:
    """The numbers among them."""
    return [value for value in values if value is not None and math.isfinite(value)]


def dot_plot(
    value: float | None,
    low_high: Interval | None,
    reference: float | None,
    axis: tuple[float, float],
    *,
    drifted: bool = False,
    width: float = 200,
) -> Markup:
    """A dot with its 95 % interval; the reference as an upright line."""
    low, high = axis
    span = high - low or 1.0

    def at(number: float) -> float:
        return 6 + min(max((number - low) / span, 0.0), 1.0) * (width - 12)

    parts = [svg.path(svg.line([(0, 11), (width, 11)]), "rail")]
    if low_high is not None and not any(math.isnan(end) for end in low_high):
        parts.append(svg.path(svg.line([(at(low_high[0]), 11), (at(low_high[1]), 11)]), "span"))
    if reference is not None and math.isfinite(reference):
        parts.append(svg.path(svg.line([(at(reference), 3), (at(reference), 19)]), "was"))
    if value is not None and math.isfinite(value):
        parts.append(svg.dots([(at(value), 11)], "dot"))
    says = f"{humanize.number(value)}, 95 % interval {humanize.number_interval(low_high)}"
    if reference is not None:
        says += f", reference {humanize.number(reference)}"
    return svg.drawing(width, 22, says, *parts, class_="drift" if drifted else "")


def axis_of(values: Sequence[float | None]) -> tuple[float, float]:
    """An axis that holds all values, with a little room at both ends."""
    numbers = finite(values)
    if not numbers:
        return 0.0, 1.0
    low, high = min(numbers), max(numbers)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room
