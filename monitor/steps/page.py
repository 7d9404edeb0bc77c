"""A run as a person sees it: the view that reports draw, and the page on disk."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from urllib.parse import quote

import reports
from monitor.checks.run import SEGMENT
from monitor.core.version import VERSION
from monitor.core.window import Window
from monitor.evidence.reference import FEWEST_WINDOWS
from monitor.evidence.types import Budget, Verdict
from monitor.steps import alarm_views, cells, season, sections
from monitor.steps.baseline import GOOD_WINDOWS, Baseline
from monitor.steps.columns import Columns, Past
from monitor.steps.occasions import Occasion, meeting
from monitor.steps.shown import Frame, Run
from monitor.store.records import NewQueueRow
from reports.view import Mark, Note, ReportView

__all__ = ["Frame", "Run", "alarms_url", "url_of", "view", "write"]


def view(run: Run, past: Past, rows: Sequence[NewQueueRow], frame: Frame) -> ReportView:
    """Everything that a report and a mail show."""
    baseline, judged, profile = run.baseline, run.judged, run.profile
    roles = baseline.plan.roles
    past = _with_new_alarms(past, run)
    columns = Columns(
        baseline, judged.context, judged.findings, judged.seen, past, run.window
    ).views()
    drifted = {column.name for column in columns if column.drifted}
    start = run.window.start.astimezone(frame.zone) if run.window else None
    told = alarm_views.told(run, past, frame)
    lacking, labels_lack, compared = cells.lacking(
        baseline.pooled, profile, rows, roles, labelled=frame.labelled
    )
    return ReportView(
        monitor=run.monitor,
        generated_at=frame.generated_at.astimezone(frame.zone),
        version=VERSION,
        window_start=start,
        window_end=run.window.end.astimezone(frame.zone) if run.window else None,
        rows_reference=baseline.pooled.rows,
        rows_current=profile.rows,
        reference_label=frame.reference_label or _reference_label(baseline),
        current_label=frame.current_label,
        one_window=run.window is None,
        alarms=told.alarms,
        root=told.root,
        verdict=told.verdict,
        event=told.event,
        expected=_expected(judged.occasions, frame.zone),
        budget_text=_budget_text(frame.budget, len(baseline.series)) if run.alarms else "",
        realised_text=frame.realised,
        columns=columns,
        balance=sections.balance(baseline.pooled, profile, roles, drifted),
        bias=sections.bias(judged.findings, baseline.pooled, baseline.scalars),
        performance=sections.performance(judged.findings, past.figures, start),
        quality=sections.quality(judged.findings),
        queue=sections.cards(rows, roles, frame.zone),
        queue_total=len(rows),
        queue_candidates=run.candidates if rows else 0,
        queue_hint=_EXPORT.format(shlex.quote(run.monitor)) if rows else "",
        queue_note=_not_used(baseline) if rows else "",
        lacking=lacking,
        labels_lack=labels_lack,
        labels=frame.labels,
        cells_compared=compared,
        marks=tuple(_marks(run, past, start)),
        notes=tuple(_notes(run)),
        report_url=frame.url,
        duration_seconds=frame.seconds,
        rows_per_second=profile.rows / frame.seconds if frame.seconds else None,
    )


def _not_used(baseline: Baseline) -> str:
    from monitor.steps import queue  # noqa: PLC0415 - a comparison has no queue, and starts without

    return queue.dropped(baseline)


def write(shown: ReportView, path: Path) -> None:
    """Draw the page and put it there whole: a reader never sees half a page."""
    text = reports.render(shown)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".html")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).chmod(0o644)
    Path(name).replace(path)


def url_of(path: Path, base_url: str | None, monitor: str) -> str:
    """Where people find a page: under the address of the service, else its place on disk."""
    if base_url is None:
        return path.resolve().as_uri()
    return f"{base_url}/reports/{quote(monitor, safe='')}/{quote(path.name)}"


def alarms_url(base_url: str | None, monitor: str) -> str:
    """Where alarms are answered on the web; "" without a service."""
    return "" if base_url is None else f"{base_url}/monitors/{quote(monitor)}/alarms"


def _with_new_alarms(past: Past, run: Run) -> Past:
    """Alarms that open in this window begin with it; the store does not know them yet."""
    if run.window is None:
        return past
    new = {alarm.key: run.window.start for alarm in run.alarms if alarm.state == "opened"}
    return replace(past, since={**new, **past.since})


def _reference_label(baseline: Baseline) -> str:
    first, last = baseline.pooled.first, baseline.pooled.last
    count = f"{baseline.windows} {'windows' if baseline.by_time else 'blocks in file order'}"
    if first is None or last is None:
        return count
    shown = "%-d" if (first.year, first.month) == (last.year, last.month) else "%-d %b"
    start = first.strftime(shown if first.year == last.year else "%-d %b %Y")
    return f"{start} – {last:%-d %b %Y}, {count}"


_EXPORT = "Export them with `driftloop queue export {} --format label-studio`."


def _budget_text(budget: Budget | None, series: int) -> str:
    if budget is None:
        return ""
    mails = "1 false mail" if budget.per_year == 1 else f"{budget.per_year:g} false mails"
    return (
        f"{mails} a year, shared over {series:,} columns and {budget.windows_per_year:,.0f} windows"
    )


def _expected(occasions: Sequence[Occasion], zone: tzinfo) -> str:
    """What named events explain, as one sentence."""
    if not occasions:
        return ""
    names = [
        f"{one.name} ({one.start.astimezone(zone):%-d %b %Y, %H:%M} to "
        f"{one.end.astimezone(zone):%-d %b %Y, %H:%M})"
        for one in occasions[:3]
    ]
    return (
        f"Expected in this window: {'; '.join(names)}. What it explains is shown as such, and "
        "neither opens nor closes an alarm."
    ).replace(", 00:00", "")


def _marks(run: Run, past: Past, start: datetime | None) -> list[Mark]:
    """Deployments and named events of the windows that are shown."""
    if run.window is None or start is None:
        return []
    stretch = Window(min((one.start for one in past.windows), default=start), run.window.end)
    found = [
        Mark(at=max(one.start, stretch.start).astimezone(start.tzinfo), label=one.name)
        for one in meeting(run.occasions, stretch)
    ]
    return found + _deployed(run, start)


def _deployed(run: Run, start: datetime) -> list[Mark]:
    deployment = run.judged.deployment
    if deployment is None or start is None:
        return []
    at = deployment.since.start.astimezone(start.tzinfo)
    return [Mark(at=at, label=f"model {deployment.version} deployed")]


def _notes(run: Run) -> list[Note]:
    """The limits of what was said, and what was left out."""
    texts = _of_sight(run) if run.window is not None else [_ONE_WINDOW]
    ignored = [column.name for column in run.baseline.plan.columns if column.role == "ignored"]
    if ignored:
        texts.append(("skipped", f"Not looked at: {', '.join(ignored[:20])}."))
    if run.profile.late:
        text = f"{run.profile.late:,} rows without a time, or outside of the window, were left out."
        texts.append(("skipped", text))
    return [Note(text=text, kind=kind) for kind, text in texts]


_ONE_WINDOW = (
    "one window",
    (
        "One window: ordinary variation between windows is not known, so the verdicts compare "
        "with sampling noise alone."
    ),
)


def _of_sight(run: Run) -> list[tuple[str, str]]:
    """What a reference with this history can show, and what it cannot."""
    baseline = run.baseline
    texts: list[tuple[str, str]] = []
    if baseline.by_time and run.window is not None:
        pooled = baseline.pooled
        said = season.notes(baseline.seasons, pooled.first, pooled.last, run.window)
        texts.extend(("season", text) for text in said)
    else:
        text = (
            f"The reference has no history: {baseline.windows} blocks in file order stand in for "
            "windows, and show how much windows vary."
        )
        texts.append(("sight", text))
    if baseline.first_windows:
        texts.append(("sight", _learning(baseline.first_windows)))
    if baseline.step > 1:
        text = (
            f"The reference has {baseline.windows} windows only, so how columns vary is learned "
            f"from its {baseline.windows * baseline.step} days; windows are judged as such days."
        )
        texts.append(("sight", text))
    elif baseline.windows < FEWEST_WINDOWS:
        texts.append(("sight", "The reference has fewer than 6 windows: hardly anything is seen."))
    elif baseline.windows < GOOD_WINDOWS:
        text = (
            f"The reference has {baseline.windows} windows. The promise of few false mails is kept "
            f"by seeing less; from {GOOD_WINDOWS} windows on the sight is sharper."
        )
        texts.append(("sight", text))
    judged = [v for name, v in run.judged.verdicts.items() if not name.startswith(SEGMENT)]
    blunt = sum(_is_blunt(verdict) for verdict in judged)
    if blunt:
        text = (
            f"{blunt} of {len(judged)} judged columns and figures can only show changes above "
            "0.5 sd in one window; a longer reference would sharpen that."
        )
        texts.append(("sight", text))
    return texts


def _learning(windows: int) -> str:
    if windows < FEWEST_WINDOWS:
        so_far = "window is" if windows == 1 else f"{windows} windows are"
        return (
            f"Learning: the config names no reference, so the first {so_far} it so far, and it "
            f"grows until it has {FEWEST_WINDOWS}."
        )
    return f"The config names no reference, so the first {windows} windows are it."


def _is_blunt(verdict: Verdict) -> bool:
    return verdict.sight_unit == "sd" and verdict.sight.get(1, 0.0) > 0.5
