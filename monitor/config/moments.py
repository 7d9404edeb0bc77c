"""Dates and times of the config."""

from __future__ import annotations

import difflib
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator


def _calendar(value: object) -> object:
    """Dates come as TOML dates or as ISO text; numbers are refused, pydantic would take them."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            msg = "is not a date or time; write it as 2024-01-31 or 2024-01-31T06:00:00"
            raise ValueError(msg) from None
    if value is not None and not isinstance(value, date):
        msg = "is not a date or time; write it as 2024-01-31 or 2024-01-31T06:00:00"
        raise ValueError(msg)
    return value


Moment = Annotated[datetime | date, BeforeValidator(_calendar)]


def instant(moment: datetime | date, zone: ZoneInfo) -> datetime:
    """A date or time of the config with a zone; a date is its midnight."""
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        near = difflib.get_close_matches(value, available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else 'write a name such as "Europe/Berlin"'
        msg = f"is not a time zone; {hint}"
        raise ValueError(msg)
    return value


def _cron_line(value: str) -> str:
    try:
        CronSim(value, datetime(2024, 1, 1))  # noqa: DTZ001 - only the syntax is looked at
    except CronSimError as error:
        msg = (
            f"is not a cron line ({error}); write five fields, minute hour day month weekday, "
            'such as "0 6 * * mon"'
        )
        raise ValueError(msg) from None
    return value


Timezone = Annotated[str, AfterValidator(_known_zone)]
CronLine = Annotated[str, AfterValidator(_cron_line)]
