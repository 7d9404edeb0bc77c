"""Messages from the outbox to the channels; each one on its own, so that none delays another."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from monitor.alerts.deliver import MAX_ATTEMPTS, attempt, next_try
from monitor.config import Config
from monitor.config.alerts import AlertConfig
from monitor.core import plugins
from monitor.core.errors import LeaseLostError
from monitor.core.ports import AlertChannel
from monitor.steps.policy import postponed
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


def policies_of(config: Config) -> dict[str, AlertConfig]:
    """What the config says of each channel, by the name that the outbox knows it by."""
    return dict(zip(channel_names(config), config.alerts, strict=True))


def deliver(
    store: Store,
    channels: Mapping[str, AlertChannel],
    *,
    policies: Mapping[str, AlertConfig] | None = None,
    worker: str,
    rng: np.random.Generator,
    limit: int = 1000,
    senders: int = 4,
) -> Delivered:
    """Try everything that is due, once. Failures stay in the outbox and come again.

    Some messages are sent side by side, so that one that a server is slow to take, or one whose
    recipient is poison, does not delay the others; those of one alarm stay in their order.
    """
    post = _Post(store, channels, policies or {}, worker)
    left, lock = [limit], threading.Lock()

    def send(own: np.random.Generator) -> list[str]:
        states: list[str] = []
        while True:
            with lock:
                if left[0] <= 0:
                    return states
                left[0] -= 1
            state = post.next(own)
            if state is None:
                return states
            states.append(state)

    first = post.next(rng)  # mostly there is none, or one, and threads would be for nothing
    if first is None:
        return Delivered()
    with ThreadPoolExecutor(senders, thread_name_prefix="driftloop-send") as pool:
        states = [first, *(state for part in pool.map(send, rng.spawn(senders)) for state in part)]
    return Delivered(states.count("sent"), states.count("retry"), states.count("parked"))


@dataclass(slots=True)
class _Post:
    """Takes messages out of the outbox, one by one."""

    store: Store
    channels: Mapping[str, AlertChannel]
    policies: Mapping[str, AlertConfig]
    worker: str
    _limited: threading.Lock = field(default_factory=threading.Lock)

    def next(self, rng: np.random.Generator) -> str | None:
        """What became of the next message; None: there is none."""
        rows = self.store.outbox.claim(worker=self.worker, limit=1, max_attempts=MAX_ATTEMPTS)
        if not rows:
            return None
        row, policy = rows[0], self.policies.get(rows[0].channel)
        try:
            if policy is None or policy.per_hour is None:
                return self._one(row, policy, rng)
            with self._limited:  # two at once would both see the last free place of the hour
                return self._one(row, policy, rng)
        except LeaseLostError:
            return "taken over"

    def _one(self, row: OutboxRow, policy: AlertConfig | None, rng: np.random.Generator) -> str:
        outbox, channel = self.store.outbox, self.channels.get(row.channel)
        if channel is None:
            outbox.park(row, f"There is no channel {row.channel!r} in the config any more.")
            return "parked"
        if policy is not None:
            now = datetime.now(UTC)
            seconds = postponed(policy, row.channel, row.message, outbox, now)
            if seconds > 0:
                outbox.postpone(row, seconds=seconds)
                return "later"
        outcome = attempt(channel, row.message)
        if outcome.state == "sent":
            outbox.sent(row)
        elif outcome.state == "parked":
            outbox.park(row, outcome.error)
        else:
            wait = next_try(row.attempts, rng)
            outbox.failed(row, outcome.error, retry_in=wait, recipients=outcome.remaining)
        return outcome.state
