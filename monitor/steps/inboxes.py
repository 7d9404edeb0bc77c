"""Batches that services posted are let go when they are old, unless a window still needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from monitor.config import Config, MonitorConfig
from monitor.core.errors import DriftloopError
from monitor.core.window import Window
from monitor.steps.places import source_of
from monitor.store.store import Store

if TYPE_CHECKING:
    from monitor.sources.http import Http

_GIGABYTE = 1e9


@dataclass(frozen=True, slots=True)
class _Need:
    """What a monitor may still read of its inbox."""

    timestamp: str
    since: datetime  #: everything from then on
    reference: Window | None

    def holds(self, rows: Window | None) -> bool:
        if rows is None:
            return False
        reference = self.reference
        known = reference is not None and reference.start <= rows.end and rows.start < reference.end
        return rows.end >= self.since or known


def prune_inboxes(store: Store, config: Config, now: datetime, say: Callable[[str], None]) -> int:
    """Delete old batches of all inboxes; how many.

    A batch goes when it came before `[retention] spool`, or when the inbox is larger than
    `spool_gb` (the first that came goes first), and no monitor of the inbox needs it: not for a
    window that is not done, not for one that is yet to come or may be revised, not for the
    stretch of its reference. Monitors without a timestamp read all rows: they keep their batches.
    """
    count, kept = 0, config.retention
    for monitors in _inboxes(config):
        inbox = _inbox(config, monitors[0].source.options)
        needs = _needs(store, monitors, now)
        files = inbox.batches()
        size = sum(path.stat().st_size for path in files)
        before, stay = (now - kept.spool).timestamp(), 0
        for path in files:
            found = path.stat()
            if found.st_mtime >= before and size <= kept.spool_gb * _GIGABYTE:
                break
            if needs is None or _is_needed(inbox, path, needs):
                stay += 1
                continue
            path.unlink(missing_ok=True)
            size -= found.st_size
            count += 1
        if stay and size > kept.spool_gb * _GIGABYTE:
            say(
                f"retention: {inbox.describe()} has {size / _GIGABYTE:.1f} GB; {stay} of its "
                "oldest batches stay: windows that are not done or a reference need them"
            )
    return count


def _inboxes(config: Config) -> Iterator[list[MonitorConfig]]:
    """Monitors by the inbox that they read; one that is a reference by itself stays whole."""
    found: dict[Path, list[MonitorConfig]] = {}
    whole = {
        _inbox(config, monitor.reference.options).folder
        for monitor in config.monitors
        if monitor.reference is not None and monitor.reference.kind == "http"
    }
    for monitor in config.monitors:
        if monitor.source.kind == "http":
            folder = _inbox(config, monitor.source.options).folder
            found.setdefault(folder, []).append(monitor)
    yield from (monitors for folder, monitors in found.items() if folder not in whole)


def _inbox(config: Config, options: pydantic.BaseModel) -> Http:
    inbox: Http = source_of("http", options, config.base)  # type: ignore[assignment]
    return inbox


def _needs(store: Store, monitors: Iterable[MonitorConfig], now: datetime) -> list[_Need] | None:
    """What the monitors of an inbox need of it; None: everything."""
    every = list(monitors)
    names = [monitor.name for monitor in every]
    undone, newest = store.ledger.first_undone(names), store.ledger.newest_of(names)
    needs = []
    for monitor in every:
        known, timestamp = newest.get(monitor.name), monitor.columns.timestamp
        if timestamp is None or known is None:
            return None
        since = min(known.end, now - monitor.cadence.length)
        if monitor.revise:
            since = min(since, now - monitor.revise - monitor.cadence.length)
        since = min(since, undone.get(monitor.name, since))
        needs.append(_Need(timestamp, since, monitor.reference_window))
    return needs


def _is_needed(inbox: Http, batch: Path, needs: list[_Need]) -> bool:
    """Whether anybody needs it; one that cannot be read is left for a person to look at."""
    try:
        return any(need.holds(inbox.extent_of(batch, need.timestamp)) for need in needs)
    except DriftloopError:
        return True
