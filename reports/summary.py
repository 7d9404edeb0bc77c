"""The mail that comes whether something differs or not: all monitors, since the last one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from reports import humanize
from reports.mail import MailBody, tidy
from reports.page import environment
from reports.plain import clean, link

MAX_MONITORS = 100
_ALARMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """One monitor since the last summary."""

    monitor: str
    windows: int  #: that were run
    rows: int  #: in them
    opened: int  #: alarms that opened
    alarms: tuple[str, ...]  #: titles of those that are open now
    failed: int  #: windows that cannot be run
    queued: int  #: rows chosen for labelling
    newest: datetime | None  #: end of the newest window, in the monitor's zone
    url: str = ""


def summary(
    lines: Sequence[SummaryLine], *, since: datetime, until: datetime, zone: str
) -> MailBody:
    """Draw it: what is wrong first, then what is open, then what is quiet."""
    ordered = sorted(lines, key=lambda one: (not one.failed, not one.alarms, one.monitor))
    shown = ordered[:MAX_MONITORS]
    place = ZoneInfo(zone)
    context: dict[str, Any] = {
        "subject": _subject(lines),
        "stretch": humanize.window(since.astimezone(place), until.astimezone(place)),
        "lines": [
            {"line": one, "titles": one.alarms[:_ALARMS], "target": link(one.url)} for one in shown
        ],
        "most": _ALARMS,
        "more": len(ordered) - len(shown),
    }
    return MailBody(
        subject=context["subject"],
        text=tidy(environment().get_template("summary.txt.j2").render(context)),
        html=environment().get_template("summary.html.j2").render(context),
    )


def _subject(lines: Sequence[SummaryLine]) -> str:
    """What a person wants to know before opening it, in 78 characters."""
    failed = [one.monitor for one in lines if one.failed]
    differing = [one.monitor for one in lines if one.alarms]
    if failed:
        return clean(f"driftloop: {humanize.plural(len(failed), 'monitor')} cannot run", 78)
    if not differing:
        return clean(f"driftloop: all quiet in {humanize.plural(len(lines), 'monitor')}", 78)
    names = ", ".join(clean(name, 24) for name in differing[:2])
    more = f" and {len(differing) - 2} more" if len(differing) > 2 else ""
    verb = "differs" if len(differing) == 1 else "differ"
    return clean(f"driftloop: {names}{more} {verb}", 78)
