"""What a person knows of certain times: holidays, incidents, deployments."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import BeforeValidator, Field

from monitor.config.columns import Names, Section
from monitor.config.moments import Moment, instant

EventKind = Literal["holiday", "incident", "deployment", "excluded", "other"]


def _day(value: object) -> object:
    """A TOML date or ISO text; numbers are refused, pydantic would take them."""
    if isinstance(value, str):
        return value
    if type(value) is not date:
        msg = "is not a date; write it as 2024-12-25"
        raise ValueError(msg)
    return value


class SeasonConfig(Section):
    """What is known of windows beforehand, besides their hour and weekday."""

    #: Days that are unlike others; judged by those in the reference, from three windows on.
    holidays: tuple[Annotated[date, BeforeValidator(_day)], ...] = ()
    yearly: bool = False  #: compare with the same season, where the reference has a whole year


class EventConfig(Section):
    """A stretch of time in which something known happened.

    The reference does not learn from it, and in production what differs then is shown as
    expected, and not mailed.
    """

    name: str = Field(min_length=1, max_length=100)
    start: Moment
    end: Moment  #: not part of it
    kind: EventKind = "other"
    column: Names = ()  #: only these columns; empty: all (of a deployment: what the model makes)
    yearly: bool = False  #: the same days in every year

    @pydantic.model_validator(mode="after")
    def _forward(self) -> Self:
        utc = ZoneInfo("UTC")
        if instant(self.end, utc) <= instant(self.start, utc):
            msg = "must end after it starts; the end is not part of it"
            raise ValueError(msg)
        return self
