"""What a person knows of certain times: what it explains, and what is not learned from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.checks.run import column_of
from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.evidence.types import Observation

if TYPE_CHECKING:
    from monitor.config import MonitorConfig

#: Kinds of events that explain facts too: missing columns, broken rules, late rows.
_OF_FACTS = frozenset({"incident", "excluded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One named stretch of time: a holiday, an incident, a deployment."""

    name: str
    kind: str
    start: datetime
    end: datetime  #: not part of it
    columns: tuple[str, ...] = ()  #: only these; empty: all
    yearly: bool = False

    @property
    def explains_facts(self) -> bool:
        """Whether a missing column or a broken rule is expected too."""
        return self.kind in _OF_FACTS and not self.columns

    def during(self, window: Window) -> Occasion | None:
        """The occasion as it meets that window, of a yearly one that year's; None: it does not."""
        years = range(window.start.year - 1, window.end.year + 1) if self.yearly else (None,)
        for year in years:
            one = self if year is None else self._in(year)
            if one.start < window.end and window.start < one.end:
                return one
        return None

    def explains(self, name: str, owner: str, roles: Roles) -> bool:
        """Whether a change of that series or figure is expected; `owner` of a made column."""
        if self.columns:
            return name in self.columns or owner in self.columns
        return self.kind != "deployment" or of_the_model(owner, roles)

    def _in(self, year: int) -> Occasion:
        start = _same_day(self.start, year)
        return replace(self, start=start, end=start + (self.end - self.start))


def occasions_of(monitor: MonitorConfig) -> tuple[Occasion, ...]:
    """What the config of a monitor says."""
    from monitor.config.moments import instant  # noqa: PLC0415 - a comparison has no config

    return tuple(
        Occasion(
            name=entry.name,
            kind=entry.kind,
            start=instant(entry.start, monitor.zone),
            end=instant(entry.end, monitor.zone),
            columns=entry.column,
            yearly=entry.yearly,
        )
        for entry in monitor.events
    )


def of_the_model(name: str, roles: Roles) -> bool:
    """Predictions, scores and what is computed from them: a deployment changes them by design."""
    own = {roles.prediction, *roles.scores}
    return column_of(name) in own or name.startswith(("bias:", "performance:"))


def meeting(occasions: Iterable[Occasion], window: Window) -> tuple[Occasion, ...]:
    """Those that meet that window."""
    found = (occasion.during(window) for occasion in occasions)
    return tuple(one for one in found if one is not None)


def explained(
    names: Collection[str], owners: dict[str, str], there: Sequence[Occasion], roles: Roles
) -> dict[str, Occasion]:
    """Which of the series and figures are explained, and by what."""
    found: dict[str, Occasion] = {}
    for name in names:
        column = column_of(name)
        owner = owners.get(column, column)
        by = next((one for one in there if one.explains(name, owner, roles)), None)
        if by is not None:
            found[name] = by
    return found


def without(seen: Observation, names: Collection[str]) -> Observation:
    """The window as if it said nothing about these."""
    if not names:
        return seen
    return replace(
        seen,
        counts={name: counts for name, counts in seen.counts.items() if name not in names},
        scalars={name: value for name, value in seen.scalars.items() if name not in names},
    )


def _same_day(moment: datetime, year: int) -> datetime:
    try:
        return moment.replace(year=year)
    except ValueError:  # 29 February
        return moment.replace(year=year, day=28)
