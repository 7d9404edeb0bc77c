"""What a person knows of certain times: holidays, incidents, deployments."""

from __future__ import annotations

from typing import Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import Field

from monitor.config.columns import Names, Section
from monitor.config.moments import Moment, instant

EventKind = Literal["holiday", "incident", "deployment", "excluded", "other"]


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
