"""The page behind a link in a mail. Mail programs fetch links, so that GET only shows a form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request, Response

from monitor.config import Config
from monitor.core.errors import ConfigError
from monitor.steps.links import PATH, Link, read
from monitor.store.alarm_records import NewNote
from monitor.store.records import StoredAlarm
from monitor.store.store import Store
from monitor.web.access import public, refuse_other_sites
from monitor.web.frame import Frame

Action = Literal["ack", "mute", "real", "expected", "false"]
_MUTED = timedelta(days=7)
_DONE = {
    "ack": "Acknowledged: no reminder is sent.",
    "mute": "Muted for seven days.",
    "real": "Noted: a real change.",
    "expected": "Noted: expected.",
    "false": "Noted: a false alarm.",
}
#: Written down as the one who acted; a link says which mail, not which person.
BY = "a link in the mail"


class LinkPages:
    """Shows what a link is about, and does what its form says; the link itself is the proof."""

    def __init__(self, current: Callable[[], Config], store: Store, frame: Frame) -> None:
        self._current, self._store, self._frame = current, store, frame

    def router(self) -> APIRouter:
        """Its two routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route(PATH + "{token}", self.show, methods=["GET", "HEAD"])
        router.add_api_route(PATH + "{token}", self.act, methods=["POST"])
        return router

    @public
    def show(self, token: str) -> Response:
        """The form."""
        link, alarms = self._found(token)
        return self._page(token, link, alarms)

    @public
    def act(self, request: Request, token: str, action: Annotated[Action, Form()]) -> Response:
        """Write it down for every alarm of the mail that is still there."""
        refuse_other_sites(request)
        link, alarms = self._found(token)
        for alarm in alarms:
            self._store.alarms.notes.add(link.monitor, _note(action, alarm))
        return self._page(token, link, alarms, done=_DONE[action])

    def _page(
        self, token: str, link: Link, alarms: Sequence[StoredAlarm], done: str = ""
    ) -> Response:
        return self._frame.page(
            "act.html.j2", address=PATH + token, monitor=link.monitor, alarms=alarms, done=done
        )

    def _found(self, token: str) -> tuple[Link, list[StoredAlarm]]:
        link = read(token, self._store.access.key("links"), datetime.now(UTC))
        if link is None:
            raise HTTPException(404, "This link is over, or was never one.")
        try:
            self._current().monitor(link.monitor)
        except ConfigError:
            raise HTTPException(404, "There is no such monitor any more.") from None
        mails = self._store.alarms.notes.mails(link.monitor)
        mail = next((one for one in mails if one.message_id == link.message_id), None)
        alarms = self._store.alarms.list(link.monitor)
        if mail is None:
            raise HTTPException(404, "There is no such mail any more.")
        return link, [
            alarm
            for alarm in alarms
            if alarm.key in mail.keys
            and alarm.opened.start <= mail.window.start
            and (alarm.closed is None or alarm.closed.start >= mail.window.start)
        ]


def _note(action: Action, alarm: StoredAlarm) -> NewNote:
    opened = alarm.opened.start
    if action == "ack":
        return NewNote(kind="ack", key=alarm.key, opened=opened, by=BY)
    if action == "mute":
        return NewNote(kind="mute", key=alarm.key, until=datetime.now(UTC) + _MUTED, by=BY)
    return NewNote(kind="verdict", key=alarm.key, opened=opened, verdict=action, by=BY)
