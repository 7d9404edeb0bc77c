"""The check `quality.duplicates`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.wording import percent
from monitor.core.finding import Finding
from monitor.profiles.sample import Duplicates, duplicate_keys, duplicate_rows
from monitor.stats.rates import z_value

#: From a half interval of 95 % to one of 99.99 %.
_WIDER = z_value(0.9999) / z_value(0.95)


class QualityDuplicates:
    """Rows that occur more than once: by id, and as a whole.

    **Raises a finding** when rows repeat, with the keys of some. The share is estimated from the
    sample (rows are chosen by a hash of their key, so that copies of a row are chosen together);
    its interval counts keys, not rows. It is `drifted` when it is surely (99.99 %) above what the
    reference has by more than `min_increase`; for tables without an id, whose rows may be alike by
    coincidence, that is carried to the number of rows of the window.

    **Config**

        [monitors.checks."quality.duplicates"]
        min_increase = 0.005
    """

    name = "quality.duplicates"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.duplicates`."""

        min_increase: float = pydantic.Field(
            0.005, ge=0, le=1, description="Increase of the share of copies that matters."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Copies of ids (when there is an id column), and of whole rows."""
        old, new = context.reference.sample, context.current.sample
        if context.roles.id is not None:
            sides = duplicate_keys(old), duplicate_keys(new)
            yield from self._finding(context, "duplicate_id_share", context.roles.id, sides)
        both = duplicate_rows(old), duplicate_rows(new)
        yield from self._finding(context, "duplicate_row_share", None, both)

    def _finding(
        self,
        context: Context,
        statistic: str,
        column: str | None,
        sides: tuple[Duplicates, Duplicates],
    ) -> Iterator[Finding]:
        before, now = sides
        if not now.share > 0:  # NaN: no rows
            return
        limit = _expected(before, context) + self.options.min_increase
        surely = now.share - _WIDER * (now.share - now.interval[0])
        drifted = surely > limit
        what = "share their id with another row" if column else "repeat another row exactly"
        was = f"; in the reference {percent(before.share)}" if before.share >= 0 else ""
        yield Finding(
            check=self.name,
            column=column,
            statistic=statistic,
            value=now.share,
            interval=now.interval,
            effect=now.share - before.share if before.share >= 0 else None,
            threshold=limit,
            n_reference=context.reference.rows,
            n_current=context.current.rows,
            severity="warning" if drifted else "info",
            drifted=drifted,
            message=f"{'' if now.exact else 'About '}{percent(now.share)} of the rows {what}{was}.",
            rows=now.examples,
        )


def _expected(before: Duplicates, context: Context) -> float:
    """Share of copies to be expected: rows that are alike by coincidence grow with their number."""
    known = max(1, context.reference.rows)
    most = before.interval[1] if before.share >= 0 else 0.0
    return max(most, 3 / known) * max(1.0, context.current.rows / known)


plugin = QualityDuplicates
