"""A stretch of time, half open, with a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`start` inclusive, `end` exclusive; both carry a zone and are kept in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            msg = "a window needs times with a zone"
            raise ValueError(msg)
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.end <= self.start:
            msg = f"a window must end after it starts: {self.start} / {self.end}"
            raise ValueError(msg)

    def __str__(self) -> str:
        return f"{self.start.isoformat()}/{self.end.isoformat()}"
