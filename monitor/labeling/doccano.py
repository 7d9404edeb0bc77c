"""doccano: texts to classify, to mark spans in, or to answer, as JSON lines."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from typing import Any, BinaryIO, ClassVar

from monitor.core.errors import LabelingError
from monitor.labeling.items import ExportCount, Item, Skipped, draft_of, facts, row_of
from monitor.labeling.returned import Returned
from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import clean, plain

_MAX_BYTES = 1 << 30
#: Files of an export that are nobody's: all together, or not annotated.
_NOBODY = frozenset({"all", "unknown"})
TYPES = frozenset({"class", "multi-label", "span", "text", "rating"})


class Doccano:
    """doccano's JSON lines: `text`, `label` (the model's draft), and the rest as metadata.

    `text` is the text column of the label spec, else the row as lines of "column: value". The
    other keys are `driftloop_id` (by which answers are matched: doccano gives ids of its own),
    `id`, `monitor`, `window`, `reason`, `reason_text`, `score`, `inclusion_probability`, `weight`,
    `prediction_score`, `model_version` and `row` (in doccano's export `data` would replace the
    text). Choose "JSONL" and the column names `text` and
    `label` on doccano's import page.
    """

    name: ClassVar[str] = "doccano"

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items, one at a time.

        Raises
        ------
        LabelingError
            When the label spec asks for something that doccano cannot import.
        """
        _check(spec)
        count = ExportCount()
        for item in items:
            text = _text(item, spec)
            if not text.strip():
                count.skipped.append(
                    Skipped(item.id, "its text is empty, and doccano refuses that")
                )
                continue
            line = json.dumps(_record(item, spec, text, count), ensure_ascii=False, allow_nan=False)
            out.write(line.encode("utf-8") + b"\n")
            count.written += 1
        return count

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read doccano's JSONL export: a zip with a file for each annotator, or one such file.

        Export approved documents only: doccano counts the drafts as answers of whoever imported
        them.
        """
        _check(spec)
        returned = Returned()
        if not zipfile.is_zipfile(source):
            source.seek(0)
            _read_lines(source, spec, returned, None)
            return returned
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                if entry.file_size > _MAX_BYTES:
                    msg = f"{entry.filename[:100]!r} in the archive unpacks to more than 1 GB."
                    raise LabelingError(msg)
                name = entry.filename.rsplit("/", 1)[-1].removesuffix(".jsonl")
                with archive.open(entry) as lines:
                    who = None if name in _NOBODY else name
                    _read_lines(lines, spec, returned, who)
        return returned


def _read_lines(
    lines: Iterable[bytes], spec: LabelSpec, returned: Returned, annotator: str | None
) -> None:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            key = str(record["driftloop_id"])
            marks = record.get("label", record.get("entities", []))
            value = _value(marks, spec)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            msg = (
                f"Line {number} is not of doccano's export of a driftloop queue "
                f"({type(error).__name__}: {str(error)[:100]})."
            )
            raise LabelingError(msg) from error
        if marks:
            returned.take(key, value, spec, annotator)
        else:
            returned.unlabelled.append(key)


def _check(spec: LabelSpec) -> None:
    if spec.type not in TYPES:
        msg = (
            f"doccano cannot import labels of type {spec.type!r}; "
            "export as coco, cvat or label-studio instead."
        )
        raise LabelingError(msg)


def _text(item: Item, spec: LabelSpec) -> str:
    if spec.text_field is not None:
        value = plain(item.data.get(spec.text_field))
        return value if isinstance(value, str) else ""
    chosen = spec.shown or tuple(item.data)
    rows = {name: item.data[name] for name in chosen if name in item.data}
    return "\n".join(
        f"{clean(str(name))}: {plain(value)}"
        for name, value in rows.items()
        if not isinstance(value, bytes | bytearray | memoryview)
    )


def _record(item: Item, spec: LabelSpec, text: str, count: ExportCount) -> dict[str, Any]:
    draft = draft_of(item, spec, count)
    if item.image is not None:
        count.drop(spec.image_field)
    row = row_of(item, count)
    data = {name: value for name, value in row.items() if name != spec.text_field}
    return {
        "text": text,
        "label": [] if draft is None else _marks(draft, spec),
        **facts(item),
        "prediction_score": plain(item.prediction_score),
        "model_version": plain(item.model_version),
        "row": data,
    }


def _marks(draft: Any, spec: LabelSpec) -> list[Any]:
    if spec.type == "span":
        return [[one["start"], one["end"], one["label"]] for one in draft]
    if spec.type == "multi-label":
        return list(draft)
    return [str(draft)]


def _value(marks: list[Any], spec: LabelSpec) -> Any:
    if spec.type == "span":
        triples = [one if isinstance(one, list) else _triple(one) for one in marks]
        return [{"start": start, "end": end, "label": label} for start, end, label in triples]
    if spec.type == "multi-label":
        return marks
    if len(marks) != 1:
        return marks
    return int(marks[0]) if spec.type == "rating" and str(marks[0]).isdecimal() else marks[0]


def _triple(entity: dict[str, Any]) -> list[Any]:
    return [entity["start_offset"], entity["end_offset"], entity["label"]]


plugin = Doccano
