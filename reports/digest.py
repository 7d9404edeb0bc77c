"""One mail for the events of several monitors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports import headline, humanize
from reports.mail import MailBody, tidy
from reports.page import environment
from reports.plain import clean, link
from reports.view import ReportView

MAX_MONITORS = 40
_ALARMS = 3


def in_short(view: ReportView) -> dict[str, Any]:
    """What a digest says of a run; plain values for JSON."""
    opened = headline.open_alarms(view)
    return {
        "monitor": view.monitor,
        "window": humanize.window(view.window_start, view.window_end),
        "verdict": headline.verdict(view),
        "certainty": headline.certainty(view),
        "alarms": [alarm.title for alarm in opened][:_ALARMS],
        "more": max(0, len(opened) - _ALARMS),
        "url": view.report_url,
    }


def digest(entries: Sequence[Mapping[str, Any]]) -> MailBody:
    """The mail about several monitors, one paragraph each, in the order of their names.

    Parameters
    ----------
    entries : as `in_short` made them
    """
    ordered = sorted(entries, key=lambda entry: str(entry["monitor"]))
    names = [clean(entry["monitor"], 24) for entry in ordered]
    shown = ordered[:MAX_MONITORS]
    subject = _subject(names)
    context: dict[str, Any] = {
        "entries": [{**entry, "target": link(str(entry["url"]))} for entry in shown],
        "number": len(ordered),
        "more": len(ordered) - len(shown),
        "subject": subject,
    }
    return MailBody(
        subject=subject,
        text=tidy(environment().get_template("digest.txt.j2").render(context)),
        html=environment().get_template("digest.html.j2").render(context),
    )


def _subject(names: Sequence[str], limit: int = 78) -> str:
    said = f"{len(names)} monitors differ: "
    kept: list[str] = []
    for at, name in enumerate(names):
        left = len(names) - at - 1
        tail = f" and {left} more" if left else ""
        if len(said + ", ".join([*kept, name]) + tail) > limit and kept:
            return f"{said}{', '.join(kept)} and {left + 1} more"
        kept.append(name)
    return (said + ", ".join(kept))[:limit]
