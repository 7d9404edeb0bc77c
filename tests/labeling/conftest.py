from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator

import pytest
from PIL import Image

from monitor.labeling.items import Item

from .proxy import Proxy, before
from .studio import Studio, UnavailableError, shared


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


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory) -> Iterator[Studio]:
    """A real Label Studio, one for all workers; skips where it cannot be had, fails in CI."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with contextlib.ExitStack() as stack:
        try:
            studio = stack.enter_context(shared(folder))
        except UnavailableError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield studio


@pytest.fixture
def proxy(label_studio) -> Iterator[Proxy]:
    """A proxy before it."""
    with before(label_studio.url) as made:
        yield made
