"""The queue as files for annotation tools."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from monitor.config import MonitorConfig
from monitor.core import plugins
from monitor.core.errors import UsageError
from monitor.core.window import Window
from monitor.labeling.items import ExportCount, Exporter, Item
from monitor.labeling.returned import Importer
from monitor.labeling.spec import LabelSpec, LabelType
from monitor.profiles.types import CategoricalProfile, Profile
from monitor.store.records import NewQueueRow, QueueRow

_TYPES: dict[str, LabelType] = {
    "classification": "class",
    "multilabel": "multi-label",
    "regression": "text",
    "text": "text",
    "boxes": "box",
    "polygons": "polygon",
    "spans": "span",
}
_MAX_CLASSES = 200


def exporter(name: str) -> Exporter:
    """The exporter of that format. Raises `UsageError` when there is none."""
    known = plugins.names("labeling")
    if name.replace("-", "_") not in known:
        formats = ", ".join(one.replace("_", "-") for one in known)
        msg = f"There is no export format {name!r}; there are: {formats}."
        raise UsageError(msg)
    made: Exporter = plugins.load("labeling", name)()
    return made


def importer(name: str) -> Importer:
    """What reads labels of that format. Raises `UsageError` when nothing does."""
    made = exporter(name)
    if not hasattr(made, "read"):
        msg = f"Labels cannot be read from format {name!r}."
        raise UsageError(msg)
    read: Importer = made  # type: ignore[assignment]  # it writes, and reads too
    return read


def spec_of(monitor: MonitorConfig, reference: Profile | None) -> LabelSpec:
    """What annotators are asked; classes that nobody named are those of the reference's labels."""
    queue, columns = monitor.queue, monitor.columns
    kind = _TYPES[queue.type]
    classes = queue.classes
    if not classes and reference is not None:
        classes = _classes(reference, columns.label) or _classes(reference, columns.prediction)
    if kind in {"class", "multi-label"} and not classes:
        kind = "text"
    return LabelSpec(
        type=kind,
        classes=classes if kind != "text" else (),
        guideline=queue.guideline or "",
        version=queue.guideline_version,
        text_field=columns.texts[0] if columns.texts else None,
        has_images=bool(columns.images),
    )


def write(rows: Iterable[QueueRow], name: str, spec: LabelSpec, out: BinaryIO) -> ExportCount:
    """Write the rows in one format; what was left out is counted."""
    return exporter(name).write(map(item_of, rows), spec, out)


def _classes(reference: Profile, column: str | None) -> tuple[str, ...]:
    profile = reference.columns.get(column) if column else None
    if not isinstance(profile, CategoricalProfile) or len(profile.levels) > _MAX_CLASSES:
        return ()
    return tuple(sorted(profile.levels))


def item_of(row: QueueRow) -> Item:
    """A row of the queue as annotation tools get it."""
    return new_item(row.monitor, row.window, row)


def new_item(monitor: str, window: Window, row: NewQueueRow) -> Item:
    """A row as annotation tools get it, whether it is in the queue yet or not."""
    return Item(
        id=row.row_id,
        monitor=monitor,
        window_start=window.start.isoformat(),
        window_end=window.end.isoformat(),
        reason=row.reason,
        reason_text=row.reason_text,
        score=row.score,
        inclusion_probability=row.inclusion_probability,
        weight=row.weight,
        data=row.data,
        prediction=row.prediction,
        prediction_score=row.prediction_score,
        model_version=row.model_version,
        image=row.image,
    )
