"""Messages from the outbox to the channels; each one on its own, so that none delays another."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from monitor.alerts.deliver import MAX_ATTEMPTS, attempt, next_try
from monitor.config import Config
from monitor.core import plugins
from monitor.core.errors import LeaseLostError
from monitor.core.ports import AlertChannel
from monitor.store.records import OutboxRow
from monitor.store.store import Store


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round came to."""

    sent: int = 0
    later: int = 0
    parked: int = 0


def channel_names(config: Config) -> list[str]:
    """Names that the outbox knows the configured channels by: "mail", "mail.2"."""
    found: list[str] = []
    for entry in config.alerts:
        same = sum(name.split(".")[0] == entry.kind for name in found)
        found.append(entry.kind if same == 0 else f"{entry.kind}.{same + 1}")
    return found


def channels_of(config: Config) -> dict[str, AlertChannel]:
    """The configured channels by name."""
    return {
        name: plugins.load("alerts", entry.kind)(entry.options, config.base)
        for name, entry in zip(channel_names(config), config.alerts, strict=True)
    }


def deliver(
    store: Store,
    channels: Mapping[str, AlertChannel],
    *,
    worker: str,
    rng: np.random.Generator,
    limit: int = 1000,
    senders: int = 4,
) -> Delivered:
    """Try everything that is due, once. Failures stay in the outbox and come again.

    Some messages are sent side by side, so that one that a server is slow to take, or one whose
    recipient is poison, does not delay the others; those of one alarm stay in their order.
    """
    left, lock = [limit], threading.Lock()

    def send(own: np.random.Generator) -> list[str]:
        states: list[str] = []
        while True:
            with lock:
                if left[0] <= 0:
                    return states
                left[0] -= 1
            rows = store.outbox.claim(worker=worker, limit=1, max_attempts=MAX_ATTEMPTS)
            if not rows:
                return states
            states.append(_one(store, channels, rows[0], own))

    first = _first(store, channels, worker=worker, rng=rng)
    if first is None:
        return Delivered()
    with ThreadPoolExecutor(senders, thread_name_prefix="driftloop-send") as pool:
        states = [first, *(state for part in pool.map(send, rng.spawn(senders)) for state in part)]
    return Delivered(states.count("sent"), states.count("retry"), states.count("parked"))


def _first(
    store: Store, channels: Mapping[str, AlertChannel], *, worker: str, rng: np.random.Generator
) -> str | None:
    """Send one message here: mostly there is none, or one, and threads would be for nothing."""
    rows = store.outbox.claim(worker=worker, limit=1, max_attempts=MAX_ATTEMPTS)
    return _one(store, channels, rows[0], rng) if rows else None


def _one(
    store: Store, channels: Mapping[str, AlertChannel], row: OutboxRow, rng: np.random.Generator
) -> str:
    channel = channels.get(row.channel)
    try:
        if channel is None:
            store.outbox.park(row, f"There is no channel {row.channel!r} in the config any more.")
            return "parked"
        outcome = attempt(channel, row.message)
        if outcome.state == "sent":
            store.outbox.sent(row)
        elif outcome.state == "parked":
            store.outbox.park(row, outcome.error)
        else:
            wait = next_try(row.attempts, rng)
            store.outbox.failed(row, outcome.error, retry_in=wait, recipients=outcome.remaining)
    except LeaseLostError:
        return "taken over"
    return outcome.state
