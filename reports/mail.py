"""The bodies of a mail: what changed, how sure, since when, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports import alarms, headline, humanize
from reports.alarms import scores_together
from reports.page import environment
from reports.plain import clean, link
from reports.view import AlarmView, ColumnView, QualityView, ReportView

MAX_COLUMNS = 25
MAX_ALARMS = 12
MAX_QUALITY = 8
MAX_SCORES = 2  #: of more scores of one model the first stands for all


@dataclass(frozen=True, slots=True)
class MailBody:
    """One mail: `subject` of at most 78 characters in one line, and twin bodies."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Told:
    """A column that differs; of the scores of one model the first stands for all."""

    column: ColumnView
    line: str  #: size and time, as `evidence` says them
    also: tuple[str, ...] = ()  #: other scores of the model that differ


@dataclass(frozen=True, slots=True)
class ToldAlarm:
    """An alarm, with those of its sentences that the mail has not said yet."""

    alarm: AlarmView
    what: tuple[str, ...]
    budget: str = ""  #: how often such evidence comes by chance, where that was not said


def mail(view: ReportView, occasion: str = "") -> MailBody:
    """Draw the mail about a run.

    Parameters
    ----------
    occasion : a sentence that says why a second mail about one event goes out.

    Returns
    -------
    MailBody
        `html` stays under 100 kB (Gmail cuts at 102 kB), uses no picture and no outside file;
        `text` says the same.
    """
    changed = headline.differing(view)
    told = _told(view, changed)
    said = {entry.column.statement for entry in told[:MAX_COLUMNS]}
    told_alarms = _alarms(view, said)
    quality = [
        finding
        for finding in view.quality
        if finding.severity != "info" and finding.message not in said
    ]
    subject = headline.subject(view)
    shown = told[:MAX_COLUMNS]
    context: dict[str, Any] = {
        "view": view,
        "subject": subject,
        "verdict": headline.verdict(view),
        "certainty": headline.certainty(view),
        "occasion": occasion,
        "window": humanize.window(view.window_start, view.window_end),
        "alarms": told_alarms[:MAX_ALARMS],
        "more_alarms": max(0, len(told_alarms) - MAX_ALARMS),
        "columns": shown,
        "changed": len(changed),
        "more_columns": len(changed) - sum(1 + len(entry.also) for entry in shown),
        "watched": len(headline.watched(view)),
        "quality": quality[:MAX_QUALITY],
        "more_quality": max(0, len(quality) - MAX_QUALITY),
        "target": link(view.report_url),
        "quality_line": quality_line,
    }
    return MailBody(
        subject=subject,
        text=tidy(environment().get_template("mail.txt.j2").render(context)),
        html=environment().get_template("mail.html.j2").render(context),
    )


def _told(view: ReportView, changed: Sequence[ColumnView]) -> list[Told]:
    scores = [column for column in changed if column.role == "score"]
    if len(scores) <= MAX_SCORES:
        return [Told(column, evidence(view, column)) for column in changed]
    also = tuple(column.name for column in scores[1:])
    return [
        Told(column, evidence(view, column), also if column is scores[0] else ())
        for column in changed
        if column.role != "score" or column is scores[0]
    ]


def _alarms(view: ReportView, said: set[str]) -> list[ToldAlarm]:
    """The open alarms, then the closed ones; no sentence that was `said` (which grows)."""
    opened = headline.open_alarms(view)
    scores = scores_together(view, [alarm for alarm in opened if alarm.certain])
    closed = (alarm for alarm in view.alarms if alarm.state == "closed")
    told = []
    for alarm in (*opened, *closed):
        if alarm in scores:
            if alarm is scores[0]:
                told.append(ToldAlarm(_one_of(scores), ()))
            continue
        what = tuple(sentence for sentence in alarm.what if sentence not in said)
        if not alarm.certain:
            what = ("In this window it cannot be told from the reference.",)
        said.update(what)
        told.append(ToldAlarm(alarm, what, alarms.budget(alarm)))
    return told


def _one_of(scores: Sequence[AlarmView]) -> AlarmView:
    """One alarm in place of those of all scores, which the columns have told."""
    new = sum(alarm.state == "opened" for alarm in scores)
    title = f"{len(scores)} scores of the model differ"
    return replace(
        scores[0],
        title=f"{title}, {new} of them new" if 0 < new < len(scores) else title,
        state="opened" if new else "open",
        since=min((alarm.since for alarm in scores if alarm.since), default=None),
        acknowledge="",
    )


def evidence(view: ReportView, column: ColumnView) -> str:
    """One line: the change with its interval, and since when."""
    parts = []
    if column.effect is not None:
        moved = humanize.effect(column.effect, column.unit)
        if column.interval is not None:
            moved += f" (95 %: {humanize.effect_interval(column.interval, column.unit)})"
        parts.append(moved)
    if column.since is not None and not view.one_window:
        parts.append(f"since {humanize.opening(view, column.since)}")
    return ", ".join(parts)


def quality_line(finding: QualityView) -> str:
    """One finding about the state of the data, as a sentence."""
    about = f"`{clean(finding.column, 48)}`: " if finding.column else ""
    return about + clean(finding.message, 300)


def tidy(text: str) -> str:
    """At most one empty line in a row, no spaces at the ends of lines."""
    lines: list[str] = []
    for line in (raw.rstrip() for raw in text.splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip() + "\n"
