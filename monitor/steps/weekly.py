"""The summary that a channel asked for: all monitors in one mail, quiet ones too."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import reports
from monitor.config import Config, MonitorConfig
from monitor.core.ports import Message
from monitor.steps.deliver import channel_names
from monitor.steps.page import url_of
from monitor.store.incidents import SERVICE
from monitor.store.records import NewMessage, RunSummary
from monitor.store.store import Store
from reports.summary import SummaryLine

#: A summary that could not be made for so long is left out: the next one says it all.
_LATE = timedelta(days=1)
#: Reports that go with a summary where no page shows them: bytes in all.
_MOST_ATTACHED = 5 << 20
_RUNS = 500


def due(config: Config, store: Store, now: datetime) -> list[NewMessage]:
    """Summaries whose time has come; each has an id of its own, so that it is sent once."""
    found: list[NewMessage] = []
    for name, channel in zip(channel_names(config), config.alerts, strict=True):
        last = channel.last_summary(now)
        if last is None or now - last > _LATE:
            continue
        digest = hashlib.sha256(f"{name}\n{last.isoformat()}".encode()).hexdigest()[:24]
        message_id = f"<summary-{digest}@driftloop>"
        if store.outbox.knows(name, message_id):
            continue
        since = channel.last_summary(last - timedelta(minutes=1)) or last - timedelta(days=7)
        lines, attached = _lines(config, store, since)
        if not lines:
            continue
        body = reports.summary(lines, since=since, until=last, zone=channel.timezone)
        message = Message(
            message_id=message_id,
            subject=body.subject,
            text=body.text,
            html=body.html,
            attachments=attached,
            facts={"why": "summary", "severity": "warning"},
        )
        found.append(NewMessage(channel=name, message=message, order_key="summary"))
    return found


def enqueue(config: Config, store: Store, now: datetime) -> int:
    """Put what is due into the outbox; how many of them are new."""
    messages = due(config, store, now)
    return store.outbox.add(SERVICE, messages) if messages else 0


def _lines(
    config: Config, store: Store, since: datetime
) -> tuple[list[SummaryLine], tuple[tuple[str, str, bytes], ...]]:
    lines: list[SummaryLine] = []
    attached: list[tuple[str, str, bytes]] = []
    left = _MOST_ATTACHED
    for monitor in config.monitors:
        runs = store.runs.summaries(monitor.name, limit=_RUNS)
        recent = [run for run in runs if run.finished_at >= since]
        line = _line(config, store, monitor, runs, recent)
        if line is None:
            continue
        lines.append(line)
        page = Path(runs[0].report) if runs and runs[0].report else None
        if config.report.base_url is None and page is not None and page.is_file():
            content = page.read_bytes()
            if len(content) <= left:
                left -= len(content)
                attached.append((f"{monitor.name} {page.name}", "text/html", content))
    return lines, tuple(attached)


def _line(
    config: Config,
    store: Store,
    monitor: MonitorConfig,
    runs: list[RunSummary],
    recent: list[RunSummary],
) -> SummaryLine | None:
    failed = [e for e in store.ledger.entries(monitor.name) if e.state == "failed"]
    if not runs and not failed:
        return None
    report = Path(runs[0].report) if runs and runs[0].report else None
    base_url = config.report.base_url
    return SummaryLine(
        monitor=monitor.name,
        windows=len(recent),
        rows=sum(run.rows for run in recent),
        opened=sum(run.alarms_opened for run in recent),
        alarms=tuple(a.title for a in store.alarms.list(monitor.name, open_only=True)),
        failed=len(failed),
        queued=sum(run.queued for run in recent),
        newest=runs[0].window.end.astimezone(monitor.zone) if runs else None,
        url=url_of(report, base_url, monitor.name) if report else "",
    )
