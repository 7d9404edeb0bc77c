"""The share of each class of a label or prediction, beside the verdict on them."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.checks.context import Context
from monitor.checks.deciding import deciding
from monitor.checks.wording import percent, points, quoted
from monitor.core.columns import Column
from monitor.core.finding import Finding
from monitor.stats.rates import difference, wilson


def balance(check: str, context: Context, column: Column, most: int) -> Iterator[Finding]:
    """The verdict on the classes of a column, then the share of each of the `most` largest."""
    series = context.series.get(column.name)
    if series is None or series.kind != "categorical":
        return
    verdict = deciding(check, context, column.name)
    if verdict is not None:
        yield verdict
    both = context.categorical(column.name)
    if both is None or both[1].present == 0 or both[0].present == 0:
        return
    old, new = both
    delta = max(1.0, new.blocks.design_effect())
    names = sorted({*old.levels, *new.levels}, key=lambda name: (-old.levels.get(name, 0), name))
    for name in names[:most]:
        now = wilson(new.levels.get(name, 0), new.present, design_effect=delta)
        before = wilson(old.levels.get(name, 0), old.present, design_effect=delta)
        change = difference(now, before)
        yield Finding(
            check=check,
            column=column.name,
            segment=f"{column.name}={name}",
            statistic="class_share",
            value=now.value,
            interval=now.interval,
            effect=change.value,
            n_reference=old.present,
            n_current=new.present,
            message=f"Class {quoted(name)} has {percent(now.value)} of the rows "
            f"({percent(now.interval[0])} … {percent(now.interval[1])}); in the reference "
            f"{percent(before.value)} ({points(change.value)}).",
        )
