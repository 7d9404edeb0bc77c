"""The annotation tools of a service: pushed to after runs, asked for answers now and then."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from monitor.config import MonitorConfig
from monitor.core.errors import DriftloopError, UsageError
from monitor.scheduler.installation import Installation
from monitor.steps.push import STATES
from monitor.store.label_records import ToolProject

#: Answers are asked for so often; a webhook that wakes us only makes it sooner.
_POLL = timedelta(seconds=60)
#: However often somebody wakes us.
_LEAST = timedelta(seconds=5)
#: After a failure the tool is left alone for so long, doubled each time.
_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=30)


@dataclass(slots=True)
class Annotators:
    """Pushes and pulls for every monitor whose config names a tool and does not forbid it."""

    home: Installation
    _paused: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def exchange(self, stopping: threading.Event) -> list[str]:
        """Push and pull what is due; what could not be done, one sentence each."""
        errors = []
        for monitor in self.home.config.monitors:
            if stopping.is_set():
                break
            if monitor.queue.tool is None or not monitor.queue.automatic:
                continue
            paused = self._paused.get(monitor.name)
            if paused is not None and self.home.clock() < paused[0]:
                continue
            error = self._exchange(monitor)
            if error is not None:
                errors.append(f"{monitor.name}: {error}")
        return errors

    def _exchange(self, monitor: MonitorConfig) -> str | None:
        """Both ways for one monitor; what went wrong."""
        for job in (partial(self._pull, monitor), partial(self._push, monitor)):
            try:
                job()
            except UsageError:
                continue  # another process does it right now
            except DriftloopError as error:
                self._pause(monitor.name)
                return str(error)
        self._paused.pop(monitor.name, None)
        return None

    def _pause(self, name: str) -> None:
        count = self._paused[name][1] + 1 if name in self._paused else 1
        pause = min(_PAUSE * 2 ** (count - 1), _LONGEST_PAUSE)
        self._paused[name] = (self.home.clock() + pause, count)

    def _push(self, monitor: MonitorConfig) -> None:
        if not self._waits(monitor):
            return
        from monitor.steps import tool  # noqa: PLC0415 - httpx loads when there is something

        done = tool.push(self.home.store, monitor, worker=self.home.worker)
        if done.arrived or done.refused:
            self.home.say(
                f"{monitor.name}: {done.arrived:,} rows pushed to {_kind(monitor)}, "
                f"{len(done.refused):,} refused"
            )

    def _waits(self, monitor: MonitorConfig) -> bool:
        """Whether the store has anything to push; the tool is not asked."""
        pushes = self.home.store.pushes
        return any(
            pushes.unplanned(monitor.name, _kind(monitor), stage, states=states, limit=1)
            or pushes.planned(monitor.name, _kind(monitor), stage, states=states, limit=1)
            for stage, states in STATES.items()
        )

    def _pull(self, monitor: MonitorConfig) -> None:
        projects = self.home.store.tools.projects(monitor.name, _kind(monitor))
        now = self.home.clock()
        if not any(_is_due(project, now) for project in projects):
            return
        from monitor.steps import tool  # noqa: PLC0415

        done = tool.pull(self.home.store, monitor, worker=self.home.worker)
        if done.new or done.edited or done.deleted:
            self.home.say(
                f"{monitor.name}: {done.new:,} new labels from {_kind(monitor)}, "
                f"{done.edited:,} edited, {done.deleted:,} deleted"
            )


def _kind(monitor: MonitorConfig) -> str:
    assert monitor.queue.tool is not None
    return monitor.queue.tool.kind


def _is_due(project: ToolProject, now: datetime) -> bool:
    if project.polled_at is None:
        return True
    woken = project.woken_at is not None and project.woken_at > project.polled_at
    return now - project.polled_at >= (_LEAST if woken else _POLL)
