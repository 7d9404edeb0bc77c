"""Dates and times of the config."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator


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
