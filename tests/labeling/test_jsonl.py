from __future__ import annotations

import io
import json

import pytest

from monitor.labeling.jsonl import plugin
from monitor.labeling.spec import LabelSpec


def lines(items, spec=None):
    out = io.BytesIO()
    count = plugin().write(items, spec or LabelSpec(), out)
    return [json.loads(line) for line in out.getvalue().splitlines()], count


def test_an_item_is_one_line_with_all_its_keys(item):
    [line], count = lines([item()])

    assert line == {
        "id": 17,
        "monitor": "flights",
        "window": {"start": "2013-03-04T00:00:00+00:00", "end": "2013-03-11T00:00:00+00:00"},
        "reason": "drifted",
        "reason_text": "Rows like this are 3.1 times as frequent in this window.",
        "score": 1.75,
        "inclusion_probability": 0.02,
        "weight": 1.0,
        "prediction": "late",
        "prediction_score": 0.61,
        "model_version": "m1",
        "data": {"carrier": "UA", "temp": 31.5},
    }
    assert count.written == 1


def test_a_row_asked_for_has_a_null_probability_and_gaps_are_null(item):
    [line], _ = lines([item(inclusion_probability=None, data={"temp": float("nan")})])

    assert line["inclusion_probability"] is None
    assert line["data"] == {"temp": None}


def test_hostile_text_stays_on_its_line(item):
    texts = "a\nb\r\n\u2028\u2029\x00\ud800"
    written, _ = lines([item(id=texts, data={texts: texts}), item()])

    assert len(written) == 2
    assert written[0]["id"] == texts[:-1] + "?"


def test_an_image_goes_out_as_a_data_uri(item, png):
    [line], _ = lines([item(image=png)], LabelSpec(has_images=True))

    assert line["image"].startswith("data:image/png;base64,iVBOR")


def test_items_are_written_as_they_come(item):
    out = io.BytesIO()
    sizes = []

    def items():
        for _ in range(3):
            sizes.append(len(out.getvalue()))
            yield item()

    plugin().write(items(), LabelSpec(), out)

    assert sizes[0] == 0 < sizes[1] < sizes[2]


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("4.5", 4.5), ('"7"', 7.0), ('"long"', None), ("-1", None), ("1e999", None), ("[]", None)],
)
def test_the_time_that_a_label_took_comes_back(given, seconds):
    source = io.BytesIO(f'{{"id": "r1", "label": "late", "lead_time": {given}}}'.encode())

    (label,) = plugin().read(source, LabelSpec(classes=("late", "on time"))).labels

    assert (label.value, label.lead_time) == ("late", seconds)
