"""The bodies of a mail: what changed, how sure, since when, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports import headline, humanize
from reports.page import environment
from reports.plain import clean, link
from reports.view import ColumnView, QualityView, ReportView

MAX_COLUMNS = 25
MAX_ALARMS = 12
MAX_QUALITY = 8


@dataclass(frozen=True, slots=True)
class MailBody:
    """One mail: `subject` of at most 78 characters in one line, and twin bodies."""

    subject: str
    text: str
    html: str


def mail(view: ReportView) -> MailBody:
    """Draw the mail about a run.

    Returns
    -------
    MailBody
        `html` stays under 100 kB (Gmail cuts at 102 kB), uses no picture and no outside file;
        `text` says the same.
    """
    changed = headline.differing(view)
    alarms = headline.open_alarms(view)
    closed = tuple(alarm for alarm in view.alarms if alarm.state == "closed")
    quality = [finding for finding in view.quality if finding.severity != "info"]
    subject = headline.subject(view)
    context: dict[str, Any] = {
        "view": view,
        "subject": subject,
        "verdict": headline.verdict(view),
        "certainty": headline.certainty(view),
        "window": humanize.window(view.window_start, view.window_end),
        "alarms": (alarms + closed)[:MAX_ALARMS],
        "more_alarms": max(0, len(alarms) + len(closed) - MAX_ALARMS),
        "columns": [(column, evidence(view, column)) for column in changed[:MAX_COLUMNS]],
        "more_columns": max(0, len(changed) - MAX_COLUMNS),
        "watched": len(headline.watched(view)),
        "quality": quality[:MAX_QUALITY],
        "more_quality": max(0, len(quality) - MAX_QUALITY),
        "budget": next((alarm.budget_text for alarm in alarms if alarm.budget_text), ""),
        "target": link(view.report_url),
        "quality_line": quality_line,
    }
    return MailBody(
        subject=subject,
        text=_tidy(environment().get_template("mail.txt.j2").render(context)),
        html=environment().get_template("mail.html.j2").render(context),
    )


def evidence(view: ReportView, column: ColumnView) -> str:
    """One line: the change with its interval, how often it comes by chance, since when."""
    parts = []
    if column.effect is not None:
        moved = humanize.effect(column.effect, column.unit)
        if column.interval is not None:
            moved += f" (95 %: {humanize.effect_interval(column.interval, column.unit)})"
        parts.append(moved)
    if column.once_in_years is not None:
        parts.append(f"by chance {humanize.by_chance(column.once_in_years)}")
    elif column.p_value is not None:
        parts.append(humanize.p_phrase(column.p_value))
    if column.since is not None and not view.one_window:
        parts.append(f"since {humanize.opening(view, column.since)}")
    return "; ".join(parts)


def quality_line(finding: QualityView) -> str:
    """One finding about the state of the data, as a sentence."""
    about = f"`{clean(finding.column, 48)}`: " if finding.column else ""
    return about + clean(finding.message, 300)


def _tidy(text: str) -> str:
    """At most one empty line in a row, no spaces at the ends of lines."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip() + "\n"
