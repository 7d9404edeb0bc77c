"""What datumaro makes of our COCO files, and we of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from monitor.labeling.coco import plugin
from monitor.labeling.spec import LabelSpec

from .studio import UnavailableError, installed

pytestmark = [pytest.mark.service, pytest.mark.slow]

VERSION = "1.13.12"
#: COCO to datumaro's own format and back to COCO; each item said as JSON on the way.
THERE_AND_BACK = """
import datumaro as dm
read = dm.Dataset.import_from("ours", "coco_instances")
read.export("own", "datumaro", save_media=True)
dm.Dataset.import_from("own", "datumaro").export("theirs", "coco_instances")
"""
CAT = {"x": 20.0, "y": 10.0, "width": 50.0, "height": 25.0, "label": "cat"}
LABELS = {"7": [CAT], "a b": [CAT | {"label": "dog"}, CAT | {"x": 1.0}]}


def test_boxes_go_through_datumaro_and_come_back_as_labels(item, png, tmp_path: Path):
    try:
        python = installed("datumaro", VERSION)
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    spec = LabelSpec(type="box", classes=("cat", "dog"), has_images=True)
    out = io.BytesIO()
    plugin().write([item(id=key, prediction=one, image=png) for key, one in LABELS.items()],
                   spec, out)  # fmt: skip
    for folder in ("annotations", "images/default"):
        (tmp_path / "ours" / folder).mkdir(parents=True)
    (tmp_path / "ours/annotations/instances_default.json").write_bytes(out.getvalue())
    for image in json.loads(out.getvalue())["images"]:
        (tmp_path / "ours/images/default" / image["file_name"]).write_bytes(png)

    subprocess.run(
        [str(python), "-c", THERE_AND_BACK], cwd=tmp_path, check=True, capture_output=True
    )

    with (tmp_path / "theirs/annotations/instances_default.json").open("rb") as source:
        returned = plugin().read(source, spec)
    assert {one.id: one.value for one in returned.labels} == LABELS
    assert not returned.refused
