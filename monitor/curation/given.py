"""One answer of one annotator, as scorecards and label specs are judged by it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from scipy import stats

from monitor.curation.rows import FloatArray
from monitor.stats.overlap import box_distance, set_distance, span_distance
from monitor.stats.rates import wilson

#: Half an hour over one item is a forgotten window; and drafts of a tool inflate its stopwatch.
MAX_SECONDS = 1800.0
#: No answer counts for more than so many medians.
MAX_MEDIANS = 10.0
#: Fewer answers give no interval of a median.
FEWEST = 6

Distance = Callable[[Any, Any], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One answer. Values are in the shape that `labeling.spec.LabelType` documents."""

    item: Hashable
    annotator: str
    value: Any
    at: datetime | None = None
    seconds: float | None = None  #: of work
    with_draft: bool | None = None  #: whether the model's draft was shown; None: unknown
    draft: Any = None  #: what the model says, shown or not
    gold: Any = None  #: the true label, where an expert gave one
    type: str = "class"  #: of the label spec
    classes: int = 0  #: that the spec had; 0: not known
    guideline: str = ""  #: version
    spec: int | None = None  #: version


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with a 95 % interval; NaN and None where there is nothing to say."""

    value: float
    interval: tuple[float, float] | None
    n: int


NOTHING = Figure(float("nan"), None, 0)


def distance_of(type_: str) -> Distance | None:
    """0 … 1, how far two labels of that type are apart; None: the same or not."""
    return {
        "box": box_distance,
        "polygon": _polygon_distance,
        "span": span_distance,
        "multi-label": set_distance,
    }.get(type_)


def as_class(value: Any) -> str:
    """A label as the name of a class: sets in one order, booleans as annotation tools write them.

    Examples
    --------
    >>> as_class(["dog", "cat"]), as_class(True), as_class(3.0)
    ('cat, dog', 'true', '3')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return ", ".join(sorted(as_class(one) for one in value))
    return str(value)


def capped(seconds: Iterable[float | None]) -> FloatArray:
    """Times of work above 0, without what is no work: at most `MAX_SECONDS`, 10 medians."""
    known = np.array([one for one in seconds if one is not None and 0 < one < np.inf], dtype=float)
    if not len(known):
        return known
    most: FloatArray = np.minimum(known, min(MAX_SECONDS, MAX_MEDIANS * float(np.median(known))))
    return most


def median(values: FloatArray) -> Figure:
    """A median with its distribution-free interval (order statistics of a binomial)."""
    if not len(values):
        return NOTHING
    ordered = np.sort(values)
    if len(ordered) < FEWEST:
        return Figure(float(np.median(ordered)), None, len(ordered))
    low = int(stats.binom.ppf(0.025, len(ordered), 0.5))
    ends = (
        float(ordered[max(low - 1, 0)]),
        float(ordered[min(len(ordered) - low, len(ordered) - 1)]),
    )
    return Figure(float(np.median(ordered)), ends, len(ordered))


def mean(values: FloatArray) -> Figure:
    """A mean of values in [0, 1] with Wilson's interval, which is wide enough for all of them."""
    if not len(values):
        return NOTHING
    found = wilson(float(values.sum()), len(values))
    return Figure(found.value, found.interval, len(values))


def minus(first: Figure, second: Figure, *, widen: float = 1.0) -> Figure:
    """The difference of two separate figures, by MOVER; `widen` stretches both intervals."""
    size = min(first.n, second.n)
    found = first.value - second.value
    if first.interval is None or second.interval is None:
        return Figure(found, None, size)
    low = np.hypot(first.value - first.interval[0], second.interval[1] - second.value)
    high = np.hypot(first.interval[1] - first.value, second.value - second.interval[0])
    return Figure(found, (float(found - widen * low), float(found + widen * high)), size)


def _polygon_distance(first: Any, second: Any) -> float:
    """By the boxes around the polygons: their outlines differ by less than annotators do."""
    return box_distance([_around(one) for one in first], [_around(one) for one in second])


def _around(polygon: Any) -> dict[str, Any]:
    x, y = zip(*polygon["points"], strict=True)
    size = {"width": max(x) - min(x), "height": max(y) - min(y)}
    return {"x": min(x), "y": min(y), **size, "label": polygon.get("label")}
