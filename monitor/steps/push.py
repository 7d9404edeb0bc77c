"""Rows of the queue to the annotation tool: each there once, whatever dies on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.core.errors import LabelingError, RefusedError, UnknownOutcomeError, UsageError
from monitor.labeling.items import ExportCount, draft_of
from monitor.labeling.spec import LabelSpec
from monitor.labeling.tool import LONGEST_ID, Outgoing, TaskRef, Tool
from monitor.labeling.wire import Patience
from monitor.steps.export import item_of
from monitor.steps.pull import Overlap
from monitor.store.label_records import Arrival, NewPush, Push, Stage, ToolProject
from monitor.store.records import QueueRow, QueueState
from monitor.store.store import Store
from monitor.store.tools import ToolLease

#: Which rows go to whom: the experts get what the annotators disagree on, without any draft.
STATES: dict[Stage, tuple[QueueState, ...]] = {
    "annotators": ("proposed", "exported"),
    "experts": ("disputed",),
}
_PLANNED_AT_ONCE = 5_000
_ATTEMPTS = 6
_NOT_ABOUT_THE_ROWS = frozenset({401, 403, 404})

Rows = list[tuple[Push, QueueRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the config says about pushing."""

    spec: LabelSpec
    overlap: Overlap = field(default_factory=Overlap)
    without_draft: float = 0.0  #: share
    projects: dict[Stage, str] = field(default_factory=dict)  #: that people made, by stage
    webhook: tuple[str, str] | None = None  #: address and secret


@dataclass(slots=True)
class Pushed:
    """What a push came to."""

    planned: int = 0  #: rows that were not planned before
    arrived: int = 0  #: rows that are there now and were not known to be
    found: int = 0  #: of these, rows that were there already: an earlier push had died
    removed: int = 0  #: surplus tasks of one row that were deleted again
    refused: list[tuple[str, str]] = field(default_factory=list)  #: row id, reason
    without_prediction: list[tuple[str, str]] = field(default_factory=list)
    projects: dict[str, str] = field(default_factory=dict)  #: id, stage


def push(
    store: Store,
    monitor: str,
    tool: Tool,
    wanted: Wanted,
    *,
    limit: int | None = None,
    worker: str = "",
    patience: Patience | None = None,
    say: Callable[[str], None] = lambda _text: None,
) -> Pushed:
    """Push what the queue proposes, and what is disputed to the experts.

    Raises
    ------
    UsageError
        Another process speaks with the tool for this monitor right now.
    LabelingError
        The tool is not there, or its project does not fit.
    """
    lease = store.tools.lease(monitor, tool.name, worker=worker)
    if lease is None:
        msg = f"Another process speaks with {tool.name} for {monitor!r}; try again when it is done."
        raise UsageError(msg)
    try:
        version = store.labels.ensure_spec(
            monitor,
            wanted.spec.model_dump(mode="json"),
            guideline_version=wanted.spec.version,
        )
        done = Pushed()
        for stage in STATES:
            _Stage(
                store=store,
                monitor=monitor,
                tool=tool,
                wanted=wanted,
                stage=stage,
                version=version.version,
                lease=lease,
                patience=patience or Patience(),
                done=done,
                say=say,
            ).push(limit)
        return done
    finally:
        lease.release()


@dataclass(slots=True, kw_only=True)
class _Stage:
    """One push of one stage."""

    store: Store
    monitor: str
    tool: Tool
    wanted: Wanted
    stage: Stage
    version: int
    lease: ToolLease
    patience: Patience
    done: Pushed
    say: Callable[[str], None]
    current: ToolProject | None = None
    known: list[str] = field(default_factory=list)  #: ids of all projects of this stage

    def push(self, limit: int | None) -> None:
        self._plan(limit)
        self.known = [one.project for one in self._projects()]
        after, left = 0, limit
        while left is None or left > 0:
            room = self.tool.batch if left is None else min(self.tool.batch, left)
            batch = self._waiting(after, room)
            if not batch:
                break
            after = batch[-1][0].id
            left = None if left is None else left - len(batch)
            self._deliver(batch)
            self.say(f"{self.monitor}: {self.done.arrived:,} rows pushed")

    def _plan(self, limit: int | None) -> None:
        left = limit
        while left is None or left > 0:
            room = _PLANNED_AT_ONCE if left is None else min(left, _PLANNED_AT_ONCE)
            rows = self.store.pushes.unplanned(
                self.monitor, self.tool.name, self.stage, states=STATES[self.stage], limit=room
            )
            share = self.wanted.without_draft if self.stage == "annotators" else 1.0
            self.done.planned += self.store.pushes.plan(
                self.monitor,
                self.tool.name,
                self.stage,
                [
                    NewPush(
                        queue_row_id=number,
                        with_draft=draft_is_shown(self.monitor, row_id, share),
                        spec_version=self.version,
                    )
                    for number, row_id in rows
                ],
            )
            left = None if left is None else left - len(rows)
            if len(rows) < room:
                return

    def _waiting(self, after: int, limit: int) -> Rows:
        return self.store.pushes.planned(
            self.monitor,
            self.tool.name,
            self.stage,
            states=STATES[self.stage],
            after=after,
            limit=limit,
        )

    def _projects(self) -> list[ToolProject]:
        every = self.store.tools.projects(self.monitor, self.tool.name)
        return [one for one in every if one.stage == self.stage]

    def _deliver(self, batch: Rows) -> None:
        """Look, send what is not there, look again; until all is there or patience ends."""
        waiting = self._sendable(batch)
        for attempt in range(_ATTEMPTS):
            waiting = self._looked_up(waiting, expected=attempt > 0)
            if not waiting:
                return
            try:
                self._send(waiting)
            except UnknownOutcomeError as error:
                self.store.pushes.failed([push.id for push, _ in waiting], str(error))
                self.say(f"{self.monitor}: {error}")
                if attempt == _ATTEMPTS - 1:
                    raise
                self.patience.wait(attempt)
            else:
                return

    def _send(self, waiting: Rows) -> None:
        """Send once, and note where each of them is."""
        project = self._open(len(waiting))
        self.lease.renew()
        batch = [Outgoing(item=item_of(row), with_draft=push.with_draft) for push, row in waiting]
        try:
            sent = self.tool.send(project.project, batch, self.wanted.spec)
        except RefusedError as refused:
            if refused.status in _NOT_ABOUT_THE_ROWS:
                raise
            self._refused(waiting, refused)
            return
        reasons = {str(one.id): one.reason for one in sent.skipped}
        for push, row in waiting:
            if row.row_id in reasons:
                self._give_up(push, row, reasons[row.row_id])
        self._confirm([(push, row) for push, row in waiting if row.row_id not in reasons])

    def _confirm(self, sent: Rows) -> None:
        """What was taken must show: sending it again because it does not would double it."""
        for attempt in range(_ATTEMPTS):
            sent = self._looked_up(sent, expected=True)
            if not sent:
                return
            self.patience.wait(attempt)
        msg = (
            f"{self.tool.name} took {len(sent)} tasks, but a look-up by `driftloop_id` does not "
            f"show them (the first is {sent[0][1].row_id!r}); they are not sent again."
        )
        raise LabelingError(msg)

    def _refused(self, waiting: Rows, error: RefusedError) -> None:
        """A row or a draft that the tool does not want must not cost the others their way."""
        if len(waiting) > 1:
            middle = len(waiting) // 2
            self._deliver(waiting[:middle])
            self._deliver(waiting[middle:])
            return
        ((push, row),) = waiting
        if push.with_draft and row.prediction is not None:
            reason = f"the tool refused the prediction: {error}"
            self.store.pushes.undraft(push.id, reason)
            self._deliver([(replace(push, with_draft=False, note=reason), row)])
            return
        self._give_up(push, row, str(error))

    def _give_up(self, push: Push, row: QueueRow, reason: str) -> None:
        self.store.pushes.failed([push.id], reason, refused=True)
        self.done.refused.append((row.row_id, reason))

    def _sendable(self, batch: Rows) -> Rows:
        for push, row in batch:
            if len(row.row_id) > LONGEST_ID:
                reason = f"its id has more than {LONGEST_ID:,} characters and cannot be looked up"
                self._give_up(push, row, reason)
        return [(push, row) for push, row in batch if len(row.row_id) <= LONGEST_ID]

    def _looked_up(self, waiting: Rows, *, expected: bool) -> Rows:
        """Note those that are in the tool; the others, which are not."""
        by_id = {row.row_id: (push, row) for push, row in waiting}
        for project in list(self.known):
            there = self._find(project, list(by_id)) if by_id else {}
            arrivals = [
                self._arrival(*by_id.pop(row_id), project, refs) for row_id, refs in there.items()
            ]
            new = self.store.pushes.arrived(self.monitor, arrivals, by=f"push to {self.tool.name}")
            self.done.arrived += new
            self.done.found += 0 if expected else new
        return list(by_id.values())

    def _find(self, project: str, ids: list[str]) -> Mapping[str, Sequence[TaskRef]]:
        try:
            return self.tool.find(project, ids)
        except RefusedError as error:
            if error.status != 404:
                raise
            self.say(f"{self.monitor}: project {project} of {self.tool.name} is not there any more")
            self.known.remove(project)
            return {}

    def _arrival(self, push: Push, row: QueueRow, project: str, refs: Sequence[TaskRef]) -> Arrival:
        """The task of a row; surplus ones without an answer go."""
        kept = next((ref for ref in refs if ref.annotations), refs[0])
        surplus = [ref.task for ref in refs if ref is not kept and not ref.annotations]
        if surplus:
            self.tool.remove(project, surplus)
            self.done.removed += len(surplus)
        ask = self.wanted.overlap.of(row.reason)
        if self.stage == "annotators" and ask != self.wanted.overlap.annotators:
            self.tool.ask_more(project, [kept.task], ask)
        note = push.note or _misfit(row, self.wanted.spec)
        if note:
            self.done.without_prediction.append((row.row_id, note))
        shown = push.with_draft and not note and row.prediction is not None
        return Arrival(push=push.id, project=project, task=kept.task, with_draft=shown, note=note)

    def _open(self, rows: int) -> ToolProject:
        """The project with room for more rows; made, or checked once in each push."""
        if self.current is not None and self._has_room(self.current, rows):
            return self.current
        given = self.wanted.projects.get(self.stage)
        mine = self._projects()
        number = mine[-1].number if mine else 1
        while True:
            title = _title(self.monitor, self.stage, number)
            annotators = self.wanted.overlap.annotators if self.stage == "annotators" else 1
            found = self.tool.open_project(title, self.wanted.spec, annotators, project=given)
            opened = self.store.tools.add_project(
                self.monitor,
                self.tool.name,
                self.stage,
                number=number,
                project=found,
                spec_version=self.version,
            )
            # Another id under that number: a person deleted the one we knew, or named another one.
            if opened.project == found and (given or self._has_room(opened, rows)):
                break
            number += 1
        if self.wanted.webhook is not None:
            self.tool.watch(found, *self.wanted.webhook)
        self.current = opened
        self.known = list(dict.fromkeys([*self.known, found]))
        self.done.projects[found] = self.stage
        return opened

    def _has_room(self, project: ToolProject, rows: int) -> bool:
        there = self.store.tools.tasks(project.id)
        return there == 0 or there + rows <= self.tool.tasks_per_project


def draft_is_shown(monitor: str, row_id: str, without: float) -> bool:
    """Whether a row goes out with the model's draft: by its id, so the same after any restart."""
    text = f"{monitor}\x00{row_id}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") / 2**64
    return number >= without


def _title(monitor: str, stage: Stage, number: int) -> str:
    title = f"driftloop: {monitor}"
    if stage == "experts":
        title += " (experts)"
    return title if number == 1 else f"{title} {number}"


def _misfit(row: QueueRow, spec: LabelSpec) -> str:
    """Why a prediction cannot go out as a draft; "" where it can."""
    count = ExportCount()
    draft_of(item_of(row), spec, count)
    return count.without_prediction[0].reason if count.without_prediction else ""
