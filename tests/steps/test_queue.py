"""What of a row goes to the annotators, and what does not."""

from __future__ import annotations

import io

from PIL import Image

from monitor.core.columns import Column, Roles
from monitor.curation.rows import QueueRow
from monitor.steps.queue import stored
from monitor.steps.thumbnails import SIZE, thumbnail

ROW = QueueRow(
    id=7,
    reason="random",
    reason_text="By chance.",
    score=1.0,
    inclusion_probability=0.1,
    weight=1.0,
    order=0,
)


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, kind)
    return out.getvalue()


def test_the_label_stays_behind_and_the_prediction_goes_once():
    roles = Roles(label="y", prediction="p", scores=("s",), images=("img",), model_version="v")
    columns = [Column("e", "embedding"), Column("x", "numeric")]
    values = {
        "x": 1.5, "y": "cat", "p": "dog", "s": 0.9, "e": [0.1, 0.2], "v": "m1",
        "img": picture(28, 28),
    }  # fmt: skip

    kept = stored(ROW, values, columns, roles)

    assert dict(kept.data) == {"x": 1.5, "v": "m1"}
    assert (kept.prediction, kept.prediction_score) == ("dog", 0.9)
    assert kept.model_version == "m1"
    assert kept.image == values["img"]
    assert kept.row_id == "7"


def test_the_score_of_a_binary_model_is_that_of_the_predicted_class():
    kept = stored(ROW, {"p": False, "s": 0.2}, [], Roles(prediction="p", scores=("s",)))

    assert kept.prediction is False
    assert kept.prediction_score == 0.8


def test_thumbnails_are_small_and_what_is_no_picture_is_left_out():
    for content in (picture(800, 400), picture(800, 400, "JPEG")):
        small = thumbnail(content)
        assert small is not None
        with Image.open(io.BytesIO(small)) as made:
            assert made.format == "PNG"
            assert max(made.size) == SIZE
    assert thumbnail(b"\x00" * 784) is None
    assert thumbnail(b"") is None
    assert thumbnail(picture(28, 28)[:60]) is None
