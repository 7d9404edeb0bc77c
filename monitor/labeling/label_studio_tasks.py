"""Label Studio's tasks with the model's predictions, and the labeling config they fit."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Container, Iterator
from typing import Any

from monitor.core.errors import LabelingError
from monitor.labeling.images import NO_SIZE, size_of
from monitor.labeling.items import ExportCount, Item, Skipped, draft_of, facts, row_of
from monitor.labeling.spec import NEED_CLASSES, NEED_IMAGE, LabelSpec
from monitor.labeling.values import data_uri, plain

#: Key of a task's data that holds the row as one table, for the annotator to read.
TABLE = "row"
_LONGEST_HEAD = 300
#: Key that holds the text to label, whatever its column is called.
TEXT = "text"


def task(item: Item, spec: LabelSpec, count: ExportCount) -> dict[str, Any]:
    """One task; a draft that does not fit is named in `count`."""
    whole: dict[str, Any] = {"data": _data(item, spec, count)}
    draft = _draft(item, spec, count)
    if draft is not None:
        whole["predictions"] = [draft]
    return whole


def _data(item: Item, spec: LabelSpec, count: ExportCount) -> dict[str, Any]:
    data = facts(item)
    if item.image is not None:
        data[spec.image_field] = data_uri(item.image)
    row = row_of(item, count)
    reserved = {*data, TABLE, TEXT, spec.image_field}
    for name, value in row.items():
        data[TEXT if name == spec.text_field else _free(name, reserved, data)] = value
    if object_of(spec)[0] == "Table":
        chosen = spec.shown or tuple(row)
        data[TABLE] = {name: row[name] for name in chosen if name in row}
    return data


def _free(name: str, reserved: Container[str], data: Container[str]) -> str:
    while name in reserved or name in data:
        name = f"row_{name}"
    return name


def labeling_config(spec: LabelSpec) -> str:
    """The project's labeling config for a label spec.

    Raises
    ------
    LabelingError
        When the type of label needs classes and the spec has none.

    Examples
    --------
    >>> print(labeling_config(LabelSpec(classes=("late", "on time"))))
    <View>
      <Table name="row" value="$row" />
      <Choices name="label" toName="row" choice="single" required="true">
        <Choice value="late" />
        <Choice value="on time" />
      </Choices>
    </View>
    """
    if spec.type in NEED_CLASSES and not spec.classes:
        msg = (
            f"A Label Studio project for labels of type {spec.type!r} needs the classes: "
            "name them under `classes` in the label spec."
        )
        raise LabelingError(msg)
    view = ET.Element("View")
    if spec.guideline:
        # The whole of a long one is behind the button "Instructions".
        head = spec.guideline[:_LONGEST_HEAD].rstrip()
        head += "…" if len(spec.guideline) > _LONGEST_HEAD else ""
        ET.SubElement(view, "Header", value=_printable(head), size="5")
    tag, name, value = object_of(spec)
    place = question = view
    if tag == "Image" and spec.type not in NEED_IMAGE:
        # Beside each other: an enlarged thumbnail would push the answers off the screen.
        row = ET.SubElement(view, "View", style="display: flex; flex-wrap: wrap; gap: 2em")
        place = ET.SubElement(row, "View", style="flex: 0 1 420px")
        question = ET.SubElement(row, "View", style="flex: 1 1 240px")
    ET.SubElement(place, tag, {"name": name, "value": f"${value}"} | _LOOKS.get(tag, {}))
    question.extend(_control(spec, name))
    ET.indent(view)
    return ET.tostring(view, encoding="unicode")


def object_of(spec: LabelSpec) -> tuple[str, str, str]:
    """Tag, name and data key of what is labelled."""
    if spec.has_images and spec.type != "span":
        return "Image", spec.image_field, spec.image_field
    if spec.text_field is not None:
        return "Text", TEXT, TEXT
    return "Table", TABLE, TABLE


_LOOKS = {"Image": {"zoomControl": "false", "rotateControl": "false"}}
_CONTROLS = {
    "class": ("Choices", "Choice", {"choice": "single", "required": "true"}),
    "multi-label": ("Choices", "Choice", {"choice": "multiple"}),
    "span": ("Labels", "Label", {}),
    "box": ("RectangleLabels", "Label", {}),
    "polygon": ("PolygonLabels", "Label", {}),
}


def _control(spec: LabelSpec, target: str) -> Iterator[ET.Element]:
    names = {"name": spec.label_field, "toName": target}
    if spec.type == "rating":
        yield ET.Element("Rating", names | {"maxRating": str(spec.max_rating)})
        return
    if spec.type == "text":
        yield ET.Element("TextArea", names | {"maxSubmissions": "1"})
        return
    tag, inner, options = _CONTROLS[spec.type]
    control = ET.Element(tag, names | options)
    for one in spec.classes:
        ET.SubElement(control, inner, value=_printable(one))
    yield control


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(mark for mark in plain(text) if mark >= " " or mark in "\t\n")


def _draft(item: Item, spec: LabelSpec, count: ExportCount) -> dict[str, Any] | None:
    value = draft_of(item, spec, count)
    if value is None:
        return None
    size = size_of(item.image or b"") if spec.type in NEED_IMAGE else (0, 0)
    if size is None:
        count.without_prediction.append(Skipped(item.id, NO_SIZE))
        return None
    draft: dict[str, Any] = {"result": list(_results(value, spec, size))}
    if item.model_version is not None:
        draft["model_version"] = plain(item.model_version)
    if (score := plain(item.prediction_score)) is not None:
        draft["score"] = score
    return draft


def _results(value: Any, spec: LabelSpec, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """Regions of a draft in Label Studio's terms."""
    common = {"from_name": spec.label_field, "to_name": object_of(spec)[1]}
    if spec.type in ("class", "multi-label"):
        choices = [value] if spec.type == "class" else value
        yield common | {"type": "choices", "value": {"choices": choices}}
    elif spec.type == "rating":
        yield common | {"type": "rating", "value": {"rating": value}}
    elif spec.type == "text":
        yield common | {"type": "textarea", "value": {"text": [value]}}
    elif spec.type == "span":
        for one in value:
            ends = {"start": one["start"], "end": one["end"], "labels": [one["label"]]}
            yield common | {"type": "labels", "value": ends}
    else:
        yield from _regions(value, spec, size, common)


def _regions(
    value: list[dict[str, Any]], spec: LabelSpec, size: tuple[int, int], common: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Boxes and polygons, in per cent of the image."""
    width, height = size
    original = {"original_width": width, "original_height": height, "image_rotation": 0}
    for one in value:
        if spec.type == "box":
            place = {
                "x": 100 * one["x"] / width,
                "y": 100 * one["y"] / height,
                "width": 100 * one["width"] / width,
                "height": 100 * one["height"] / height,
                "rotation": 0,
                "rectanglelabels": [one["label"]],
            }
            yield common | original | {"type": "rectanglelabels", "value": place}
        else:
            points = [[100 * x / width, 100 * y / height] for x, y in one["points"]]
            shape = {"points": points, "closed": True, "polygonlabels": [one["label"]]}
            yield common | original | {"type": "polygonlabels", "value": shape}
