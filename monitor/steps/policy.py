"""Which channel gets a message, and when: severity, reminders, quiet hours, messages an hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from monitor.config.alerts import AlertConfig
from monitor.core.ports import Message
from monitor.store.outbox import Outbox
from reports.view import ReportView

_HOUR = timedelta(hours=1)


def severity_of(shown: ReportView) -> str:
    """The worst of what a mail is about."""
    found = {alarm.severity for alarm in shown.alarms if alarm.state != "closed"}
    return "critical" if "critical" in found else "warning"


def takers(
    channels: Mapping[str, AlertConfig], *, severity: str, reminder: bool = False
) -> list[str]:
    """Names of the channels that a message of that severity is for."""
    return [
        name
        for name, channel in channels.items()
        if channel.takes(severity=severity, reminder=reminder)
    ]


def postponed(
    channel: AlertConfig, name: str, message: Message, outbox: Outbox, now: datetime
) -> float:
    """Seconds for which a message must not be sent yet; 0: now.

    What is critical is never held back by quiet hours; the limit of an hour holds for all, since
    a channel that is flooded is a channel that nobody reads.
    """
    wait = timedelta(0)
    if message.facts.get("severity") != "critical":
        wait = channel.quiet_for(now)
    if channel.per_hour is not None:
        oldest = outbox.sent_before(name, channel.per_hour)
        if oldest is not None:
            wait = max(wait, oldest + _HOUR - now)
    return max(0.0, wait.total_seconds())
