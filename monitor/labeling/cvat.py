"""CVAT: images with drafts as a dataset archive ("CVAT for images 1.1")."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, BinaryIO, ClassVar
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from monitor.core.errors import LabelingError
from monitor.labeling.images import NO_SIZE, file_name, key_of, size_of
from monitor.labeling.items import ExportCount, Item, Skipped, draft_of
from monitor.labeling.jsonl import record
from monitor.labeling.returned import Returned
from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import clean

TYPES = frozenset({"class", "multi-label", "box", "polygon"})
ANNOTATIONS = "annotations.xml"
ITEMS = "driftloop.jsonl"
_IN_MEMORY = 8 << 20
#: An annotations file that unpacks to more than this is no annotator's work.
_MAX_BYTES = 1 << 30
#: Every file of the archive bears this time: the same queue gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


class Cvat:
    """A zip archive that CVAT imports into a project as a dataset of format "CVAT 1.1".

    `images/` holds the pictures, `annotations.xml` the model's drafts as tags, boxes or polygons,
    and `driftloop.jsonl` the items as the format `jsonl` has them (without the pictures). Answers
    are matched by the pictures' names, which are the items' ids. Items without an image cannot be
    written and are named.
    """

    name: ClassVar[str] = "cvat"

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items, one at a time; drafts wait in temporary files.

        Raises
        ------
        LabelingError
            When the label spec asks for something that CVAT cannot hold.
        """
        _check(spec)
        count = ExportCount()
        with (
            tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as drawn,
            tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as lines,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            drawn.write(_head(spec))
            for item in items:
                name, size = file_name(item.id), size_of(item.image or b"")
                if item.image is None or name is None or size is None:
                    problem = "its id is too long for a file name" if name is None else NO_SIZE
                    problem = "no image" if item.image is None else problem
                    count.skipped.append(Skipped(item.id, problem))
                    continue
                archive.writestr(zipfile.ZipInfo(f"images/{name}", _TIME), item.image)
                shapes = "".join(_shapes(draft_of(item, spec, count), spec))
                opening = f"<image id={_q(count.written)} name={_q(name)} "
                opening += f"width={_q(size[0])} height={_q(size[1])}>"
                drawn.write(f"{opening}{shapes}</image>\n".encode())
                lines.write(_line(item, spec))
                count.written += 1
            drawn.write(b"</annotations>\n")
            _store(archive, ANNOTATIONS, drawn)
            _store(archive, ITEMS, lines)
        return count

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read an archive that CVAT exported, or its `annotations.xml` alone."""
        _check(spec)
        reader = _Reader(spec)
        try:
            if zipfile.is_zipfile(source):
                with zipfile.ZipFile(source) as archive:
                    info = archive.getinfo(ANNOTATIONS)
                    if info.file_size > _MAX_BYTES:
                        msg = f"{ANNOTATIONS} unpacks to more than {_MAX_BYTES:,} bytes."
                        raise LabelingError(msg)
                    with archive.open(info) as inside:
                        reader.parse(inside)
            else:
                source.seek(0)
                reader.parse(source)
        except (zipfile.BadZipFile, expat.ExpatError, KeyError, ValueError, IndexError) as error:
            msg = f"This is no CVAT archive ({type(error).__name__}: {str(error)[:100]})."
            raise LabelingError(msg) from error
        return reader.returned


def _check(spec: LabelSpec) -> None:
    if spec.type not in TYPES:
        msg = (
            f"CVAT for images cannot hold labels of type {spec.type!r}; "
            "export as jsonl, doccano or label-studio instead."
        )
        raise LabelingError(msg)


def _q(value: object) -> str:
    """A quoted attribute, without the characters that XML cannot hold."""
    text = "".join(mark for mark in clean(str(value)) if mark >= " " and mark not in "\ufffe\uffff")
    return quoteattr(text)


def _number(value: float) -> str:
    return _q(f"{value:.2f}")


def _head(spec: LabelSpec) -> bytes:
    labels = "".join(
        f"<label><name>{_q(name)[1:-1]}</name><attributes></attributes></label>"
        for name in spec.classes
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
        f"<meta><job><labels>{labels}</labels></job></meta>\n"
    ).encode()


def _shapes(draft: Any | None, spec: LabelSpec) -> Iterator[str]:
    if draft is None:
        return
    for one in [draft] if spec.type == "class" else draft:
        if isinstance(one, str):
            yield f'<tag label={_q(one)} source="auto"></tag>'
        elif spec.type == "box":
            left, top = one["x"], one["y"]
            yield (
                f'<box label={_q(one["label"])} source="auto" occluded="0" xtl={_number(left)} '
                f"ytl={_number(top)} xbr={_number(left + one['width'])} "
                f"ybr={_number(top + one['height'])}></box>"
            )
        else:
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in one["points"])
            yield (
                f'<polygon label={_q(one["label"])} source="auto" occluded="0" '
                f"points={_q(points)}></polygon>"
            )


def _line(item: Item, spec: LabelSpec) -> bytes:
    whole = record(item, spec)
    whole.pop(spec.image_field, None)
    return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"


def _store(archive: zipfile.ZipFile, name: str, content: IO[bytes]) -> None:
    content.seek(0)
    info = zipfile.ZipInfo(name, _TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(info, "w", force_zip64=True) as inside:
        while part := content.read(1 << 20):
            inside.write(part)


class _Reader:
    """Labels from CVAT's XML, one image at a time; a document type is refused."""

    def __init__(self, spec: LabelSpec) -> None:
        self.spec, self.returned = spec, Returned()
        self._key: str | None = None
        self._shapes: list[Any] = []

    def parse(self, source: IO[bytes]) -> None:
        """Raise `ExpatError`, `KeyError` or `ValueError` for what is not CVAT's XML."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = _refuse
        parser.ParseFile(source)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "image":
            self._key, self._shapes = key_of(attributes["name"]), []
        elif self._key is not None and name in _READ:
            self._shapes.append(_READ[name](attributes))

    def _end(self, name: str) -> None:
        if name != "image" or self._key is None:
            return
        if not self._shapes:
            self.returned.unlabelled.append(self._key)
        elif self.spec.type == "class" and len(self._shapes) == 1:
            self.returned.take(self._key, self._shapes[0], self.spec)
        else:
            self.returned.take(self._key, self._shapes, self.spec)
        self._key = None


def _refuse(*_: object) -> None:
    msg = "a document type is not allowed"
    raise ValueError(msg)


def _box(attributes: dict[str, str]) -> dict[str, Any]:
    left, top, right, bottom = (float(attributes[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
    sides = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return {**sides, "label": attributes["label"]}


def _polygon(attributes: dict[str, str]) -> dict[str, Any]:
    pairs = [point.split(",") for point in attributes["points"].split(";")]
    return {"points": [[float(x), float(y)] for x, y in pairs], "label": attributes["label"]}


_READ: dict[str, Callable[[dict[str, str]], Any]] = {
    "tag": lambda attributes: attributes["label"],
    "box": _box,
    "polygon": _polygon,
}

plugin = Cvat
