"""`/v1`: what the pages show, as JSON for programs; described by `/v1/openapi.json`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, HTTPException, Query
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, Field

from monitor.config import Config, MonitorConfig
from monitor.core.errors import ConfigError, UsageError
from monitor.core.window import Window
from monitor.store.alarm_records import NewNote
from monitor.store.records import QueueRow, RunSummary, StoredAlarm
from monitor.store.store import Store
from monitor.web.access import VISITOR, needs

#: Where programs ask; errors there are JSON.
PREFIX = "/v1/"
_LONGEST_NAME = 300
_MOST = 500
Name = Annotated[str, Field(max_length=_LONGEST_NAME)]
Limit = Annotated[int, Query(ge=1, le=_MOST)]
Text = Annotated[str, Field(max_length=1_000)]
#: Times that every database and every zone can hold.
Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(9000, 1, 1, tzinfo=UTC)),
]


class Problem(BaseModel):
    """What is wrong, in one sentence."""

    error: str


class Span(BaseModel):
    """A window, half open."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, window: Window) -> Span:
        """The same, for JSON."""
        return cls(start=window.start, end=window.end)


class MonitorOut(BaseModel):
    """One monitor."""

    name: str
    window: str = Field(description="Length of a window, as the config says it.")
    newest: Span | None = Field(description="The newest window that was run.")
    alarms_open: int
    failed: int = Field(description="Windows that cannot be run.")


class RunOut(BaseModel):
    """The run of one window."""

    window: Span
    revision: int
    reference_version: int | None
    rows: int
    findings: int
    drifted: int
    alarms_opened: int
    alarms_open: int
    queued: int
    started_at: datetime
    finished_at: datetime
    seconds: float

    @classmethod
    def of(cls, run: RunSummary) -> RunOut:
        """The same, for JSON."""
        same = {name: getattr(run, name) for name in cls.model_fields if name != "window"}
        return cls(window=Span.of(run.window), **same)


class AlarmOut(BaseModel):
    """One alarm, from its opening to its closing."""

    id: int
    key: str
    state: str
    title: str
    opened: Span
    last: Span
    closed: Span | None
    once_in_years: float | None

    @classmethod
    def of(cls, alarm: StoredAlarm) -> AlarmOut:
        """The same, for JSON."""
        return cls(
            id=alarm.id,
            key=alarm.key,
            state=alarm.state,
            title=alarm.title,
            opened=Span.of(alarm.opened),
            last=Span.of(alarm.last),
            closed=Span.of(alarm.closed) if alarm.closed else None,
            once_in_years=alarm.once_in_years,
        )


class QueueRowOut(BaseModel):
    """One row of the relabel queue."""

    id: str
    window: Span
    state: str
    reason: str
    reason_text: str
    score: float
    inclusion_probability: float | None
    weight: float

    @classmethod
    def of(cls, row: QueueRow) -> QueueRowOut:
        """The same, for JSON."""
        return cls(
            id=row.row_id,
            window=Span.of(row.window),
            state=row.state,
            reason=row.reason,
            reason_text=row.reason_text,
            score=row.score,
            inclusion_probability=row.inclusion_probability,
            weight=row.weight,
        )


class NoteIn(BaseModel, extra="forbid"):
    """What somebody says about an alarm."""

    action: Literal["ack", "mute", "unmute", "real", "expected", "false"]
    note: Text = ""
    days: Annotated[int, Field(ge=1, le=365, description="How long it is muted.")] = 7


QueueState = Literal[
    "proposed", "exported", "in_annotation", "labelled", "disputed", "accepted", "rejected",
    "expired",
]  # fmt: skip
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in (
        (401, "Nobody signed in, and no token was sent."),
        (403, "The scope is missing, or the request came from another site."),
        (404, "It is not there."),
        (413, "The request is too large."),
        (422, "The request cannot be understood."),
        (503, "The store does not answer."),
    )
}


class Api:
    """The routes of programs."""

    def __init__(self, app: FastAPI, current: Callable[[], Config], store: Store) -> None:
        self._app, self._current, self._store = app, current, store

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(prefix=PREFIX.rstrip("/"), responses=_ERRORS)
        one = "/monitors/{name}"
        get = router.add_api_route
        get("/openapi.json", self.openapi, include_in_schema=False)
        get("/monitors", self.monitors)
        get(one, self.monitor)
        get(one + "/runs", self.runs)
        get(one + "/document", self.document)
        get(one + "/alarms", self.alarms)
        get(one + "/alarms/{number}", self.note, methods=["POST"])
        get(one + "/queue", self.queue)
        return router

    @needs("read")
    def openapi(self) -> JSONResponse:
        """The description of the API."""
        return JSONResponse(self._app.openapi())

    @needs("read")
    def monitors(self) -> list[MonitorOut]:
        """All monitors."""
        return [self._out(monitor) for monitor in self._current().monitors]

    @needs("read")
    def monitor(self, name: str) -> MonitorOut:
        """One monitor."""
        return self._out(self._found(name))

    @needs("read")
    def runs(self, name: str, before: Moment | None = None, limit: Limit = 100) -> list[RunOut]:
        """Runs of windows that start before `before`, newest first."""
        self._found(name)
        return [RunOut.of(r) for r in self._store.runs.summaries(name, limit=limit, before=before)]

    @needs("read")
    def document(
        self, name: str, start: Moment | None = None, end: Moment | None = None
    ) -> dict[str, Any]:
        """The document of a window, as `driftloop run --json` prints it; default: the newest."""
        self._found(name)
        if (start is None) != (end is None) or (start and end and start >= end):
            raise HTTPException(422, "Give `start` and a later `end`, or neither.")
        runs = self._store.runs
        found = runs.get(name, Window(start, end)) if start and end else runs.newest(name)
        if found is None:
            raise HTTPException(404, "That window was not run.")
        return found.document

    @needs("read")
    def alarms(self, name: str, *, open_only: bool = False) -> list[AlarmOut]:
        """Alarms, the newest first."""
        self._found(name)
        return [AlarmOut.of(a) for a in self._store.alarms.list(name, open_only=open_only)]

    @needs("admin")
    def note(
        self, name: str, number: Annotated[int, Field(ge=0, lt=2**63)], said: NoteIn
    ) -> AlarmOut:
        """Say what an alarm was, that somebody knows of it, or that no mail is wanted."""
        self._found(name)
        try:
            alarm = self._store.alarms.find(name, str(number))
            self._store.alarms.notes.add(name, _note(said, alarm))
        except UsageError as error:
            raise HTTPException(404, str(error)) from None
        return AlarmOut.of(alarm)

    @needs("queue")
    def queue(
        self, name: str, state: QueueState = "proposed", limit: Limit = 100
    ) -> list[QueueRowOut]:
        """The first rows of the relabel queue in one state."""
        self._found(name)
        rows = self._store.queue.rows(name, states=(state,), limit=limit, images=False)
        return [QueueRowOut.of(row) for row in rows]

    def _found(self, name: str) -> MonitorConfig:
        try:
            return self._current().monitor(name)
        except ConfigError:
            raise HTTPException(404, "There is no such monitor.") from None

    def _out(self, monitor: MonitorConfig) -> MonitorOut:
        newest = next(iter(self._store.runs.summaries(monitor.name, limit=1)), None)
        entries = self._store.ledger.entries(monitor.name)
        return MonitorOut(
            name=monitor.name,
            window=monitor.window,
            newest=Span.of(newest.window) if newest else None,
            alarms_open=len(self._store.alarms.list(monitor.name, open_only=True)),
            failed=sum(entry.state == "failed" for entry in entries),
        )


def _note(said: NoteIn, alarm: StoredAlarm) -> NewNote:
    visitor = VISITOR.get()
    by = visitor.principal.name if visitor else ""
    opened = alarm.opened.start
    if said.action == "ack":
        return NewNote(kind="ack", key=alarm.key, opened=opened, by=by, note=said.note)
    if said.action == "mute":
        until = datetime.now(UTC) + timedelta(days=said.days)
        return NewNote(kind="mute", key=alarm.key, until=until, by=by, note=said.note)
    if said.action == "unmute":
        return NewNote(kind="unmute", key=alarm.key, by=by, note=said.note)
    return NewNote(
        kind="verdict", key=alarm.key, opened=opened, verdict=said.action, by=by, note=said.note
    )
