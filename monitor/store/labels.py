"""Labels that came back: every revision of every annotation, and the specs they answer to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.window import Window
from monitor.store.engine import CHUNK, Database
from monitor.store.label_models import LabelRow, LabelSpecRow
from monitor.store.label_records import LabelState, NewLabel, SpecVersion, StoredLabel, Taken
from monitor.store.models import QueueItemRow
from monitor.store.types import digest, plain

#: What makes two answers of one annotation the same; times and the stopwatch do not count.
_CONTENT = ("value", "raw", "annotator", "state", "gold", "note")
_SAME = (
    "tool",
    "stage",
    "project",
    "task",
    "annotation",
    "state",
    "value",
    "raw",
    "annotator",
    "lead_time",
    "created_at",
    "updated_at",
    "guideline_version",
    "spec_version",
    "with_draft",
    "gold",
    "note",
)
_OF_ROW = (
    "reason",
    "inclusion_probability",
    "weight",
    "copies",
    "score",
    "prediction",
    "prediction_score",
    "model_version",
)


class Labels:
    """What annotators said about the rows of the queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        monitor: str,
        labels: Iterable[NewLabel],
        *,
        complete: Iterable[tuple[str, str, str]] = (),
    ) -> Taken:
        """Store labels; the same ones again change nothing.

        Parameters
        ----------
        labels : iterable of NewLabel
            Each is known by (tool, project, annotation). One that is known with another content is
            an edit: the older revision is kept as superseded. One that is older by the tool's
            clock than what is stored is a late copy, and left alone.
        complete : iterable of (tool, project, task)
            Tasks of which `labels` has all annotations: what is stored of them beside was deleted.
        """
        given = list(labels)
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            taking = _Taking(session, monitor, self._database.now(session))
            taking.take(given)
            taking.delete_others(given, list(complete))
        return taking.result()

    def of(
        self,
        monitor: str,
        *,
        window: Window | None = None,
        states: Iterable[LabelState] | None = ("active",),
        row_ids: Iterable[str] | None = None,
        page: int = 500,
    ) -> Iterator[StoredLabel]:
        """Labels of a monitor in the order in which they came, page by page.

        Parameters
        ----------
        window : Window, optional
            Only those of rows of that window.
        states : iterable, optional
            None: all, superseded and deleted ones included.
        row_ids : iterable of str, optional
            Only those of these rows.
        """
        query = (
            sa.select(LabelRow, QueueItemRow)
            .join(QueueItemRow, QueueItemRow.id == LabelRow.queue_row_id)
            .options(sa.orm.defer(QueueItemRow.image), sa.orm.defer(QueueItemRow.data))
            .where(LabelRow.monitor == monitor)
        )
        if window is not None:
            query = query.where(
                QueueItemRow.monitor == monitor,
                QueueItemRow.window_start == window.start,
                QueueItemRow.window_end == window.end,
            )
        if states is not None:
            query = query.where(LabelRow.state.in_(list(states)))
        if row_ids is None:
            yield from self._pages(query, page)
            return
        asked = [digest(row_id) for row_id in dict.fromkeys(row_ids)]
        for start in range(0, len(asked), CHUNK):
            part = QueueItemRow.row_digest.in_(asked[start : start + CHUNK])
            yield from self._pages(query.where(QueueItemRow.monitor == monitor, part), page)

    def _pages(self, query: sa.Select[LabelRow, QueueItemRow], page: int) -> Iterator[StoredLabel]:
        last = 0
        while True:
            with self._database.reading() as session:
                part = query.where(LabelRow.id > last).order_by(LabelRow.id).limit(page)
                found = [_stored(label, row) for label, row in session.execute(part)]
            yield from found
            if len(found) < page:
                return
            last = found[-1].id

    def counts(self, monitor: str) -> dict[LabelState, int]:
        """How many labels are in each state."""
        query = (
            sa.select(LabelRow.state, sa.func.count())
            .where(LabelRow.monitor == monitor)
            .group_by(LabelRow.state)
        )
        with self._database.reading() as session:
            found = {state: count for state, count in session.execute(query)}  # noqa: C416 - a Row is no pair
        return {state: found.get(state, 0) for state in get_args(LabelState)}

    def newest(self, monitor: str) -> datetime | None:
        """When the labels of a monitor last changed; None without labels."""
        query = sa.select(sa.func.max(LabelRow.changed_at)).where(LabelRow.monitor == monitor)
        with self._database.reading() as session:
            return session.scalars(query).one()

    def ensure_spec(
        self, monitor: str, spec: Mapping[str, Any], *, guideline_version: str
    ) -> SpecVersion:
        """The version of that label spec; a new one when it was never stored."""
        text = json.dumps(plain({"spec": spec, "guideline": guideline_version}), sort_keys=True)
        mine = (LabelSpecRow.monitor == monitor, LabelSpecRow.fingerprint == digest(text))
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            row = session.scalars(sa.select(LabelSpecRow).where(*mine)).first()
            if row is None:
                newest = sa.select(sa.func.max(LabelSpecRow.version))
                before = session.scalars(newest.where(LabelSpecRow.monitor == monitor)).one()
                row = LabelSpecRow(
                    monitor=monitor,
                    version=(before or 0) + 1,
                    fingerprint=digest(text),
                    guideline_version=guideline_version,
                    created_at=self._database.now(session),
                    spec=dict(spec),
                )
                session.add(row)
                session.flush()
            return _version(row)

    def specs(self, monitor: str) -> list[SpecVersion]:
        """All versions of the label spec, oldest first."""
        query = sa.select(LabelSpecRow).where(LabelSpecRow.monitor == monitor)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(LabelSpecRow.version))
            return [_version(row) for row in rows]


class _Taking:
    """One transaction that brings labels in."""

    def __init__(self, session: Session, monitor: str, now: datetime) -> None:
        self._session, self._monitor, self._now = session, monitor, now
        self._new = self._edited = self._deleted = self._unchanged = 0
        self._unknown: dict[str, None] = {}
        self._rows: dict[str, None] = {}

    def result(self) -> Taken:
        return Taken(
            new=self._new,
            edited=self._edited,
            deleted=self._deleted,
            unchanged=self._unchanged,
            unknown=tuple(self._unknown),
            rows=tuple(self._rows),
        )

    def take(self, labels: Sequence[NewLabel]) -> None:
        places = self._places(labels)
        known = self._known(labels)
        for label in labels:
            queue_row_id = places.get(label.row_id)
            if queue_row_id is None:
                self._unknown[label.row_id] = None
                continue
            key = _external(label)
            row = self._one(label, queue_row_id, known.get(key))
            if row is not None:
                known[key] = row
                self._rows[label.row_id] = None
        self._session.flush()

    def _one(self, label: NewLabel, queue_row_id: int, known: LabelRow | None) -> LabelRow | None:
        """The new revision; None where nothing changed."""
        content = _content(label)
        if known is None:
            self._new += 1
        elif (known.content_digest == content and known.state != "deleted") or _late(label, known):
            self._unchanged += 1
            return None
        else:
            self._edited += 1
            known.latest, known.changed_at = False, self._now
            if known.state != "deleted":
                known.state = "superseded"
        row = LabelRow(
            monitor=self._monitor,
            queue_row_id=queue_row_id,
            external_digest=_external(label),
            revision=1 if known is None else known.revision + 1,
            latest=True,
            content_digest=content,
            stored_at=self._now,
            changed_at=self._now,
            **{name: getattr(label, name) for name in _SAME},
        )
        self._session.add(row)
        return row

    def delete_others(
        self, labels: Sequence[NewLabel], complete: Sequence[tuple[str, str, str]]
    ) -> None:
        here = {_external(label) for label in labels}
        for (tool, project), tasks in _by_project(complete).items():
            for start in range(0, len(tasks), CHUNK):
                query = (
                    sa.select(LabelRow, QueueItemRow.row_id)
                    .join(QueueItemRow, QueueItemRow.id == LabelRow.queue_row_id)
                    .where(
                        LabelRow.monitor == self._monitor,
                        LabelRow.tool == tool,
                        LabelRow.project == project,
                        LabelRow.task.in_(tasks[start : start + CHUNK]),
                        LabelRow.latest,
                        LabelRow.state != "deleted",
                    )
                )
                for row, row_id in self._session.execute(query):
                    if row.external_digest not in here:
                        row.state, row.changed_at = "deleted", self._now
                        self._deleted += 1
                        self._rows[row_id] = None

    def _places(self, labels: Sequence[NewLabel]) -> dict[str, int]:
        asked = [digest(row_id) for row_id in dict.fromkeys(label.row_id for label in labels)]
        found: dict[str, int] = {}
        for start in range(0, len(asked), CHUNK):
            query = sa.select(QueueItemRow.row_id, QueueItemRow.id).where(
                QueueItemRow.monitor == self._monitor,
                QueueItemRow.row_digest.in_(asked[start : start + CHUNK]),
            )
            found |= {row_id: number for row_id, number in self._session.execute(query)}  # noqa: C416 - a Row is no pair
        return found

    def _known(self, labels: Sequence[NewLabel]) -> dict[str, LabelRow]:
        keys = list(dict.fromkeys(_external(label) for label in labels))
        found: dict[str, LabelRow] = {}
        for start in range(0, len(keys), CHUNK):
            query = sa.select(LabelRow).where(
                LabelRow.monitor == self._monitor,
                LabelRow.external_digest.in_(keys[start : start + CHUNK]),
                LabelRow.latest,
            )
            found |= {row.external_digest: row for row in self._session.scalars(query)}
        return found


def _by_project(
    complete: Sequence[tuple[str, str, str]],
) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for tool, project, task in complete:
        found.setdefault((tool, project), []).append(task)
    return found


def _late(label: NewLabel, known: LabelRow) -> bool:
    """Whether this is an older state of the annotation than the one that is stored."""
    if label.updated_at is None or known.updated_at is None:
        return False
    return label.updated_at < known.updated_at


def _external(label: NewLabel) -> str:
    return digest(json.dumps([label.tool, label.project, label.annotation]))


def _content(label: NewLabel) -> str:
    parts = {name: getattr(label, name) for name in _CONTENT} | {"row": label.row_id}
    return digest(json.dumps(plain(parts), sort_keys=True))


def _stored(label: LabelRow, row: QueueItemRow) -> StoredLabel:
    return StoredLabel(
        id=label.id,
        monitor=label.monitor,
        queue_row_id=row.id,
        row_id=row.row_id,
        revision=label.revision,
        stored_at=label.stored_at,
        changed_at=label.changed_at,
        window=Window(row.window_start, row.window_end),
        queue_state=row.state,
        **{name: getattr(label, name) for name in _SAME},
        **{name: getattr(row, name) for name in _OF_ROW},
    )


def _version(row: LabelSpecRow) -> SpecVersion:
    return SpecVersion(
        monitor=row.monitor,
        version=row.version,
        guideline_version=row.guideline_version,
        spec=row.spec,
        created_at=row.created_at,
    )
