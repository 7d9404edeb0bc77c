"""What an annotator gets, and what a file format does with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Protocol

from monitor.labeling.predictions import MisfitError, fitted
from monitor.labeling.spec import LabelSpec
from monitor.labeling.values import clean, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row of the queue."""

    id: str | int
    monitor: str
    window_start: str  #: ISO, inclusive
    window_end: str  #: ISO, exclusive
    reason: str
    reason_text: str
    score: float
    inclusion_probability: float | None  #: None: the row was asked for
    weight: float = 1.0
    data: Mapping[str, Any] = field(default_factory=dict)  #: the row
    prediction: Any | None = None  #: in the shape that `spec.LabelType` documents
    prediction_score: float | None = None
    model_version: str | None = None
    image: bytes | None = None  #: PNG

    @property
    def window(self) -> str:
        """Start and end as the command line writes them."""
        return f"{self.window_start}/{self.window_end}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was left out: a whole item, or a part of it."""

    id: str | int
    reason: str  #: one sentence


@dataclass(slots=True)
class ExportCount:
    """What came of an export. Nothing is left out without a word here."""

    written: int = 0
    skipped: list[Skipped] = field(default_factory=list)  #: items that are not in the file
    without_prediction: list[Skipped] = field(default_factory=list)  #: in it, their draft is not
    dropped_values: dict[str, int] = field(default_factory=dict)  #: column: values left out

    def drop(self, column: str) -> None:
        """Count one value that the format cannot hold."""
        self.dropped_values[column] = self.dropped_values.get(column, 0) + 1


class Exporter(Protocol):
    """A file format for the queue. One file in `labeling/`, offered as `plugin`."""

    name: ClassVar[str]

    def write(self, items: Iterable[Item], spec: LabelSpec, out: BinaryIO) -> ExportCount:
        """Write the items in their order, one at a time. Raises `LabelingError` for the spec."""
        ...


def facts(item: Item) -> dict[str, Any]:
    """What every tool is told about an item, beside its row; `driftloop_id` matches the answers."""
    return {
        "driftloop_id": plain(str(item.id)),
        "id": plain(item.id),
        "monitor": plain(item.monitor),
        "window": item.window,
        "reason": item.reason,
        "reason_text": plain(item.reason_text),
        "score": plain(item.score),
        "inclusion_probability": plain(item.inclusion_probability),
        "weight": plain(item.weight),
    }


def row_of(item: Item, count: ExportCount) -> dict[str, Any]:
    """The row without its bytes, which are counted."""
    row = {}
    for name, value in item.data.items():
        if isinstance(value, bytes | bytearray | memoryview):
            count.drop(name)
        else:
            row[clean(str(name))] = plain(value)
    return row


def draft_of(item: Item, spec: LabelSpec, count: ExportCount) -> Any | None:
    """The prediction in the shape of the spec; None where it misfits, the reason is in `count`."""
    if item.prediction is None:
        return None
    text = plain(item.data.get(spec.text_field)) if spec.text_field else None
    try:
        return fitted(item.prediction, spec, text=text if isinstance(text, str) else None)
    except MisfitError as error:
        count.without_prediction.append(Skipped(item.id, str(error)))
        return None
