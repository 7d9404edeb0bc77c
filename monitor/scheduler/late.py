"""Rows that come after their window was run: the window is run again, and says what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.window import Window
from monitor.store.records import LedgerEntry

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.scheduler.installation import Installation


@dataclass(slots=True)
class Late:
    """Compares how many rows a window has with how many it had when it was run."""

    home: Installation
    _total: dict[str, tuple[Window | None, int]] = field(default_factory=dict)
    _counted: dict[tuple[str, Window], int] = field(default_factory=dict)

    def reopen(self, monitor: MonitorConfig, entries: Sequence[LedgerEntry], now: datetime) -> int:
        """Hand windows to the workers again that have got more or fewer rows; how many.

        Looked at are regular windows that are done and ended no longer ago than `revise`, and
        only when the source as a whole has changed. One count makes one revision.
        """
        timestamp = monitor.columns.timestamp
        if not monitor.revise or timestamp is None:
            return 0
        done = [
            entry.window
            for entry in entries
            if entry.regular and entry.state == "done" and entry.window.end > now - monitor.revise
        ]
        source = self.home.source(monitor)
        total = source.extent(timestamp)
        if not done or self._total.get(monitor.name) == total:
            return 0
        self._total[monitor.name] = total
        count = 0
        runs = self.home.store.runs.summaries(monitor.name, limit=len(entries))
        rows_of = {run.window: run.rows for run in runs}
        for window, rows in zip(sorted(done), self._counts(monitor, sorted(done)), strict=True):
            before = rows_of.get(window)
            if before in {None, rows} or self._counted.get((monitor.name, window)) == rows:
                continue
            self._counted[(monitor.name, window)] = rows
            assert before is not None
            if self.home.store.ledger.reopen(monitor.name, window, reason=_why(before, rows)):
                self.home.say(f"{monitor.name}: {window} is run again: {_why(before, rows)}")
                count += 1
        return count

    def _counts(self, monitor: MonitorConfig, windows: Sequence[Window]) -> list[int]:
        """Rows of each window, by one pass over the timestamps."""
        timestamp = monitor.columns.timestamp or ""
        whole = Window(windows[0].start, max(window.end for window in windows))
        reading = self.home.source(monitor).open(whole, timestamp=timestamp, columns=[timestamp])
        starts = np.array([_micro(window.start) for window in windows])
        ends = np.array([_micro(window.end) for window in windows])
        counts = np.zeros(len(windows), dtype=np.int64)
        for batch in reading.batches:
            times = np.sort(array_of(batch.column(timestamp)))
            counts += np.searchsorted(times, ends) - np.searchsorted(times, starts)
        return [int(count) for count in counts]


def array_of(times: pa.Array) -> npt.NDArray[np.int64]:
    """Microseconds since 1970, UTC."""
    return np.asarray(times.drop_null().cast(pa.int64()))


def _micro(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _why(before: int, rows: int) -> str:
    more = f"{rows - before:,} rows came late" if rows > before else f"{before - rows:,} rows went"
    return f"{more} ({before:,} → {rows:,})"
