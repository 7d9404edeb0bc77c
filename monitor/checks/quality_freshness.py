"""The check `quality.freshness`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pydantic

from monitor.checks.context import Context
from monitor.core.finding import Finding


class QualityFreshness:
    """How old the newest row is.

    **Raises one finding** with the hours between the newest row and the end of the window (or
    now, when that is earlier). It is `drifted` when they are more than `max_age_hours`; without
    that option it only tells.

    **Config**

        [monitors.checks."quality.freshness"]
        max_age_hours = 24
    """

    name = "quality.freshness"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.freshness`."""

        max_age_hours: float | None = pydantic.Field(
            None, gt=0, description="Age of the newest row from which on data are late."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The age of the newest row, where rows have a time."""
        last = context.current.last
        ends = [end for end in (context.window and context.window.end, context.now) if end]
        if last is None or not ends:
            return
        age = max(timedelta(0), min(ends) - last)
        hours, limit = age / timedelta(hours=1), self.options.max_age_hours
        late = limit is not None and hours > limit
        allowed = f"; at most {limit:g} hours are allowed" if limit is not None else ""
        yield Finding(
            check=self.name,
            column=context.roles.timestamp,
            statistic="age_hours",
            value=hours,
            effect=hours,
            threshold=limit,
            n_current=context.current.rows,
            severity="warning" if late else "info",
            drifted=late,
            message=f"The newest row is of {last:%Y-%m-%d %H:%M} UTC, {hours:.1f} hours before the "
            f"end of the window{allowed}.",
        )


plugin = QualityFreshness
