"""A model's prediction held against the label spec, before a tool sees it.

Annotation tools take a wrong draft silently or refuse the whole batch, depending on version and
flags; so what does not fit goes out without its draft, and the reason is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import plain


class MisfitError(ValueError):
    """A prediction that does not fit the spec; the message says why."""


def fitted(prediction: Any, spec: LabelSpec, *, text: str | None = None) -> Any:
    """The prediction in the shape of the spec's type.

    Parameters
    ----------
    text : str, optional
        What spans refer to; their ends are then held against its length.

    Raises
    ------
    MisfitError
        When the prediction has another shape, or a class that the spec does not know. A spec
        without classes knows all.
    """
    value = plain(prediction)
    if spec.type == "span":
        return [_span(one, spec, text) for one in _list(value)]
    return _FITTERS[spec.type](value, spec)


def class_name(value: Any) -> str:
    """A class as text: whole numbers without a point, booleans as true and false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _class(value: Any, spec: LabelSpec) -> str:
    if value is None or isinstance(value, list | Mapping):
        msg = f"one class expected, not {_short(value)}"
        raise MisfitError(msg)
    for name in (class_name(value), str(value)):
        if not spec.classes or name in spec.classes:
            return name
    msg = f"class {_short(value)} is not in the label spec"
    raise MisfitError(msg)


def _classes(value: Any, spec: LabelSpec) -> list[str]:
    return [_class(one, spec) for one in _list(value)]


def _rating(value: Any, spec: LabelSpec) -> int:
    number = _number(value, "the rating")
    if not number.is_integer() or not 1 <= number <= spec.max_rating:
        msg = f"a rating is a whole number from 1 to {spec.max_rating}, not {_short(value)}"
        raise MisfitError(msg)
    return int(number)


def _text(value: Any, spec: LabelSpec) -> str:
    if value is None or isinstance(value, list | Mapping):
        msg = f"a text expected for {spec.label_field}, not {_short(value)}"
        raise MisfitError(msg)
    return class_name(value)


def _span(value: Any, spec: LabelSpec, text: str | None) -> dict[str, Any]:
    span = _mapping(value)
    start, end = (_number(span.get(key), key) for key in ("start", "end"))
    limit = math.inf if text is None else len(text)
    if not (start.is_integer() and end.is_integer() and 0 <= start < end <= limit):
        msg = f"a span from {start:g} to {end:g} does not lie in the text"
        raise MisfitError(msg)
    return {"start": int(start), "end": int(end), "label": _class(span.get("label"), spec)}


def _box(value: Any, spec: LabelSpec) -> dict[str, Any]:
    box = _mapping(value)
    sides = {key: _number(box.get(key), key) for key in ("x", "y", "width", "height")}
    if sides["width"] <= 0 or sides["height"] <= 0:
        msg = "a box needs a width and a height above 0"
        raise MisfitError(msg)
    return {**sides, "label": _class(box.get("label"), spec)}


def _polygon(value: Any, spec: LabelSpec) -> dict[str, Any]:
    polygon = _mapping(value)
    points = [_point(one) for one in _list(polygon.get("points"))]
    if len(points) < 3:
        msg = f"a polygon needs three points, not {len(points)}"
        raise MisfitError(msg)
    return {"points": points, "label": _class(polygon.get("label"), spec)}


def _point(value: Any) -> list[float]:
    pair = _list(value)
    if len(pair) != 2:
        msg = f"a point has x and y, not {_short(value)}"
        raise MisfitError(msg)
    return [_number(pair[0], "x"), _number(pair[1], "y")]


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{name} must be a number, not {_short(value)}"
        raise MisfitError(msg)
    return float(value)


def _list(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        msg = f"a list expected, not {_short(value)}"
        raise MisfitError(msg)
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"an object expected, not {_short(value)}"
        raise MisfitError(msg)
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


_FITTERS: dict[str, Callable[[Any, LabelSpec], Any]] = {
    "class": _class,
    "multi-label": _classes,
    "rating": _rating,
    "text": _text,
    "box": lambda value, spec: [_box(one, spec) for one in _list(value)],
    "polygon": lambda value, spec: [_polygon(one, spec) for one in _list(value)],
}
