"""What annotators did in Label Studio, as labels in the shape of the label spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from monitor.labeling.spec import LabelSpec
from monitor.labeling.tool import Answer

#: Types whose answer may be "nothing of it is there".
_MAY_BE_EMPTY = frozenset({"multi-label", "span", "box", "polygon"})


class UnreadableError(ValueError):
    """A result that Label Studio's own pages do not make; the message says what is wrong."""


def answer_of(task: str, annotation: Mapping[str, Any], spec: LabelSpec, who: str) -> Answer:
    """One annotation of a task, as the API lists it."""
    result = annotation.get("result")
    value, problem = None, ""
    skipped = bool(annotation.get("was_cancelled"))
    if not skipped:
        try:
            value = value_of(result, spec)
        except (UnreadableError, KeyError, TypeError, IndexError, AttributeError) as error:
            problem = str(error) if isinstance(error, UnreadableError) else f"no result: {error!r}"
    lead_time = annotation.get("lead_time")
    return Answer(
        task=task,
        annotation=str(annotation["id"]),
        annotator=who,
        state="skipped" if skipped else "active",
        value=value,
        problem=problem,
        raw=result,
        lead_time=float(lead_time) if isinstance(lead_time, int | float) else None,
        created_at=moment(annotation.get("created_at")),
        updated_at=moment(annotation.get("updated_at")),
        gold=bool(annotation.get("ground_truth")),
    )


def value_of(result: Any, spec: LabelSpec) -> Any:
    """The label in a result: what the spec's own control says; other controls are passed over.

    Raises
    ------
    UnreadableError
        No answer where one is due.
    """
    regions = [
        one
        for one in (result if isinstance(result, list) else [])
        if isinstance(one, Mapping) and one.get("from_name") == spec.label_field
    ]
    if not regions and spec.type not in _MAY_BE_EMPTY:
        msg = "it was submitted without an answer"
        raise UnreadableError(msg)
    if spec.type == "class":
        (choice,) = _choices(regions)
        return choice
    if spec.type == "multi-label":
        return _choices(regions)
    if spec.type == "rating":
        return regions[0]["value"]["rating"]
    if spec.type == "text":
        text = regions[0]["value"]["text"]
        return "\n".join(text) if isinstance(text, list) else text
    return [_place(one, spec) for one in regions]


def _choices(regions: Sequence[Mapping[str, Any]]) -> list[str]:
    found = [choice for one in regions for choice in one["value"]["choices"]]
    return [choice[-1] if isinstance(choice, list) else choice for choice in found]


def _place(region: Mapping[str, Any], spec: LabelSpec) -> dict[str, Any]:
    """A span in characters, a box or polygon in pixels (Label Studio counts in per cent)."""
    value = region["value"]
    if spec.type == "span":
        return {"start": value["start"], "end": value["end"], "label": value["labels"][0]}
    wide, high = region["original_width"] / 100, region["original_height"] / 100
    if spec.type == "polygon":
        points = [[round(x * wide, 3), round(y * high, 3)] for x, y in value["points"]]
        return {"points": points, "label": value["polygonlabels"][0]}
    if value.get("rotation"):
        msg = "a turned box has no place in pixels; draw it upright"
        raise UnreadableError(msg)
    return {
        "x": round(value["x"] * wide, 3),
        "y": round(value["y"] * high, 3),
        "width": round(value["width"] * wide, 3),
        "height": round(value["height"] * high, 3),
        "label": value["rectanglelabels"][0],
    }


def moment(text: Any) -> datetime | None:
    """A time of the API, with its zone; None for what is none."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
