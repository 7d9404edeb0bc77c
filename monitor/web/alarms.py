"""The alarms of a monitor on the web: what is open, what it was, who knows of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, HTTPException, Response
from fastapi.responses import RedirectResponse

from monitor.config import Config, MonitorConfig
from monitor.core.errors import ConfigError, UsageError
from monitor.steps.alarms import columns_of
from monitor.steps.people import People
from monitor.steps.realised import Realised, realised
from monitor.store.alarm_records import AlarmNote, NewNote, NoteKind, Standing
from monitor.store.records import StoredAlarm
from monitor.store.store import Store
from monitor.web.access import VISITOR, needs
from monitor.web.frame import Frame
from monitor.web.lines import label
from reports import humanize

_CLOSED = 50
#: How long something may be muted from the page; longer ends are for the command line.
_DAYS = 365

Word = Literal["real", "expected", "false"]
Text = Annotated[str, Form(max_length=1_000)]
Days = Annotated[int, Form(ge=1, le=_DAYS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One alarm."""

    alarm: StoredAlarm
    since: str
    closed: str
    chance: str
    muted: AlarmNote | None
    acknowledged: AlarmNote | None
    verdict: AlarmNote | None
    said: tuple[str, ...]


class AlarmPages:
    """What the address of the alarms shows, and what its forms write."""

    def __init__(self, current: Callable[[], Config], store: Store, frame: Frame) -> None:
        self._current, self._store, self._frame = current, store, frame

    def router(self) -> APIRouter:
        """Its routes; a GET never changes anything."""
        router = APIRouter(include_in_schema=False)
        base = "/monitors/{name}/alarms"
        router.add_api_route(base, self.show, methods=["GET", "HEAD"])
        for path, endpoint in (
            ("/mute", self.mute_all),
            ("/unmute", self.unmute_all),
            ("/{number}/verdict", self.verdict),
            ("/{number}/ack", self.ack),
            ("/{number}/mute", self.mute),
            ("/{number}/unmute", self.unmute),
        ):
            router.add_api_route(base + path, endpoint, methods=["POST"])
        return router

    @needs("read")
    def show(self, name: str) -> Response:
        """Open alarms with forms, and those that closed with their verdicts."""
        monitor = self._found(name)
        standing = self._store.alarms.notes.standing(name)
        alarms = self._store.alarms.list(name)
        opened = [alarm for alarm in alarms if alarm.state == "open"]
        closed = [alarm for alarm in alarms if alarm.state == "closed"][:_CLOSED]
        so_far = self._realised(monitor)
        return self._frame.page(
            "alarms.html.j2",
            monitor=name,
            cards=self._cards(opened, standing, monitor),
            closed=self._cards(closed, standing, monitor),
            realised=so_far.sentence,
            allowed=f"{so_far.allowed:.3g}",
            muted=standing.muted("", ()),
            until=partial(_local, zone=monitor.zone),
        )

    @needs("queue")
    def verdict(
        self, name: str, number: int, verdict: Annotated[Word, Form()], note: Text = ""
    ) -> Response:
        """What it was."""
        alarm = self._alarm(name, number)
        return self._add(
            name,
            NewNote(
                kind="verdict",
                key=alarm.key,
                opened=alarm.opened.start,
                verdict=verdict,
                by=_who(),
                note=note.strip(),
            ),
        )

    @needs("queue")
    def ack(self, name: str, number: int, note: Text = "") -> Response:
        """Somebody knows of it: no reminder is sent."""
        alarm = self._alarm(name, number)
        opened = alarm.opened.start
        return self._add(
            name,
            NewNote(kind="ack", key=alarm.key, opened=opened, by=_who(), note=note.strip()),
        )

    @needs("admin")
    def mute(self, name: str, number: int, days: Days = 7, note: Text = "") -> Response:
        """No mail about it for some days."""
        key = self._alarm(name, number).key
        return self._add(name, _mute("mute", "alarm", key, days=days, note=note))

    @needs("admin")
    def unmute(self, name: str, number: int) -> Response:
        """Mails about it again."""
        key = self._alarm(name, number).key
        return self._add(name, _mute("unmute", "alarm", key))

    @needs("admin")
    def mute_all(self, name: str, days: Days = 7, note: Text = "") -> Response:
        """No mail of the monitor for some days."""
        self._found(name)
        return self._add(name, _mute("mute", "monitor", "", days=days, note=note))

    @needs("admin")
    def unmute_all(self, name: str) -> Response:
        """Mails of the monitor again."""
        self._found(name)
        return self._add(name, _mute("unmute", "monitor", ""))

    def _cards(
        self, alarms: Sequence[StoredAlarm], standing: Standing, monitor: MonitorConfig
    ) -> list[Card]:
        return [self._card(alarm, standing, monitor) for alarm in alarms]

    def _card(self, alarm: StoredAlarm, standing: Standing, monitor: MonitorConfig) -> Card:
        key, opened = alarm.key, alarm.opened.start
        before = self._store.alarms.before(monitor.name, key, opened)
        people = People(
            standing=standing,
            since={key: opened},
            before={key: before} if before is not None else {},
        )
        columns = columns_of(key)
        return Card(
            alarm=alarm,
            since=label(alarm.opened, monitor),
            closed=label(alarm.closed, monitor) if alarm.closed else "",
            chance=humanize.by_chance(alarm.once_in_years),
            muted=standing.muted(key, columns),
            acknowledged=standing.acknowledged(key, opened),
            verdict=standing.verdict(key, opened),
            said=people.said(key, columns, monitor.zone),
        )

    def _realised(self, monitor: MonitorConfig) -> Realised:
        allowed = self._current().allowance(monitor)
        return realised(self._store, monitor.name, allowed, until=datetime.now(UTC))

    def _alarm(self, name: str, number: int) -> StoredAlarm:
        self._found(name)
        try:
            return self._store.alarms.find(name, str(number))
        except UsageError:
            raise HTTPException(404, "There is no such alarm.") from None

    def _add(self, name: str, note: NewNote) -> Response:
        try:
            self._store.alarms.notes.add(name, note)
        except UsageError as error:
            raise HTTPException(404, str(error)) from None
        return RedirectResponse(f"/monitors/{quote(name, safe='')}/alarms", 303)

    def _found(self, name: str) -> MonitorConfig:
        try:
            return self._current().monitor(name)
        except ConfigError:
            raise HTTPException(404, "There is no such monitor.") from None


def _mute(
    kind: NoteKind,
    scope: Literal["alarm", "monitor"],
    key: str,
    *,
    days: int | None = None,
    note: str = "",
) -> NewNote:
    until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    return NewNote(kind=kind, scope=scope, key=key, until=until, by=_who(), note=note.strip())


def _who() -> str:
    visitor = VISITOR.get()
    return visitor.principal.name if visitor else ""


def _local(moment: datetime | None, zone: tzinfo) -> str:
    return humanize.instant(moment.astimezone(zone)) if moment else ""
