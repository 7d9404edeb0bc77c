"""The part of a report that is about labels, where there are any: most runs need not load it."""

from __future__ import annotations

from monitor.config import MonitorConfig
from monitor.store.records import QueueRow
from monitor.store.store import Store
from reports.label_view import LabelsView


def label_part(
    store: Store, monitor: MonitorConfig
) -> tuple[LabelsView | None, tuple[QueueRow, ...]]:
    """What is shown of labels, and the labelled rows; nothing before any came back."""
    if store.labels.newest(monitor.name) is None:
        return None, ()
    from monitor.steps import label_views  # noqa: PLC0415 - statistics that take a second to load

    return label_views.labels(store, monitor, monitor.zone)
