from __future__ import annotations

import io

import pytest
from PIL import Image

from monitor.labeling.items import Item


@pytest.fixture
def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (200, 100), "red").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def item():
    """Builds an item of the queue; what is not given is ordinary."""

    def build(**more) -> Item:
        ordinary = {
            "id": 17,
            "monitor": "flights",
            "window_start": "2013-03-04T00:00:00+00:00",
            "window_end": "2013-03-11T00:00:00+00:00",
            "reason": "drifted",
            "reason_text": "Rows like this are 3.1 times as frequent in this window.",
            "score": 1.75,
            "inclusion_probability": 0.02,
            "weight": 1.0,
            "data": {"carrier": "UA", "temp": 31.5},
            "prediction": "late",
            "prediction_score": 0.61,
            "model_version": "m1",
        }
        return Item(**(ordinary | more))

    return build
