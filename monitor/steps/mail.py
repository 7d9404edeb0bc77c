"""Whether a run is worth a mail, and the mail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import reports
from monitor.config.alerts import AlertConfig
from monitor.core.ports import Message
from monitor.core.window import Window
from monitor.steps import alarms as events
from monitor.steps.policy import severity_of, takers
from monitor.store.alarm_records import NewMail
from monitor.store.records import NewMessage
from reports.view import ReportView

#: Why there is another mail about an event that was mailed before.
_OCCASIONS = {
    "doubled": "Another mail about this event, because twice as much differs by now.",
    "escalated": "A reminder: this event is still open, four weeks after it began.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """What to remember after a window, and the mail that it causes (mostly none)."""

    remembered: dict[str, Any]
    messages: tuple[NewMessage, ...] = ()  #: one for each channel
    mails: tuple[NewMail, ...] = ()  #: the same, once


def messages(
    shown: ReportView,
    told: events.Told,
    *,
    window: Window,
    channels: Mapping[str, AlertConfig],
    recipients: Sequence[str],
    stored: Mapping[str, Any] | None,
    held: bool = False,
    signed: Callable[[ReportView, str], ReportView] | None = None,
) -> Mailing:
    """What to remember after this window, and the messages that it causes (often none).

    Running a window again gives the same message ids, so nothing is sent twice. Mails about one
    event answer the first of them, so that a mail program shows them as one thread. `held`: the
    messages wait for those of other monitors, to go out as one. `signed` puts links into the view
    of a mail, by its message id.
    """
    remembered = events.remember(told.states)
    thread = (stored or {}).get("thread")
    if not told.mail:
        kept = thread if told.states.open_names else None
        return Mailing(remembered={**remembered, "thread": kept})
    message_id = _message_id(shown.monitor, window, told.mail)
    shown = shown if signed is None else signed(shown, message_id)
    body = reports.mail(shown, occasion=_OCCASIONS.get(told.mail, ""))
    message = Message(
        message_id=message_id,
        subject=body.subject,
        text=body.text,
        html=body.html,
        in_reply_to=thread if told.mail != "first" else None,
        recipients=tuple(recipients),
        facts=_facts(shown, window, told.mail),
    )
    first = message_id if told.mail == "first" or thread is None else thread
    order = f"{shown.monitor}:{first}"
    severity = severity_of(shown)
    # What is critical waits for nobody.
    summary = reports.in_short(shown) if held and severity != "critical" else None
    sent = tuple(
        NewMessage(channel=channel, message=message, order_key=order, summary=summary)
        for channel in takers(channels, severity=severity, reminder=told.mail == "escalated")
    )
    mails = (NewMail(why=told.mail, message_id=message_id, keys=told.mailed),) if sent else ()
    return Mailing(remembered={**remembered, "thread": first}, messages=sent, mails=mails)


def _facts(shown: ReportView, window: Window, why: str) -> dict[str, Any]:
    """The same for programs, as webhooks carry it."""
    return {
        "monitor": shown.monitor,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat()},
        "why": why,
        "severity": severity_of(shown),
        "report": shown.report_url or None,
        "alarms": [
            {
                "key": alarm.key,
                "state": alarm.state,
                "title": alarm.title,
                "severity": alarm.severity,
                "columns": list(alarm.columns),
                "once_in_years": alarm.once_in_years,
            }
            for alarm in shown.alarms
        ],
    }


def _message_id(monitor: str, window: Window, why: str) -> str:
    digest = hashlib.sha256(f"{monitor}\n{window}\n{why}".encode()).hexdigest()[:24]
    return f"<{digest}@driftloop>"
