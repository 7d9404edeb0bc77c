"""The check `quality.volume`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.scalars import VOLUME
from monitor.checks.sides import how_sure, merged, side_of
from monitor.core.finding import Finding


class QualityVolume:
    """Number of rows in the window.

    **Raises one finding** with column null. It is `drifted` when the window has no rows at all,
    or when the evidence on the logarithm of the number of rows passes error control and the gate
    (20 %). Without windows of time (`compare` of two files) the number of rows says nothing, and
    is only told.
    """

    name = "quality.volume"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`quality.volume` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The number of rows beside what a window of the reference has."""
        rows = context.current.rows
        usual = context.reference.rows / max(1, context.reference_windows)
        verdict = context.scalar_verdict(VOLUME)
        side = side_of(verdict, missing=False) if verdict is not None else None
        empty = rows == 0
        drifted = empty or (side is not None and side.drifted)
        compared = "" if context.one_window else f"; a window of the reference has {usual:,.0f}"
        end = f"{merged(side.contrast)}{how_sure(verdict, side)}" if verdict and side else ""
        change = math.log(rows / usual) if rows and usual else None
        yield Finding(
            check=self.name,
            statistic="rows",
            value=float(rows),
            p_value=side.contrast.p_value if side else None,
            effect=side.contrast.effect if side else change,
            threshold=side.contrast.threshold if side else None,
            n_reference=context.reference.rows,
            n_current=rows,
            severity="critical" if empty else "warning" if drifted else "info",
            drifted=drifted,
            message=f"The window has {rows:,} rows{compared}{end}."
            if not empty
            else f"The window has no rows{compared}.",
        )


plugin = QualityVolume
