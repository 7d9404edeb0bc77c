"""JSON lines: one item a line, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, BinaryIO, ClassVar

from monitor.core.errors import LabelingError
from monitor.labeling.items import ExportCount, Item
from monitor.labeling.returned import SECONDS, WHO, Returned
from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import data_uri, plain


class JsonLines:
    """JSON lines, UTF-8, one object a line.

    Keys: `id`, `monitor`, `window` (`start`, `end`), `reason`, `reason_text`, `score`,
    `inclusion_probability` (null for rows that were asked for), `weight`, `prediction`,
    `prediction_score`, `model_version`, `data` (the row) and, where there is one, `image` (a data
    URI). Predictions go out as they are, whether they fit the label spec or not.
    """

    name: ClassVar[str] = "jsonl"

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items, one at a time."""
        count = ExportCount()
        for item in items:
            line = json.dumps(record(item, spec), ensure_ascii=False, allow_nan=False)
            out.write(line.encode("utf-8") + b"\n")
            count.written += 1
        return count

    def read(self, source: BinaryIO, spec: LabelSpec) -> Returned:
        """Read lines to which annotators have added their answer, under the spec's label field.

        An `annotator` beside it is kept; lines without an answer (or null) are unlabelled.
        """
        returned = Returned()
        for number, line in enumerate(source, start=1):
            if not line.strip():
                continue
            try:
                whole = json.loads(line)
                key, label, annotator = (
                    str(whole["id"]),
                    whole.get(spec.label_field),
                    whole.get(WHO),
                )
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                msg = (
                    f"Line {number} is not of a driftloop queue ({type(error).__name__}: {error})."
                )
                raise LabelingError(msg) from error
            if label is None:
                returned.unlabelled.append(key)
            else:
                who = None if annotator is None else str(annotator)
                returned.take(key, label, spec, who, lead_time=whole.get(SECONDS))
        return returned


def record(item: Item, spec: LabelSpec) -> dict[str, Any]:
    """An item as one JSON object."""
    whole: dict[str, Any] = {
        "id": plain(item.id),
        "monitor": plain(item.monitor),
        "window": {"start": item.window_start, "end": item.window_end},
        "reason": item.reason,
        "reason_text": plain(item.reason_text),
        "score": plain(item.score),
        "inclusion_probability": plain(item.inclusion_probability),
        "weight": plain(item.weight),
        "prediction": plain(item.prediction),
        "prediction_score": plain(item.prediction_score),
        "model_version": plain(item.model_version),
        "data": plain(item.data),
    }
    if item.image is not None:
        whole[spec.image_field if spec.image_field not in whole else "image"] = data_uri(item.image)
    return whole


plugin = JsonLines
