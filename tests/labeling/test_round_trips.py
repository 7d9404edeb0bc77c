"""What an exported draft says comes back as the same label, through every format that returns."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.core.errors import LabelingError
from monitor.labeling.coco import plugin as coco
from monitor.labeling.csv import plugin as table
from monitor.labeling.cvat import ANNOTATIONS
from monitor.labeling.cvat import plugin as cvat
from monitor.labeling.doccano import plugin as doccano
from monitor.labeling.images import file_name, key_of
from monitor.labeling.jsonl import plugin as jsonl
from monitor.labeling.spec import LabelSpec

CLASSES = ("cat", 'do"g & <co>', "=1")
CLASS = LabelSpec(classes=CLASSES, has_images=True)
MANY = LabelSpec(type="multi-label", classes=CLASSES, has_images=True)
BOX = LabelSpec(type="box", classes=CLASSES, has_images=True)
POLYGON = LabelSpec(type="polygon", classes=CLASSES, has_images=True)
SPAN = LabelSpec(type="span", classes=CLASSES, text_field="note")

NAMES = st.sampled_from(CLASSES)
CENTS = st.integers(0, 9_000).map(lambda n: n / 100)
SIZES = st.integers(100, 9_000).map(lambda n: n / 100)
LABELS = {
    "class": NAMES,
    "multi-label": st.lists(NAMES, min_size=1, unique=True),
    "box": st.lists(
        st.fixed_dictionaries(
            {"x": CENTS, "y": CENTS, "width": SIZES, "height": SIZES, "label": NAMES}
        ),
        min_size=1,
        max_size=4,
    ),
    "polygon": st.lists(
        st.fixed_dictionaries(
            {
                "points": st.lists(
                    st.tuples(CENTS, CENTS).map(list), min_size=3, max_size=6
                ),
                "label": NAMES,
            }
        ),
        min_size=1,
        max_size=3,
    ),
}  # fmt: skip
PAIRS = [(made, spec) for made in (coco, cvat) for spec in (CLASS, MANY, BOX, POLYGON)]


def written(made, items, spec):
    out = io.BytesIO()
    count = made().write(items, spec, out)
    out.seek(0)
    return out, count


def near(value):
    """Coordinates rounded to hundredths, as the tools keep them."""
    if isinstance(value, float | int):
        return pytest.approx(value, abs=0.011)
    if isinstance(value, list):
        return [near(one) for one in value]
    return {k: near(v) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("made", "spec"), PAIRS, ids=[f"{made.name}-{spec.type}" for made, spec in PAIRS]
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_image_labels_come_back(made, spec, item, png, data):
    labels = data.draw(st.lists(LABELS[spec.type], min_size=1, max_size=3))
    items = [item(id=f"a/{i}", image=png, prediction=one) for i, one in enumerate(labels)]

    content, count = written(made, [*items, item(id="none", image=png, prediction=None)], spec)
    returned = made().read(content, spec)

    assert count.written == len(labels) + 1
    assert count.without_prediction == returned.refused == []
    assert returned.unlabelled == ["none"]
    assert [(one.id, one.value) for one in returned.labels] == [
        (f"a/{i}", near(one)) for i, one in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("spec", "prediction"),
    [
        (LabelSpec(classes=CLASSES, text_field="note"), "cat"),
        (LabelSpec(type="multi-label", classes=CLASSES, text_field="note"), ["cat", "=1"]),
        (SPAN, [{"start": 0, "end": 4, "label": "cat"}, {"start": 5, "end": 8, "label": "=1"}]),
        (LabelSpec(type="rating"), 4),
        (LabelSpec(type="text"), "a summary"),
    ],
)
def test_text_labels_come_back_through_doccano(item, spec, prediction):
    items = [
        item(id="a\nb", data={"note": "John ran"}, prediction=prediction),
        item(id=2, data={"note": "John ran"}, prediction=None),
    ]

    content, count = written(doccano, items, spec)
    returned = doccano().read(content, spec)

    assert count.written == 2
    assert [(one.id, one.value) for one in returned.labels] == [("a\nb", prediction)]
    assert returned.unlabelled == ["2"]


def test_doccano_returns_entities_of_its_newer_exports():
    line = {"driftloop_id": "7", "text": "John ran", "entities": [
        {"id": 1, "label": "cat", "start_offset": 0, "end_offset": 4}]}  # fmt: skip

    returned = doccano().read(io.BytesIO(json.dumps(line).encode()), SPAN)

    assert returned.labels[0].value == [{"start": 0, "end": 4, "label": "cat"}]


def test_doccano_s_archive_says_who_answered():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, label in (("anna", "cat"), ("all", "=1")):
            line = {"driftloop_id": name, "label": [label]}
            archive.writestr(f"{name}.jsonl", json.dumps(line))
    returned = doccano().read(content, CLASS)

    assert [(one.id, one.value, one.annotator) for one in returned.labels] == [
        ("anna", "cat", "anna"),
        ("all", "=1", None),
    ]


def test_a_doccano_line_has_the_row_as_text_and_says_why_it_is_here(item):
    content, count = written(
        doccano, [item(image=b"x", data={"a": 1, "raw": b"y", "b": "z"})], CLASS
    )

    line = json.loads(content.read())
    assert line["text"] == "a: 1\nb: z"
    assert (line["reason"], line["inclusion_probability"], line["label"]) == ("drifted", 0.02, [])
    assert line["row"] == {"a": 1, "b": "z"}
    assert count.dropped_values == {"image": 1, "raw": 1}


def test_an_empty_text_is_skipped_by_doccano_with_its_reason(item):
    _, count = written(doccano, [item(data={"note": " "}), item(data={})], SPAN)

    assert [one.reason.split(",")[0] for one in count.skipped] == ["its text is empty"] * 2


def test_a_coco_image_has_the_row_and_the_picture(item, png):
    box = {"x": 1, "y": 2, "width": 30, "height": 40, "label": "cat"}
    content, _ = written(coco, [item(image=png, prediction=[box])], BOX)

    document = json.load(content)
    [image], [annotation] = document["images"], document["annotations"]
    assert (image["file_name"], image["width"], image["height"]) == ("17.png", 200, 100)
    assert image["coco_url"].startswith("data:image/png;base64,")
    assert image["driftloop"]["reason"] == "drifted"
    assert image["driftloop"]["data"] == {"carrier": "UA", "temp": 31.5}
    assert (annotation["bbox"], annotation["area"], annotation["score"]) == (
        [1, 2, 30, 40],
        1200,
        0.61,
    )
    assert [one["name"] for one in document["categories"]] == list(CLASSES)


def test_the_area_of_a_polygon_is_its_own(item, png):
    triangle = {"points": [[0, 0], [10, 0], [0, 10]], "label": "cat"}
    content, _ = written(coco, [item(image=png, prediction=[triangle])], POLYGON)

    [annotation] = json.load(content)["annotations"]
    assert (annotation["area"], annotation["bbox"]) == (50, [0, 0, 10, 10])


def test_a_cvat_archive_holds_the_pictures_and_the_items(item, png):
    content, _ = written(cvat, [item(id="../x", image=png)], CLASS)

    with zipfile.ZipFile(content) as archive:
        assert archive.namelist() == ["images/..%2Fx.png", ANNOTATIONS, "driftloop.jsonl"]
        assert archive.read("images/..%2Fx.png") == png
        [line] = archive.read("driftloop.jsonl").splitlines()
    whole = json.loads(line)
    assert (whole["id"], whole["reason"], "image" in whole) == ("../x", "drifted", False)


def test_the_same_queue_gives_the_same_archive(item, png):
    assert written(cvat, [item(image=png)], CLASS)[0].read() == (
        written(cvat, [item(image=png)], CLASS)[0].read()
    )


def test_cvat_annotations_alone_are_read_too(item, png):
    content, _ = written(cvat, [item(image=png, prediction="cat")], CLASS)
    with zipfile.ZipFile(content) as archive:
        alone = io.BytesIO(archive.read(ANNOTATIONS))

    [label] = cvat().read(alone, CLASS).labels
    assert (label.id, label.value) == ("17", "cat")


@pytest.mark.parametrize("made", [coco, cvat])
def test_items_that_cannot_be_written_are_named(made, item, png):
    items = [
        item(id=1),
        item(id=2, image=b"no image"),
        item(id="x" * 300, image=png),
        item(id=4, image=png, prediction="unicorn"),
    ]

    _, count = written(made, items, CLASS)

    assert [one.id for one in count.skipped] == [1, 2, "x" * 300]
    assert len({one.reason for one in count.skipped}) == 3
    assert [one.id for one in count.without_prediction] == [4]
    assert count.written == 1


@pytest.mark.parametrize(
    ("made", "spec"),
    [
        (coco, SPAN), (coco, LabelSpec()), (cvat, LabelSpec(type="rating")), (doccano, BOX),
    ],
)  # fmt: skip
def test_a_spec_that_the_format_cannot_hold_is_one_clear_error(made, spec):
    with pytest.raises(LabelingError):
        made().write([], spec, io.BytesIO())
    with pytest.raises(LabelingError):
        made().read(io.BytesIO(b""), spec)


@pytest.mark.parametrize(
    ("made", "content"),
    [
        (coco, b"[" * 100_000),
        (coco, b"{}"),
        (coco, b'{"categories": [], "images": [{"id": 1}], "annotations": []}'),
        (coco, b'{"categories": [], "images": [], "annotations": [{"image_id": 1}]}'),
        (coco, b"\xff\xfe"),
        (doccano, b"[1]"),
        (doccano, b'{"label": []}'),
        (doccano, b'{"driftloop_id": 1, "label": 5}'),
        (jsonl, b"{"),
        (jsonl, b"[]"),
        (jsonl, b"{}"),
        (table, b""),
        (table, b"id,answer\n1,cat\n"),
        (table, b"id,label\n1,\xff\n"),
        (cvat, b"PK\x03\x04 broken"),
        (cvat, b"<annotations><image></image></annotations>"),
        (cvat, b"<annotations>"),
        (cvat, b""),
        (cvat, b'<!DOCTYPE a [<!ENTITY b "c">]><annotations/>'),
    ],
)
def test_a_file_of_another_kind_is_one_clear_error(made, content):
    with pytest.raises(LabelingError):
        made().read(io.BytesIO(content), CLASS)


TABLES = [(made, spec) for made in (jsonl, table) for spec in (CLASS, MANY, BOX, POLYGON)]


@pytest.mark.parametrize(
    ("made", "spec"), TABLES, ids=[f"{made.name}-{spec.type}" for made, spec in TABLES]
)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_answers_written_beside_the_rows_come_back(made, spec, item, data):
    labels = data.draw(st.lists(LABELS[spec.type], min_size=1, max_size=3))
    content, _ = written(made, [item(id=f"=a/{i}") for i in range(len(labels) + 1)], spec)

    filled = fill(made, content.read(), labels)
    returned = made().read(io.BytesIO(filled), spec)

    assert [(one.id, one.value, one.annotator) for one in returned.labels] == [
        (f"=a/{i}", one, "Ann") for i, one in enumerate(labels)
    ]
    assert returned.unlabelled == [f"=a/{len(labels)}"]


def fill(made, content, labels):
    """An annotator's work in an editor or a spreadsheet."""
    if made is jsonl:
        lines = [json.loads(line) for line in content.splitlines()]
        for line, label in zip(lines, labels, strict=False):
            line |= {"label": label, "annotator": "Ann"}
        return "\n".join(json.dumps(line) for line in lines).encode()
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    rows[0] += ["label", "annotator"]
    for row, label in zip(rows[1:], labels, strict=False):
        row += [label if isinstance(label, str) else json.dumps(label), "Ann"]
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def test_a_cell_that_is_no_label_is_refused_and_the_others_stay():
    content = b'id,label\n1,[\n2,["cat"]\n3,\n4,["unicorn"]\n'

    returned = table().read(io.BytesIO(content), MANY)

    assert [(one.id, one.value) for one in returned.labels] == [("2", ["cat"])]
    assert [one.id for one in returned.refused] == ["1", "4"]
    assert returned.unlabelled == ["3"]


def test_an_archive_without_annotations_is_one_clear_error():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("x", "y")

    with pytest.raises(LabelingError, match="no CVAT archive"):
        cvat().read(content, CLASS)


def test_labels_that_do_not_fit_are_refused_and_the_others_stay():
    document = {
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "unicorn"}],
        "images": [{"id": 1, "file_name": "a/1.png"}, {"id": 2, "file_name": "2.png"}],
        "annotations": [{"image_id": 1, "category_id": 2}, {"image_id": 2, "category_id": 1}],
    }

    returned = coco().read(io.BytesIO(json.dumps(document).encode()), CLASS)

    assert [(one.id, one.value) for one in returned.labels] == [("2", "cat")]
    assert [(one.id, "unicorn" in one.reason) for one in returned.refused] == [("1", True)]


@given(st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
def test_file_names_give_their_keys_back_and_never_leave_the_folder(key):
    name = file_name(key)

    if name is not None:
        assert key_of(name) == key
        assert "/" not in name
        assert name not in (".", "..")
