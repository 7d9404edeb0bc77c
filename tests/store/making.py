"""Weeks of one monitor, and runs of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.core.window import Window
from monitor.store.records import Committed, Lease, RunEffects
from monitor.store.store import Store

MONITOR = "flights"
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def week(number: int) -> Window:
    start = MONDAY + timedelta(weeks=number)
    return Window(start, start + timedelta(weeks=1))


def effects(**changed: object) -> RunEffects:
    values = {
        "document": {"schema": 1},
        "rows": 100,
        "started_at": MONDAY,
        "finished_at": MONDAY + timedelta(seconds=90),
        "reference_version": 1,
    }
    return RunEffects(**{**values, **changed})


def run(store: Store, number: int, *, again: bool = False, **changed: object) -> Committed:
    """Run one week of the monitor with those effects."""
    store.ledger.ensure_windows(MONITOR, [week(number)])
    lease = store.ledger.claim(MONITOR, week(number), worker="test", again=again)
    assert lease is not None
    return store.commit(lease, effects(**changed))


def lease_of(store: Store, number: int, **options: object) -> Lease:
    store.ledger.ensure_windows(MONITOR, [week(number)])
    lease = store.ledger.claim(MONITOR, week(number), worker="first", **options)
    assert lease is not None
    return lease


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2024, 6, 1, tzinfo=UTC)

    def __call__(self, _session: object) -> datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
