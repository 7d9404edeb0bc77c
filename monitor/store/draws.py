"""The rows that runs drew for the queue; one window has one draw."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.window import Window
from monitor.store.engine import MAX_IMAGE, Database, table_of
from monitor.store.label_models import LabelRow, PushRow
from monitor.store.models import QueueDrawRow, QueueEventRow, QueueItemRow
from monitor.store.records import Draw, NewQueueRow, RunKey
from monitor.store.types import digest

SAME = (
    "row_id",
    "reason",
    "reason_text",
    "score",
    "inclusion_probability",
    "weight",
    "copies",
    "push_order",
    "data",
    "prediction",
    "prediction_score",
    "model_version",
)
OF_DRAW = ("candidates", "population", "size_mean", "expected_mean")


def replace_draw(
    database: Database,
    session: Session,
    run: RunKey,
    rows: Sequence[NewQueueRow],
    now: datetime,
    *,
    draw: Draw | None = None,
    again: bool = True,
) -> int:
    """Queue the sample that a run drew; how many rows are new.

    One window has one draw, else the inclusion probabilities would be wrong: an older draw of
    the same window stands when any of it has left the building, and gives way when none has.
    Without `again` it is the window's first run, and there is no older draw.
    """
    window = run.window
    if again and not _withdraw(session, run):
        return 0
    _record_draw(session, run.monitor, window, draw, again=again)
    values = [new_row(run.monitor, window, row, now=now, run_id=run.id) for row in rows]
    return insert_rows(database, session, values, now=now, by=f"run {run.id}")


def _withdraw(session: Session, run: RunKey) -> bool:
    """Take the window's older draw back; False when any of it has left the building."""
    drawn = drawn_from(run.monitor, run.window)
    gone = sa.or_(
        QueueItemRow.state != "proposed",
        sa.select(PushRow.id).where(PushRow.queue_row_id == QueueItemRow.id).exists(),
        sa.select(LabelRow.id).where(LabelRow.queue_row_id == QueueItemRow.id).exists(),
    )
    left = sa.select(QueueItemRow.id).where(*drawn, gone).limit(1)
    if session.scalars(left).first() is not None:
        return False
    session.execute(sa.delete(QueueItemRow).where(*drawn))
    return True


def _record_draw(
    session: Session, monitor: str, window: Window, draw: Draw | None, *, again: bool
) -> None:
    place = {"monitor": monitor, "window_start": window.start, "window_end": window.end}
    if again:
        session.execute(sa.delete(QueueDrawRow).filter_by(**place))
    if draw is not None:
        session.add(QueueDrawRow(**place, **{name: getattr(draw, name) for name in OF_DRAW}))


def drawn_from(monitor: str, window: Window) -> tuple[sa.ColumnElement[bool], ...]:
    """Whether a row of the queue was drawn by a run of that window."""
    return (
        QueueItemRow.monitor == monitor,
        QueueItemRow.window_start == window.start,
        QueueItemRow.window_end == window.end,
        QueueItemRow.run_id.is_not(None),
    )


def new_row(
    monitor: str, window: Window, row: NewQueueRow, *, now: datetime, run_id: int | None
) -> dict[str, Any]:
    """What the table keeps of a row; an image that is too large is left out, which is noted."""
    image, note = row.image, ""
    if image is not None and len(image) > MAX_IMAGE:
        note = f"The image of {len(image)} bytes was left out: {MAX_IMAGE} are the most."
        image = None
    return {
        **{name: getattr(row, name) for name in SAME},
        "monitor": monitor,
        "run_id": run_id,
        "row_digest": digest(row.row_id),
        "window_start": window.start,
        "window_end": window.end,
        "state": "proposed",
        "note": note,
        "created_at": now,
        "changed_at": now,
        "image": image,
    }


def insert_rows(
    database: Database, session: Session, values: list[dict[str, Any]], *, now: datetime, by: str
) -> int:
    """Queue rows that are new, and write down that they were proposed; how many."""
    if not values:
        return 0
    new = database.insert_new(session, QueueItemRow, values, QueueItemRow.id)
    events = [
        {"queue_row_id": item, "at": now, "from_state": None, "to_state": "proposed", "by": by}
        for item in new
    ]
    if events:
        session.connection().execute(_NEW_EVENTS, events)
    return len(new)


_NEW_EVENTS = sa.insert(table_of(QueueEventRow))
