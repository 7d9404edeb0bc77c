"""The check `quality.categories`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.deciding import new_levels
from monitor.checks.examples import level_rows
from monitor.checks.wording import listed, percent
from monitor.core.columns import Column
from monitor.core.finding import Finding
from monitor.evidence.types import Verdict
from monitor.profiles.merging import OTHER
from monitor.profiles.types import CategoricalProfile
from monitor.stats.rates import wilson


class QualityCategories:
    """Levels that are new, and levels that vanished.

    **Raises a finding** for each categorical column with levels that the reference never had, or
    without levels of which the window should have at least `min_expected` rows. It is `drifted`
    when the evidence on just these levels passes error control and the gate; else it is an info.
    Columns whose values hardly ever repeat are left out.

    **Config**

        [monitors.checks."quality.categories"]
        min_expected = 10
    """

    name = "quality.categories"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.categories`."""

        min_expected: float = pydantic.Field(
            10.0, gt=0, description="Expected rows of a level from which on its absence counts."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """New and vanished levels of each judged categorical column."""
        for column in context.physical():
            series, both = context.series.get(column.name), context.categorical(column.name)
            if series is None or series.kind != "categorical" or both is None:
                continue
            if both[0].present == 0 or both[1].present == 0:
                continue
            verdict = context.verdicts.get(column.name)
            yield from self._new(context, column, both, verdict)
            yield from self._vanished(column, both, verdict)

    def _new(
        self,
        context: Context,
        column: Column,
        both: tuple[CategoricalProfile, CategoricalProfile],
        verdict: Verdict | None,
    ) -> Iterator[Finding]:
        old, new = both
        levels = new_levels(context, column.name)
        if not levels:
            return
        rows = sum(new.levels[level] for level in levels)
        fired = verdict is not None and _fired(verdict, {OTHER}, rising=True)
        share = wilson(rows, new.present)
        known = "never" if old.other == 0 else "not among its frequent values"
        yield Finding(
            check=self.name,
            column=column.name,
            statistic="new_levels",
            value=float(len(levels)),
            effect=share.value,
            n_reference=old.present,
            n_current=new.present,
            severity="warning" if fired else "info",
            drifted=fired,
            message=f"{_count(len(levels), 'value')} the reference had {known}: {listed(levels)}, "
            f"in {rows:,} of {new.present:,} rows ({percent(share.value)}).",
            rows=level_rows(context.current.sample, column.name, levels),
        )

    def _vanished(
        self,
        column: Column,
        both: tuple[CategoricalProfile, CategoricalProfile],
        verdict: Verdict | None,
    ) -> Iterator[Finding]:
        old, new = both
        if new.other > 0:  # it may be among those that were not kept
            return
        expected = {name: new.present * n / old.present for name, n in old.levels.items()}
        gone = [
            name
            for name, rows in sorted(expected.items(), key=lambda item: (-item[1], item[0]))
            if rows >= self.options.min_expected and name not in new.levels
        ]
        if not gone:
            return
        fired = verdict is not None and _fired(verdict, set(gone), rising=False)
        share = sum(old.levels[name] for name in gone) / old.present
        yield Finding(
            check=self.name,
            column=column.name,
            statistic="vanished_levels",
            value=float(len(gone)),
            effect=-share,
            n_reference=old.present,
            n_current=new.present,
            severity="warning" if fired else "info",
            drifted=fired,
            message=f"{_count(len(gone), 'value')} of the reference did not occur: {listed(gone)}, "
            f"{percent(share)} of its rows.",
        )


def _fired(verdict: Verdict, labels: set[str], *, rising: bool) -> bool:
    return verdict.enough and any(
        one.fired and one.kind == "level" and one.label in labels and (one.effect > 0) is rising
        for one in verdict.contrasts
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


plugin = QualityCategories
