"""The mails that went out, beside the budget: how many a person called false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.stats.counts import poisson_rate
from monitor.store.alarm_records import Standing, StoredMail
from monitor.store.records import StoredAlarm
from monitor.store.store import Store

_YEAR = timedelta(days=365.25)
#: Reminders are no alarms of their own.
_REMINDER = "escalated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """Alarm mails of one monitor so far, and what people said about them."""

    mails: int  #: reminders left out
    false: int  #: every verdict on its alarms says false
    unjudged: int  #: nobody said anything
    years: float  #: time in the windows that were run
    allowed: float  #: false mails a year
    rate: float | None = None  #: false mails a year; None: no time has passed
    interval: tuple[float, float] | None = None  #: 95 %

    @property
    def sentence(self) -> str:
        """For a page that says beside it what is allowed."""
        if self.interval is None or not self.mails:
            return ""
        low, high = self.interval
        mails = "1 mail" if self.mails == 1 else f"{self.mails:,} mails"
        days = self.years * _YEAR / timedelta(days=1)
        time = f"{days:.0f} days" if days < 14 else f"{days / 7:.0f} weeks"
        time = f"{self.years:.1f} years" if self.years >= 2 else time
        open_ones = f", {self.unjudged:,} without a verdict" if self.unjudged else ""
        false = f"{self.rate:.2g} false mails a year (95 %: {low:.2g} … {high:.2g})"
        return f"{false}, of {mails} in {time}{open_ones}"


def realised(
    store: Store, monitor: str, allowed: float, *, until: datetime, now: datetime | None = None
) -> Realised:
    """Count the mails about windows that end by `until`; verdicts as they were at `now`."""
    notes = store.alarms.notes
    standing = notes.standing(monitor, now)
    alarms = store.alarms.list(monitor, limit=10_000)
    mails = [
        mail
        for mail in notes.mails(monitor, limit=10_000)
        if mail.why != _REMINDER and mail.window.end <= until
    ]
    said = [_verdicts(mail, alarms, standing) for mail in mails]
    false = sum(verdicts == {"false"} for verdicts in said)
    years = notes.observed(monitor, until) / _YEAR
    rate = poisson_rate(false, years) if years > 0 else None
    return Realised(
        mails=len(mails),
        false=false,
        unjudged=sum(not verdicts for verdicts in said),
        years=years,
        allowed=allowed,
        rate=rate.value if rate else None,
        interval=rate.interval if rate else None,
    )


def _verdicts(mail: StoredMail, alarms: Sequence[StoredAlarm], standing: Standing) -> set[str]:
    """What people said about the alarms that a mail told of."""
    found = set()
    for alarm in alarms:
        there = alarm.opened.start <= mail.window.start <= alarm.last.start
        if alarm.key in mail.keys and there:
            note = standing.verdict(alarm.key, alarm.opened.start)
            if note is not None and note.verdict is not None:
                found.add(str(note.verdict))
    return found
