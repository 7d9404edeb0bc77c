"""Weeks of one monitor, and runs of them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from monitor.core.finding import Alarm, Finding
from monitor.core.ports import Message
from monitor.core.window import Window
from monitor.store.records import Committed, Lease, NewMessage, NewQueueRow, RunEffects
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


def whole_run(number: int) -> dict[str, object]:
    mail = Message(message_id=f"<{number}@driftloop>", subject="s", text="t", html="h")
    rows = tuple(
        NewQueueRow(
            row_id=f"{number}.{order}",
            reason="random",
            reason_text="",
            score=1.0,
            inclusion_probability=0.5,
            weight=2.0,
            push_order=order,
            data={},
        )
        for order in range(3)
    )
    finding = Finding(check="drift.numeric", statistic="ks", value=0.1, message="m", column="a")
    return {
        "profile": os.urandom(50_000),
        "observation": b"o",
        "findings": (finding,) * 4,
        "alarms": (Alarm(key=f"k{number}", state="opened", title="t"),),
        "queue": rows,
        "outbox": (NewMessage(channel="mail", message=mail),),
    }


def one_more(path: str) -> None:
    """What a worker does, with a lease that has run out the moment it dies."""
    with Store.open(f"sqlite:///{path}") as store:
        store.ledger.ensure_windows(MONITOR, [week(1)])
        lease = store.ledger.claim(MONITOR, week(1), worker="child", lease_seconds=0)
        assert lease is not None
        store.commit(lease, effects(**whole_run(1)))


class Hands:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.time = datetime(2024, 6, 1, tzinfo=UTC)

    def __call__(self, _session: object) -> datetime:
        return self.time

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
