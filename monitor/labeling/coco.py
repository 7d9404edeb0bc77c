"""COCO: images with boxes, polygons or classes as one JSON document."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, ClassVar

from monitor.core.errors import LabelingError
from monitor.labeling.images import NO_SIZE, file_name, key_of, size_of
from monitor.labeling.items import ExportCount, Item, Skipped, draft_of, facts, row_of
from monitor.labeling.returned import Returned
from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import clean, data_uri, plain

_IN_MEMORY = 8 << 20
TYPES = frozenset({"class", "multi-label", "box", "polygon"})


class Coco:
    """COCO (instances), for CVAT, datumaro, FiftyOne and others.

    Each image has `file_name`, its size, the picture itself as a data URI in `coco_url`, and under
    `driftloop` what the other formats have: `id`, `monitor`, `window`, `reason`, `score`,
    `inclusion_probability`, `weight`, `data` (the row), `model_version`. The model's draft stands
    in `annotations`, with its score; a class is a box around the whole image, as COCO knows no
    other way. Items without an image cannot be written and are named.
    """

    name: ClassVar[str] = "coco"

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items, one at a time; annotations wait in a temporary file.

        Raises
        ------
        LabelingError
            When the label spec asks for something that COCO cannot hold.
        """
        _check(spec)
        count = ExportCount()
        categories = {name: number for number, name in enumerate(spec.classes, start=1)}
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as drafts:
            drawn = 0
            out.write(b'{"info": {"description": "driftloop queue"}, "images": [')
            for item in items:
                image = _image(item, count)
                if image is None:
                    continue
                _entry(out, image, first=not count.written)
                count.written += 1
                for one in _annotations(draft_of(item, spec, count), image, spec, categories):
                    score = plain(item.prediction_score)
                    numbers = {"id": drawn + 1, "image_id": image["id"], "score": score}
                    _entry(drafts, numbers | one, first=not drawn)
                    drawn += 1
            out.write(b'\n], "annotations": [')
            drafts.seek(0)
            out.writelines(drafts)
            named = [{"id": number, "name": clean(name)} for name, number in categories.items()]
            out.write(b'\n], "categories": ' + json.dumps(named).encode() + b"}\n")
        return count

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read labels: all annotations of an image together are its label."""
        _check(spec)
        try:
            document = json.load(source)
            names = {one["id"]: one["name"] for one in document["categories"]}
            keys = {one["id"]: _key(one) for one in document["images"]}
            found: dict[str, list[Any]] = {key: [] for key in keys.values()}
            for one in document["annotations"]:
                found[keys[one["image_id"]]].append(_shape(one, names, spec))
        except (
            ValueError,
            KeyError,
            TypeError,
            IndexError,
            AttributeError,
            RecursionError,
        ) as error:
            msg = f"This is no COCO document ({type(error).__name__}: {str(error)[:100]})."
            raise LabelingError(msg) from error
        returned = Returned()
        for key, shapes in found.items():
            if not shapes:
                returned.unlabelled.append(key)
            elif spec.type == "class":
                returned.take(key, shapes[0] if len(shapes) == 1 else shapes, spec)
            else:
                returned.take(key, shapes, spec)
        return returned


def _check(spec: LabelSpec) -> None:
    if spec.type in TYPES and spec.classes:
        return
    msg = (
        "COCO needs the classes: name them in the label spec."
        if spec.type in TYPES
        else f"COCO cannot hold labels of type {spec.type!r}; use jsonl or label-studio."
    )
    raise LabelingError(msg)


def _image(item: Item, count: ExportCount) -> dict[str, Any] | None:
    name, size = file_name(item.id), size_of(item.image or b"")
    if item.image is None or size is None or name is None:
        problem = "its id is too long for a file name" if name is None else NO_SIZE
        count.skipped.append(Skipped(item.id, "no image" if item.image is None else problem))
        return None
    return {
        "id": count.written + 1,
        "file_name": name,
        "width": size[0],
        "height": size[1],
        "coco_url": data_uri(item.image),
        "driftloop": facts(item)
        | {"model_version": plain(item.model_version), "data": row_of(item, count)},
    }


def _annotations(
    draft: Any | None, image: Mapping[str, Any], spec: LabelSpec, categories: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    if draft is None:
        return
    for one in [draft] if spec.type == "class" else draft:
        rings: list[list[float]] = []
        corners: tuple[float, ...] = (0, 0, image["width"], image["height"])
        if spec.type == "box":
            corners = (one["x"], one["y"], one["width"], one["height"])
        elif spec.type == "polygon":
            corners = _around(one["points"])
            rings = [[value for point in one["points"] for value in point]]
        yield {
            "category_id": categories[one if isinstance(one, str) else one["label"]],
            "bbox": list(corners),
            "area": _area(one["points"]) if rings else corners[2] * corners[3],
            "segmentation": rings,
            "iscrowd": 0,
        }


def _around(points: list[list[float]]) -> tuple[float, ...]:
    across, down = zip(*points, strict=True)
    return min(across), min(down), max(across) - min(across), max(down) - min(down)


def _area(points: list[list[float]]) -> float:
    """Shoelace formula."""
    turned = points[1:] + points[:1]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, turned, strict=True))) / 2


def _shape(annotation: Mapping[str, Any], names: Mapping[int, str], spec: LabelSpec) -> Any:
    label = names[annotation["category_id"]]
    if spec.type in ("class", "multi-label"):
        return label
    if spec.type == "box":
        x, y, width, height = annotation["bbox"]
        return {"x": x, "y": y, "width": width, "height": height, "label": label}
    ring = annotation["segmentation"][0]
    points = [list(pair) for pair in zip(ring[::2], ring[1::2], strict=True)]
    return {"points": points, "label": label}


def _key(image: Mapping[str, Any]) -> str:
    ours = image.get("driftloop")
    return str(ours["driftloop_id"]) if ours else key_of(image["file_name"])


def _entry(out: Any, entry: Mapping[str, Any], *, first: bool) -> None:
    text = json.dumps(entry, ensure_ascii=False, allow_nan=False)
    out.write((b"\n" if first else b",\n") + text.encode("utf-8"))


plugin = Coco
