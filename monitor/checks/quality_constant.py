"""The check `quality.constant`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pydantic

from monitor.checks.context import Context
from monitor.checks.sides import unusual
from monitor.checks.wording import number, percent, quoted
from monitor.core.columns import Column
from monitor.core.finding import Finding
from monitor.profiles.types import CategoricalProfile, ColumnProfile, NumericProfile
from monitor.stats.rates import wilson


class QualityConstant:
    """A column has one single value: now (but not in the reference), or before (but not now).

    **Raises a finding** when a column that varied has one value in all rows, and when a column
    that was constant has another value in more than `min_share` of the rows. Either is `drifted`:
    the first when so many equal rows would come less than once in a million windows by chance
    (design effect included) and windows of the reference are not so (a weekday is constant in
    each day), the second when the lower end of the share's interval is above
    `min_share`. Columns constant on both sides are not mentioned.

    **Config**

        [monitors.checks."quality.constant"]
        min_share = 0.005
    """

    name = "quality.constant"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.constant`."""

        min_share: float = pydantic.Field(
            0.005, ge=0, le=1, description="Share of other values that ends a constant."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each column that became constant, or ceased to be."""
        for column in context.physical():
            old = context.reference.columns.get(column.name)
            new = context.current.columns.get(column.name)
            if column.role in {"ignored", "model_version", "timestamp", "id"}:
                continue
            if old is None or new is None or old.present == 0 or new.present == 0:
                continue
            before, now = single_value(old), single_value(new)
            if before is None and now is not None:
                habit = not unusual(context.verdicts.get(column.name), missing=False)
                yield from self._became(column, old, new, now, habit=habit)
            elif before is not None and now != before:
                yield from self._ceased(column, old, new, before)

    def _became(
        self, column: Column, old: ColumnProfile, new: ColumnProfile, value: str, *, habit: bool
    ) -> Iterator[Finding]:
        most = most_frequent_share(old)
        rows = new.present / max(1.0, old.blocks.design_effect())
        p_value = float(most**rows)
        certain = p_value < 1e-6 and not habit
        if new.present < 2:
            return
        yield Finding(
            check=self.name,
            column=column.name,
            statistic="constant",
            value=1.0,
            p_value=p_value,
            threshold=1e-6,
            n_reference=old.present,
            n_current=new.present,
            severity="critical" if certain else "info",
            drifted=certain,
            message=f"All {new.present:,} rows have the value {quoted(value)}; the reference's "
            f"most frequent one has {percent(most)} of the rows.",
        )

    def _ceased(
        self, column: Column, old: ColumnProfile, new: ColumnProfile, value: str
    ) -> Iterator[Finding]:
        others = new.present - rows_with(new, old)
        share = wilson(others, new.present)
        if others <= 0:
            return
        certain = share.interval[0] > self.options.min_share
        yield Finding(
            check=self.name,
            column=column.name,
            statistic="constant_ended",
            value=share.value,
            interval=share.interval,
            effect=share.value,
            threshold=self.options.min_share,
            n_reference=old.present,
            n_current=new.present,
            severity="warning" if certain else "info",
            drifted=certain,
            message=f"The reference has only the value {quoted(value)}; now {percent(share.value)} "
            f"of the rows have another one.",
        )


def single_value(profile: ColumnProfile) -> str | None:
    """The one value that all rows with a value have, or None."""
    if isinstance(profile, CategoricalProfile):
        alone = len(profile.levels) == 1 and profile.other == 0
        return next(iter(profile.levels)) if alone else None
    same = profile.minimum == profile.maximum and not _infinities(profile)
    return number(profile.minimum) if same else None


def most_frequent_share(profile: ColumnProfile) -> float:
    """Share of the most frequent value (of the fullest code, for numbers)."""
    if isinstance(profile, CategoricalProfile):
        most = max(profile.levels.values(), default=0)
    else:
        most = int(np.max(profile.counts, initial=0))
    return most / profile.present if profile.present else 0.0


def rows_with(new: ColumnProfile, constant: ColumnProfile) -> int:
    """Rows of `new` that have the one value of `constant`."""
    if isinstance(new, CategoricalProfile) and isinstance(constant, CategoricalProfile):
        return new.levels.get(next(iter(constant.levels)), 0)
    if isinstance(new, NumericProfile) and isinstance(constant, NumericProfile):
        if new.minimum == new.maximum != constant.minimum:
            return 0
        same = np.isin(new.codes, constant.codes)
        return int(new.counts[same].sum())
    return 0


def _infinities(profile: NumericProfile) -> int:
    return profile.positive_infinities + profile.negative_infinities


plugin = QualityConstant
