from __future__ import annotations

import base64
import io
import json
import xml.etree.ElementTree as ET

import pydantic
import pytest

from monitor.core.errors import LabelingError
from monitor.labeling.label_studio import labeling_config, plugin
from monitor.labeling.spec import LabelSpec

LATE = LabelSpec(classes=("late", "on time"), guideline="Late is 15 minutes & more.")


def tasks(items, spec=LATE):
    out = io.BytesIO()
    count = plugin().write(items, spec, out)
    return json.loads(out.getvalue()), count


def control_and_object(spec):
    view = ET.fromstring(labeling_config(spec))
    [control] = [element for element in view.iter() if element.get("toName")]
    [shown] = [element for element in view.iter() if element.get("name") == control.get("toName")]
    return control, shown


def test_a_task_has_the_row_and_why_it_is_here(item):
    [task], count = tasks([item()])

    assert task["data"] == {
        "driftloop_id": "17",
        "id": 17,
        "monitor": "flights",
        "window": "2013-03-04T00:00:00+00:00/2013-03-11T00:00:00+00:00",
        "reason": "drifted",
        "reason_text": "Rows like this are 3.1 times as frequent in this window.",
        "score": 1.75,
        "inclusion_probability": 0.02,
        "weight": 1.0,
        "carrier": "UA",
        "temp": 31.5,
        "row": {"carrier": "UA", "temp": 31.5},
    }
    assert count.written == 1


def test_the_draft_fits_the_labeling_config(item):
    [task], _ = tasks([item()])
    control, shown = control_and_object(LATE)

    [prediction] = task["predictions"]
    [result] = prediction["result"]
    assert (prediction["score"], prediction["model_version"]) == (0.61, "m1")
    assert (result["from_name"], result["to_name"]) == (control.get("name"), shown.get("name"))
    assert result["type"] == control.tag.lower()
    assert result["value"]["choices"] == ["late"]
    assert {choice.get("value") for choice in control} == set(LATE.classes)
    assert shown.get("value").removeprefix("$") in task["data"]


def test_a_draft_with_an_unknown_class_stays_out_with_its_reason(item):
    [bad, good], count = tasks([item(prediction="earlyish"), item(id=18)])

    assert "predictions" not in bad
    assert "predictions" in good
    [skipped] = count.without_prediction
    assert (skipped.id, count.written) == (17, 2)
    assert "'earlyish'" in skipped.reason


@pytest.mark.parametrize(
    ("prediction", "choice"), [(1, "1"), (1.0, "1"), (True, "true"), ("1", "1")]
)
def test_a_class_need_not_be_a_text(item, prediction, choice):
    [task], _ = tasks([item(prediction=prediction)], LabelSpec(classes=("1", "true")))

    assert task["predictions"][0]["result"][0]["value"]["choices"] == [choice]


def test_a_column_never_hides_our_keys(item):
    row = {"id": "a", "reason": "b", "driftloop_id": "c", "row": "d", "row_id": "e"}

    [task], _ = tasks([item(data=row)])

    assert (task["data"]["id"], task["data"]["driftloop_id"]) == (17, "17")
    assert task["data"]["row"] == row
    flat = {name: value for name, value in task["data"].items() if name.startswith("row_")}
    assert sorted(flat.values()) == sorted(row.values())


def test_an_image_is_a_data_uri_and_what_is_labelled(item, png):
    spec = LabelSpec(classes=("late",), has_images=True)
    [task], _ = tasks([item(image=png, data={"pixels": b"raw", "week": 3})], spec)
    control, shown = control_and_object(spec)

    head, payload = task["data"]["image"].split(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(payload) == png
    assert (shown.tag, shown.get("value"), control.get("toName")) == ("Image", "$image", "image")
    assert "pixels" not in task["data"]
    assert task["data"]["week"] == 3


def test_boxes_are_per_cent_of_the_image(item, png):
    spec = LabelSpec(type="box", classes=("Tree",), has_images=True)
    box = {"x": 50, "y": 25, "width": 20, "height": 10, "label": "Tree"}

    [task], count = tasks([item(image=png, prediction=[box]), item(image=None, id="x")], spec)

    [result] = task["predictions"][0]["result"]
    assert result["value"] == {
        "x": 25.0, "y": 25.0, "width": 10.0, "height": 10.0, "rotation": 0,
        "rectanglelabels": ["Tree"],
    }  # fmt: skip
    assert (result["original_width"], result["original_height"]) == (200, 100)
    assert [skipped.id for skipped in count.skipped] == ["x"]


@pytest.mark.parametrize(
    ("spec", "prediction", "value"),
    [
        (LabelSpec(type="multi-label", classes=("a", "b")), ["b", "a"], {"choices": ["b", "a"]}),
        (LabelSpec(type="rating"), 4.0, {"rating": 4}),
        (LabelSpec(type="text"), "hello", {"text": ["hello"]}),
        (
            LabelSpec(type="span", classes=("P",), text_field="note"),
            [{"start": 0, "end": 4, "label": "P"}],
            {"start": 0, "end": 4, "labels": ["P"]},
        ),
        (
            LabelSpec(type="polygon", classes=("T",), has_images=True),
            [{"points": [[0, 0], [200, 0], [200, 100]], "label": "T"}],
            {"points": [[0, 0], [100, 0], [100, 100]], "closed": True, "polygonlabels": ["T"]},
        ),
    ],
)
def test_every_type_of_label_has_a_draft_that_fits_its_config(item, png, spec, prediction, value):
    made = item(prediction=prediction, data={"note": "John ran"}, image=png)

    [task], _ = tasks([made], spec)

    control, shown = control_and_object(spec)
    [result] = task["predictions"][0]["result"]
    assert result["value"] == value
    assert (result["from_name"], result["to_name"]) == (control.get("name"), shown.get("name"))
    assert result["type"] == control.tag.lower()
    assert shown.get("value").removeprefix("$") in task["data"]


SPAN = LabelSpec(type="span", classes=("P",), text_field="note")
BOX = LabelSpec(type="box", classes=("T",), has_images=True)
POLYGON = LabelSpec(type="polygon", classes=("T",), has_images=True)


@pytest.mark.parametrize(
    ("spec", "prediction"),
    [
        (LATE, ["late"]),
        (LATE, {"late": 1}),
        (LATE, float("nan")),
        (LabelSpec(type="multi-label", classes=("a",)), "a"),
        (LabelSpec(type="rating"), 6),
        (LabelSpec(type="rating"), True),
        (LabelSpec(type="text"), [3]),
        (SPAN, [{"start": 3, "end": 99, "label": "P"}]),
        (SPAN, [{"start": 3, "end": 3, "label": "P"}]),
        (BOX, [{"x": 0, "y": 0, "width": 0, "height": 1, "label": "T"}]),
        (BOX, [[0, 0, 1, 1]]),
        (POLYGON, [{"points": [[0, 0], [1]], "label": "T"}]),
        (POLYGON, [{"points": [[0, 0], [1, 1]], "label": "T"}]),
    ],
)  # fmt: skip
def test_a_draft_of_another_shape_never_stops_the_export(item, png, spec, prediction):
    made = item(prediction=prediction, data={"note": "John ran"}, image=png)

    [task], count = tasks([made], spec)

    assert "predictions" not in task
    assert len(count.without_prediction) == 1


def test_an_image_that_is_none_goes_out_without_boxes(item):
    spec = BOX
    box = {"x": 0, "y": 0, "width": 1, "height": 1, "label": "T"}

    [task], count = tasks([item(image=b"no image", prediction=[box])], spec)

    assert "predictions" not in task
    assert "size" in count.without_prediction[0].reason


def test_hostile_names_cannot_leave_the_config():
    spec = LabelSpec(classes=('"/><Text name="x"/>', "a\x00b"), guideline="<script>\x01")

    view = ET.fromstring(labeling_config(spec))

    assert [element.tag for element in view] == ["Header", "Table", "Choices"]
    assert view[2][0].get("value") == spec.classes[0]


def test_a_config_needs_its_classes():
    with pytest.raises(LabelingError, match="classes"):
        labeling_config(LabelSpec())


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "box"},
        {"type": "span"},
        {"classes": ("a", "a")},
        {"classes": (" ",)},
        {"label_field": "a b"},
        {"colour": "red"},
    ],
)
def test_a_spec_that_does_not_fit_together_is_refused(wrong):
    with pytest.raises(pydantic.ValidationError):
        LabelSpec(**wrong)


def test_no_items_are_an_empty_list():
    assert tasks([])[0] == []
