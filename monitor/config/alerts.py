"""What the config says of a channel, whatever its kind: what it gets, and when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from cronsim import CronSim
from pydantic import BeforeValidator, Field

from monitor.config.cadence import resolve
from monitor.config.columns import Section
from monitor.config.moments import CronLine, Timezone

Severity = Literal["warning", "critical"]
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


def _hours(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found = _HOURS.fullmatch(value.strip())
    if found is None:
        msg = 'is no stretch of a day; write it as "22:00-07:00"'
        raise ValueError(msg)
    begin, end = time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))
    if begin == end:
        msg = "would be quiet always, or never; name two times that differ"
        raise ValueError(msg)
    return begin, end


QuietHours = Annotated[tuple[time, time], BeforeValidator(_hours)]


class AlertConfig(Section):
    """One channel: a plug-in by name, its options, and what every channel can be told."""

    kind: str
    options: Any = Field(None, repr=False)  #: an instance of the plug-in's `Options`
    severity: Severity = "warning"  #: the least that is sent here
    reminders: Literal["with", "without", "only"] = "with"  #: of events that nobody acknowledged
    quiet_hours: QuietHours | None = None  #: nothing is sent then but what is critical
    timezone: Timezone = "UTC"  #: of `quiet_hours` and `summary`
    per_hour: int | None = Field(None, ge=1)  #: messages that are sent in an hour; others wait
    summary: CronLine | None = None  #: when a summary of all monitors is sent here

    def takes(self, *, severity: str, reminder: bool) -> bool:
        """Whether a message is for this channel."""
        if self.severity == "critical" and severity != "critical":
            return False
        return {"with": True, "without": not reminder, "only": reminder}[self.reminders]

    def quiet_for(self, now: datetime) -> timedelta:
        """How long it is quiet from `now` on; zero outside of the quiet hours.

        Examples
        --------
        >>> night = AlertConfig(kind="mail", quiet_hours="22:00-07:00", timezone="Europe/Berlin")
        >>> night.quiet_for(datetime(2024, 1, 1, 23, 30, tzinfo=UTC))
        datetime.timedelta(seconds=23400)
        >>> night.quiet_for(datetime(2024, 1, 1, 12, tzinfo=UTC))
        datetime.timedelta(0)
        """
        if self.quiet_hours is None:
            return timedelta(0)
        zone = ZoneInfo(self.timezone)
        begin, end = self.quiet_hours
        here = now.astimezone(zone)
        clock = here.time()
        inside = begin <= clock < end if begin < end else clock >= begin or clock < end
        if not inside:
            return timedelta(0)
        day = here.date() + timedelta(days=1 if begin > end and clock >= begin else 0)
        return max(resolve(datetime.combine(day, end), zone) - now.astimezone(UTC), timedelta(0))

    def last_summary(self, now: datetime) -> datetime | None:
        """When a summary was last due, by `now`; None: never asked for."""
        if self.summary is None:
            return None
        here = now.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None, second=0, microsecond=0)
        # It gives times before the one it starts from, and this minute counts.
        local = next(CronSim(self.summary, here + timedelta(minutes=1), reverse=True))
        return resolve(local, ZoneInfo(self.timezone))


#: Keys of a channel that are not its plug-in's.
OWN_KEYS = frozenset(AlertConfig.model_fields) - {"kind", "options"}
