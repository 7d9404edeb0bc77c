"""The check `quality.range`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pydantic

from monitor.checks.context import Context
from monitor.checks.examples import outside_rows
from monitor.checks.wording import number, percent
from monitor.core.columns import Column
from monitor.core.finding import Finding
from monitor.profiles.types import NumericProfile
from monitor.stats.rates import Estimate, wilson


class QualityRange:
    """Numbers below the least or above the greatest value of the reference, and infinities.

    **Raises a finding** for each numeric column with such values, with the keys of rows. A new
    record is no error by itself, so it is an info; it is `drifted` when the column's verdict
    fired *and* at least `min_share` of the rows lie outside.

    **Config**

        [monitors.checks."quality.range"]
        min_share = 0.01
    """

    name = "quality.range"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.range`."""

        min_share: float = pydantic.Field(
            0.01, ge=0, le=1, description="Share of rows outside from which on it matters."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each numeric column that left its range, one for new infinities."""
        for column in context.physical():
            both = context.numeric(column.name)
            if both is None or column.kind != "numeric" or column.role in {"id", "ignored"}:
                continue
            yield from self._outside(context, column, *both)
            yield from self._infinite(column, *both)

    def _outside(
        self, context: Context, column: Column, old: NumericProfile, new: NumericProfile
    ) -> Iterator[Finding]:
        if math.isnan(old.minimum) or math.isnan(new.minimum):
            return
        below, above = new.minimum < old.minimum, new.maximum > old.maximum
        if not below and not above:
            return
        keys, share = _measured(context, column.name, old, new)
        verdict = context.verdicts.get(column.name)
        fired = verdict is not None and verdict.fired and share.value >= self.options.min_share
        seen = [f"down to {number(new.minimum)}"] * below + [f"up to {number(new.maximum)}"] * above
        yield Finding(
            check=self.name,
            column=column.name,
            statistic="out_of_range_share",
            value=share.value,
            interval=share.interval,
            effect=share.value,
            threshold=self.options.min_share,
            n_reference=old.present,
            n_current=new.present,
            severity="warning" if fired else "info",
            drifted=fired,
            message=f"About {percent(share.value)} of the rows are outside of the range "
            f"{number(old.minimum)} … {number(old.maximum)} of before: {' and '.join(seen)}.",
            rows=keys,
        )

    def _infinite(
        self, column: Column, old: NumericProfile, new: NumericProfile
    ) -> Iterator[Finding]:
        before = old.positive_infinities + old.negative_infinities
        now = new.positive_infinities + new.negative_infinities
        if now == 0 or before > 0:
            return
        share = wilson(now, new.present)
        yield Finding(
            check=self.name,
            column=column.name,
            statistic="infinite_share",
            value=share.value,
            interval=share.interval,
            n_reference=old.present,
            n_current=new.present,
            severity="warning",
            message=f"{now:,} of {new.present:,} values are infinite; the reference has none.",
        )


def _measured(
    context: Context, name: str, old: NumericProfile, new: NumericProfile
) -> tuple[tuple[object, ...], Estimate]:
    """Keys of sampled rows outside, and the share: at least what the codes say for certain."""
    keys, hits, rows = outside_rows(context.current.sample, name, old.minimum, old.maximum)
    certain = 0
    if old.codebook_id == new.codebook_id and len(old.codes):
        beyond = (new.codes < old.codes[0]) | (new.codes > old.codes[-1])
        infinite = new.positive_infinities + new.negative_infinities
        certain = max(0, int(np.sum(new.counts[beyond])) - infinite)
    certain = max(certain, 1)
    if rows and hits / rows > certain / new.present:
        return keys, wilson(hits, rows)
    return keys, wilson(certain, new.present)


plugin = QualityRange
