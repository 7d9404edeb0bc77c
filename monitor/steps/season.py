"""What is known of windows beforehand, in the reference and in production: hours, days, seasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from monitor.core.window import Window
from monitor.evidence.calendar import Calendar, covers_a_year, weeks_seen
from monitor.evidence.types import Observation
from monitor.steps.observations import Seen

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.steps.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasons:
    """The calendars of the parts of windows (that columns are judged by) and of whole windows."""

    parts: Calendar
    whole: Calendar

    @classmethod
    def covered_by(cls, parts: Sequence[Window], step: int, setup: Setup) -> Seasons | None:
        """What a reference with these windows covers; None where it has no times."""
        if not parts or setup.cadence is None:
            return None
        whole = whole_of(parts, step)
        zone = str(setup.cadence.zone)
        holidays, yearly = setup.holidays, setup.yearly
        return cls(
            parts=Calendar.covered_by(parts, zone=zone, holidays=holidays, yearly=yearly),
            whole=Calendar.covered_by(whole, zone=zone, holidays=holidays, yearly=yearly),
        )

    def dated(self, seen: Seen, window: Window) -> Seen:
        """A window that knows its place in the calendar."""
        count = len(seen.parts)
        step = (window.end - window.start) / count
        starts = [window.start + step * i for i in range(count)]
        places = [Window(start, start + step) for start in starts]
        parts = [
            replace(part, calendar=self.parts.row(place))
            for part, place in zip(seen.parts, places, strict=True)
        ]
        whole = replace(seen.whole, calendar=self.whole.row(window))
        return Seen(tuple(parts), whole, aside=bool(self.whole.strange(window)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"parts": self.parts.to_dict(), "whole": self.whole.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any] | None) -> Seasons | None:
        """What `to_dict` gave; None of None."""
        if values is None:
            return None
        return cls(
            parts=Calendar.from_dict(values["parts"]), whole=Calendar.from_dict(values["whole"])
        )


def whole_of(parts: Sequence[Window], step: int) -> list[Window]:
    """Windows of so many parts each."""
    ends = zip(parts[::step], parts[step - 1 :: step], strict=True)
    return [Window(first.start, last.end) for first, last in ends]


def dated(
    calendar: Calendar, observations: Sequence[Observation], windows: Sequence[Window]
) -> list[Observation]:
    """Windows of the reference with their places in the calendar."""
    pairs = zip(observations, windows, strict=True)
    return [replace(one, calendar=calendar.row(window)) for one, window in pairs]


def notes(
    seasons: Seasons | None, first: datetime | None, last: datetime | None, window: Window
) -> list[str]:
    """What the report says about seasons that the reference has seen, or has not."""
    if seasons is None or first is None or last is None:
        return ["A season that the reference has not seen looks like drift."]
    zone = ZoneInfo(seasons.parts.zone)
    texts = []
    known = _known(seasons)
    if known:
        texts.append(f"Windows are compared with what the reference leads to expect of {known}.")
    if seasons.whole.harmonics:
        texts.append(
            f"The season of the year is taken out as {weeks_seen(first, last, zone)} of the "
            "reference had it."
        )
    elif covers_a_year(first, last):
        texts.append(
            "The reference has seen a whole year: `yearly = true` under [monitors.season] compares "
            "each window with the same season of last year."
        )
    else:
        texts.append(
            f"A yearly season is unknown: the reference has seen {weeks_seen(first, last, zone)}; "
            "a season that it has not seen looks like drift."
        )
    strange = seasons.whole.strange(window)
    if strange:
        days = ", ".join(f"{day:%-d %B}" for day in strange)
        texts.append(
            f"{days} {'is a holiday' if len(strange) == 1 else 'are holidays'}, and the reference "
            "has seen fewer than 3: what differs in this window is not judged."
        )
    return texts


def _known(seasons: Seasons) -> str:
    calendar = seasons.parts
    names = {
        "their hour": bool(calendar.hours),
        "their weekday": calendar.weekdays and any(calendar.kept),
        "their place in the month": calendar.month,
        "holidays": calendar.holidays_known,
    }
    there = [name for name, known in names.items() if known]
    return " and ".join([", ".join(there[:-1]), there[-1]] if len(there) > 1 else there)
