"""How much two annotators drew or marked the same: boxes by their IoU, spans, sets of classes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Box = Mapping[str, Any]  #: {"x", "y", "width", "height", "label"}: pixels from the top left


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0 … 1; 0 where their labels differ.

    Examples
    --------
    >>> box = {"x": 0, "y": 0, "width": 2, "height": 2, "label": "tree"}
    >>> round(iou(box, {**box, "x": 1}), 3)
    0.333
    """
    if first.get("label") != second.get("label"):
        return 0.0
    sides = []
    for start, size in (("x", "width"), ("y", "height")):
        low = max(first[start], second[start])
        high = min(first[start] + first[size], second[start] + second[size])
        sides.append(max(0.0, high - low))
    both = sides[0] * sides[1]
    either = first["width"] * first["height"] + second["width"] * second["height"] - both
    return float(both / either) if either > 0 else 0.0


def box_distance(first: Sequence[Box], second: Sequence[Box]) -> float:
    """1 − 2 Σ IoU of the best matching / (boxes of both); 0 for two empty images.

    The matching of boxes maximises the sum of their IoU (Hungarian method), so neither the order
    of the boxes matters nor a threshold; a box without a partner counts as missed.
    """
    return _matched(np.array([[iou(one, two) for two in second] for one in first]), first, second)


def span_distance(first: Sequence[Box], second: Sequence[Box]) -> float:
    """The same for spans {"start", "end", "label"}, by the characters that they share."""
    return _matched(
        np.array([[_span_iou(one, two) for two in second] for one in first]), first, second
    )


def set_distance(first: Collection[Any], second: Collection[Any]) -> float:
    """1 − Jaccard similarity of two sets of classes; 0 for two empty ones."""
    one, two = set(first), set(second)
    return 1 - len(one & two) / len(one | two) if one | two else 0.0


def _span_iou(first: Box, second: Box) -> float:
    if first.get("label") != second.get("label"):
        return 0.0
    both = max(0, min(first["end"], second["end"]) - max(first["start"], second["start"]))
    either = first["end"] - first["start"] + second["end"] - second["start"] - both
    return float(both / either) if either > 0 else 0.0


def _matched(
    likeness: npt.NDArray[np.float64], first: Collection[Any], second: Collection[Any]
) -> float:
    total = len(first) + len(second)
    if not total:
        return 0.0
    if not (len(first) and len(second)):
        return 1.0
    rows, columns = linear_sum_assignment(likeness, maximize=True)
    return float(1 - 2 * likeness[rows, columns].sum() / total)
