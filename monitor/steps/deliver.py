"""Messages from the outbox to the channels; each one on its own, so that none delays another."""

from __future__ import annotations

from collections.abc import Mapping
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


def channels_of(config: Config) -> dict[str, AlertChannel]:
    """The configured channels by the name that the outbox knows them by: "mail", "mail.2"."""
    found: dict[str, AlertChannel] = {}
    for entry in config.alerts:
        same = sum(name.split(".")[0] == entry.kind for name in found)
        name = entry.kind if same == 0 else f"{entry.kind}.{same + 1}"
        found[name] = plugins.load("alerts", entry.kind)(entry.options, config.base)
    return found


def deliver(
    store: Store,
    channels: Mapping[str, AlertChannel],
    *,
    worker: str,
    rng: np.random.Generator,
    limit: int = 100,
) -> Delivered:
    """Try everything that is due, once. Failures stay in the outbox and come again."""
    sent = later = parked = 0
    tried = 0
    while tried < limit:
        rows = store.outbox.claim(worker=worker, limit=1, max_attempts=MAX_ATTEMPTS)
        if not rows:
            break
        tried += 1
        state = _one(store, channels, rows[0], rng)
        sent += state == "sent"
        later += state == "retry"
        parked += state == "parked"
    return Delivered(sent, later, parked)


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
