"""Answers out of the annotation tool: every change of every answer, read to the end each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, get_args

from monitor.core.errors import RefusedError, UsageError
from monitor.labeling.predictions import MisfitError, fitted
from monitor.labeling.returned import Importer
from monitor.labeling.spec import LabelSpec
from monitor.labeling.tool import Answer, Changes, Tool
from monitor.store.label_records import (
    NewLabel,
    Push,
    SpecVersion,
    StoredLabel,
    Taken,
    ToolProject,
)
from monitor.store.records import QueueState
from monitor.store.store import Store
from monitor.store.tools import ToolLease

#: States that labels may change; what a person settled stays settled.
_OPEN: frozenset[QueueState] = frozenset(get_args(QueueState)) - {"accepted", "rejected"}
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many people label a row."""

    annotators: int = 1
    ambiguous: int | None = None  #: of those that the model is unsure of; None: as many

    def of(self, reason: str) -> int:
        """For a row that was queued for that reason."""
        if reason == "ambiguous" and self.ambiguous is not None:
            return self.ambiguous
        return self.annotators


@dataclass(slots=True)
class Pulled:
    """What a pull brought."""

    new: int = 0
    edited: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: int = 0  #: answers without a label among those that came
    unlabelled: int = 0  #: items of a file that came back without a label
    refused: list[tuple[str, str]] = field(default_factory=list)  #: row id, why it does not fit
    unknown: list[str] = field(default_factory=list)  #: ids that are not in the queue
    foreign: int = 0  #: answered tasks that bear no id of ours
    gone: list[str] = field(default_factory=list)  #: rows whose task was deleted there
    states: dict[str, int] = field(default_factory=dict)  #: rows that came into each state

    def add(self, taken: Taken) -> None:
        """Count what the store made of a page."""
        self.new += taken.new
        self.edited += taken.edited
        self.deleted += taken.deleted
        self.unchanged += taken.unchanged
        self.unknown += taken.unknown


def pull(
    store: Store,
    monitor: str,
    tool: Tool,
    spec: LabelSpec,
    *,
    overlap: Overlap = Overlap(),
    worker: str = "",
    say: Callable[[str], None] = lambda _text: None,
) -> Pulled:
    """Read all that changed since the last pull.

    A page is stored, its rows are settled, and only then the cursor moves: killed anywhere, the
    next pull reads the page again, and what it knows already changes nothing.

    Raises
    ------
    UsageError
        Another process speaks with the tool for this monitor right now.
    LabelingError
        The tool is not there.
    """
    lease = store.tools.lease(monitor, tool.name, worker=worker)
    if lease is None:
        msg = f"Another process speaks with {tool.name} for {monitor!r}; try again when it is done."
        raise UsageError(msg)
    pulled = Pulled()
    try:
        for project in store.tools.projects(monitor, tool.name):
            try:
                _Project(store, monitor, tool, spec, overlap, lease, project, pulled).pull()
            except RefusedError as error:
                if error.status != 404:
                    raise
                say(f"{monitor}: project {project.project} of {tool.name} is not there any more")
    finally:
        lease.release()
    return pulled


def read_file(
    store: Store,
    monitor: str,
    importer: Importer,
    source: BinaryIO,
    spec: LabelSpec,
    *,
    overlap: Overlap = Overlap(),
) -> Pulled:
    """Labels out of a file that an annotation tool wrote; the same file again changes nothing.

    Raises
    ------
    LabelingError
        It is not of that format.
    """
    version = store.labels.ensure_spec(
        monitor, spec.model_dump(mode="json"), guideline_version=spec.version
    )
    returned = importer.read(source, spec)
    labels = [
        NewLabel(
            row_id=one.id,
            tool=importer.name,
            annotation=f"{one.id}\x00{one.annotator or ''}",
            value=one.value,
            annotator=one.annotator or "",
            lead_time=one.lead_time,
            guideline_version=spec.version,
            spec_version=version.version,
        )
        for one in returned.labels
    ]
    pulled = Pulled(
        unlabelled=len(returned.unlabelled),
        refused=[(str(one.id), one.reason) for one in returned.refused],
    )
    for start in range(0, len(labels), _AT_ONCE):
        taken = store.labels.add(monitor, labels[start : start + _AT_ONCE])
        pulled.add(taken)
        settle(store, monitor, taken.rows, overlap, pulled, by=f"file {importer.name}")
    return pulled


@dataclass(slots=True)
class _Project:
    store: Store
    monitor: str
    tool: Tool
    spec: LabelSpec
    overlap: Overlap
    lease: ToolLease
    project: ToolProject
    pulled: Pulled
    versions: list[SpecVersion] = field(default_factory=list)

    def pull(self) -> None:
        self.versions = self.store.labels.specs(self.monitor)
        for page in self.tool.changed(self.project.project, self.spec, self.project.cursor):
            self.lease.renew()
            self._take(page)
            self.store.tools.set_cursor(self.project.id, page.cursor)
        self._look_for_gone()

    def _take(self, page: Changes) -> None:
        known = self.store.pushes.of_tasks(
            self.monitor, self.tool.name, self.project.project, list(page.tasks)
        )
        strange = sorted({one.task for one in page.answers} - known.keys())
        # Made by hand, or by a push that died before it noted where its tasks are.
        ours = self.tool.ids_of(self.project.project, strange) if strange else {}
        labels = [
            label for one in page.answers if (label := self._label(one, known, ours)) is not None
        ]
        taken = self.store.labels.add(
            self.monitor,
            labels,
            complete=[(self.tool.name, self.project.project, task) for task in page.tasks],
        )
        self.pulled.add(taken)
        for label in labels:
            if label.row_id in taken.rows:
                self.pulled.skipped += label.state == "skipped"
                if label.state == "refused":
                    self.pulled.refused.append((label.row_id, label.note))
        by = f"pull from {self.tool.name}"
        settle(self.store, self.monitor, taken.rows, self.overlap, self.pulled, by=by)

    def _label(
        self, answer: Answer, known: Mapping[str, Push], ours: Mapping[str, str]
    ) -> NewLabel | None:
        push = known.get(answer.task)
        row_id = push.row_id if push is not None else ours.get(answer.task)
        if row_id is None:
            self.pulled.foreign += 1
            return None
        version = self._version(answer, push)
        spec = LabelSpec.model_validate(version.spec) if version is not None else self.spec
        state, value, note = answer.state, answer.value, answer.problem
        if state == "active" and not note:
            try:
                value = fitted(value, spec)
            except MisfitError as error:
                note = str(error)
        return NewLabel(
            row_id=row_id,
            tool=self.tool.name,
            project=self.project.project,
            task=answer.task,
            annotation=answer.annotation,
            stage=self.project.stage,
            state="refused" if state == "active" and note else state,
            value=None if note else value,
            raw=answer.raw,
            annotator=answer.annotator,
            lead_time=answer.lead_time,
            created_at=answer.created_at,
            updated_at=answer.updated_at,
            guideline_version=self.spec.version if version is None else version.guideline_version,
            spec_version=None if version is None else version.version,
            with_draft=None if push is None else push.with_draft,
            gold=answer.gold,
            note=note,
        )

    def _version(self, answer: Answer, push: Push | None) -> SpecVersion | None:
        """What was asked when the answer was given: the newest version of then."""
        first = 0 if push is None else push.spec_version
        given = answer.updated_at or answer.created_at
        candidates = [one for one in self.versions if one.version >= first]
        asked = [one for one in candidates if given is None or one.created_at <= given]
        return (asked or candidates[:1] or [None])[-1]  # type: ignore[list-item]

    def _look_for_gone(self) -> None:
        """A task that somebody deleted there will never be answered; labels that it had stay."""
        name, project = self.tool.name, self.project.project
        if self.tool.size(project) >= self.store.tools.tasks(self.project.id):
            return
        known = self.store.pushes.of_tasks(self.monitor, name, project)
        there = self.tool.tasks(project)
        gone = {push.id: push.row_id for task, push in known.items() if task not in there}
        self.store.pushes.gone(self.monitor, list(gone))
        waiting = self.store.queue.mark(
            self.monitor,
            gone.values(),
            "rejected",
            by=f"its task was deleted in {name}",
            only={"exported", "in_annotation"},
        )
        self.pulled.gone += waiting.changed


def settle(
    store: Store,
    monitor: str,
    row_ids: Iterable[str],
    overlap: Overlap,
    pulled: Pulled,
    *,
    by: str,
) -> None:
    """Move rows whose labels changed to the state that their labels mean."""
    rows = list(row_ids)
    found: dict[str, list[StoredLabel]] = {row_id: [] for row_id in rows}
    for label in store.labels.of(monitor, states=("active", "skipped", "refused"), row_ids=rows):
        found[label.row_id].append(label)
    moves: dict[QueueState, list[str]] = {}
    for row_id, labels in found.items():
        moves.setdefault(state_of(labels, overlap), []).append(row_id)
    for state, ids in moves.items():
        moved = store.queue.mark(monitor, ids, state, by=by, only=_OPEN)
        if moved.changed:
            pulled.states[state] = pulled.states.get(state, 0) + len(moved.changed)


def state_of(labels: Sequence[StoredLabel], overlap: Overlap) -> QueueState:
    """What the labels of a row mean for it.

    An expert's label settles it. When all who were asked gave it back without a label, it is
    ambiguous: a matter for the experts.
    """
    given = [label for label in labels if label.state == "active"]
    if any(label.stage == "experts" for label in given):
        return "labelled"
    if not labels or len(labels) < overlap.of(labels[0].reason):
        return "in_annotation"
    return "labelled" if given else "disputed"
