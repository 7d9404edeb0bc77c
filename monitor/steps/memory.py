"""What the windows before this one left in the store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from monitor.core.window import Window
from monitor.steps import observations
from monitor.steps.columns import Past
from monitor.steps.known import Known
from monitor.steps.observations import Seen
from monitor.steps.sections import METRICS
from monitor.store.records import StoredObservation
from monitor.store.store import Store

#: Windows that lines over time go back, this one included.
HISTORY = 53


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one monitor, before one window, against one version of the reference.

    So a window that is run again starts from its own past, never from its future.
    """

    store: Store
    monitor: str
    version: int
    window: Window
    known: Known | None = None  #: what is left out of the windows before

    def position(self) -> int:
        """Running number of the window."""
        return self.store.runs.position(self.monitor, self.window)

    def recent(self, windows: int) -> list[Seen]:
        """The last so many windows, oldest first."""
        stored = self._stored(windows)
        seen = [(observations.from_bytes(entry.observation), entry.window) for entry in stored]
        known = self.known
        return [one if known is None else known.blanked(one, window) for one, window in seen]

    def runs_of(
        self, version: str, *, limit: int, after: Window | None = None
    ) -> list[tuple[Window, bytes]]:
        """Windows since a model version was deployed, with their profiles, oldest first.

        The first `limit` of them; with `after` the last `limit` that come after that window.
        """
        return self.store.runs.profiles_of_model(
            self.monitor,
            version,
            reference_version=self.version,
            before=self.window,
            after=after,
            limit=limit,
        )

    def state(self) -> dict[str, Any] | None:
        """What alarms remember; None before the first window."""
        return self.store.runs.evidence_state(
            self.monitor, before=self.window, reference_version=self.version
        )

    def past(self) -> Past:
        """What lines over time are drawn from."""
        earlier = self._stored(HISTORY - 1)
        until = earlier[-1].window if earlier else None
        told, figures = [], []
        if until is not None:
            find = partial(self.store.runs.findings, self.monitor, windows=HISTORY - 1, until=until)
            told = find(drifted=True)
            figures = find(statistics=METRICS, segments=False)
        return Past(
            windows=[entry.window for entry in earlier],
            seen=[observations.from_bytes(entry.observation) for entry in earlier],
            drifted=frozenset(
                (point.window, point.column)
                for point in told
                if not point.check.startswith(("bias.", "performance.", "drift.segment"))
            ),
            figures=figures,
            since=self.since(),
        )

    def since(self) -> dict[str, datetime]:
        """When the alarms opened that are open in this window, the oldest first."""
        opened = [
            (alarm.key, alarm.opened.start)
            for alarm in self.store.alarms.list(self.monitor)
            if alarm.opened.start <= self.window.start
            and (alarm.closed is None or alarm.closed.start >= self.window.start)
        ]
        return dict(sorted(opened, key=lambda pair: pair[1]))

    def _stored(self, windows: int) -> list[StoredObservation]:
        return self.store.runs.observations(
            self.monitor, reference_version=self.version, before=self.window, limit=windows
        )
