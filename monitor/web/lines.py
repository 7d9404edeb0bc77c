"""What the store knows of a monitor, in the words of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from monitor.config import Config, MonitorConfig
from monitor.core.window import Window
from monitor.scheduler.due import released
from monitor.store.records import LedgerEntry, RunSummary, StoredAlarm
from monitor.store.store import Store
from reports import humanize

_ENTRIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One monitor."""

    name: str
    newest: RunSummary | None
    label: str  #: its newest window, in words
    report: str  #: address of its report; "": not drawn
    ran: datetime | None  #: in the monitor's zone
    alarms: tuple[StoredAlarm, ...]  #: open ones, the newest first
    troubles: tuple[LedgerEntry, ...]  #: windows that are not done, the newest first
    next: str
    queued: int

    @property
    def failed(self) -> int:
        """Windows that could not be run."""
        return sum(entry.state == "failed" for entry in self.troubles)

    @property
    def verdict(self) -> str:
        """One sentence; names stand in backticks."""
        if not self.alarms:
            return "Nothing differs from the reference."
        first = name_of(self.alarms[0])
        others = len(self.alarms) - 1
        if not others:
            return f"`{first}` differs from the reference."
        return f"`{first}` and {others} more differ from the reference."


def name_of(alarm: StoredAlarm) -> str:
    """The column or the figure that an alarm is about."""
    return (alarm.key.partition(":")[2] or alarm.key).replace("`", "'")


def line_of(config: Config, store: Store, monitor: MonitorConfig, now: datetime) -> Line:
    """What there is to say about a monitor now."""
    newest = next(iter(store.runs.summaries(monitor.name, limit=1)), None)
    entries = store.ledger.entries(monitor.name, limit=_ENTRIES)
    troubles = tuple(entry for entry in entries if entry.state != "done")
    return Line(
        name=monitor.name,
        newest=newest,
        label=label(newest.window, monitor) if newest else "",
        report=report_address(config, newest) if newest else "",
        ran=newest.finished_at.astimezone(monitor.zone) if newest else None,
        alarms=tuple(store.alarms.list(monitor.name, open_only=True)),
        troubles=troubles,
        next=_next(monitor, store.ledger.newest(monitor.name), troubles, now),
        queued=store.queue.counts(monitor.name)["proposed"],
    )


def label(window: Window, monitor: MonitorConfig) -> str:
    """A window in the zone of its monitor: week of 4 Mar 2013."""
    zone = monitor.zone
    return humanize.window(window.start.astimezone(zone), window.end.astimezone(zone))


def report_address(config: Config, run: RunSummary) -> str:
    """Where the page serves the report of a run; "" where there is none to serve."""
    folder = config.report.folder / run.monitor
    name = (run.report or "").rpartition("/")[2]
    if not name or not (folder / name).is_file():
        return ""
    return f"/reports/{quote(run.monitor)}/{quote(name)}"


def _next(
    monitor: MonitorConfig, last: Window | None, open_: Sequence[LedgerEntry], now: datetime
) -> str:
    if any(entry.state == "running" for entry in open_):
        return "a window is being run"
    waiting = sum(entry.state == "pending" for entry in open_)
    if waiting:
        return f"{humanize.plural(waiting, 'window')} wait{'s' if waiting == 1 else ''}"
    cadence = monitor.cadence
    window = cadence.window(now) if last is None else cadence.window(last.end)
    moment = released(monitor, window)
    if moment is None:
        return "never: its cron line does not fire"
    if moment <= now:
        return f"when there are rows ({label(window, monitor)} or later)"
    return humanize.instant(moment.astimezone(monitor.zone))
