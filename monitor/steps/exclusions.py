"""Windows of the reference in which something known happened: nothing is learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

from monitor.checks.judged import Fold, observe
from monitor.checks.run import column_of
from monitor.checks.scalars import ScalarPlan
from monitor.core.errors import ReferenceDataError
from monitor.core.window import Window
from monitor.evidence.types import Observation
from monitor.profiles.plan import Plan
from monitor.profiles.split import merged
from monitor.profiles.types import Profile
from monitor.steps.occasions import Occasion, explained, meeting, of_the_model, without
from monitor.steps.segments import Groups

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Part:
    """One window of the reference (or a day of one), and what of it is left out."""

    profile: Profile
    whole: bool = False
    model: bool = False  #: what the model makes
    columns: frozenset[str] = frozenset()

    @property
    def kept(self) -> bool:
        return not self.whole


@dataclass(frozen=True, slots=True)
class Parts:
    """The windows of a reference, oldest first; those left out keep their place."""

    parts: tuple[_Part, ...]
    step: int

    @classmethod
    def of(
        cls, profiles: Sequence[Profile], plan: Plan, occasions: Sequence[Occasion], step: int
    ) -> Parts:
        """What each occasion takes out of the reference.

        Raises
        ------
        ReferenceDataError
            Nothing is left.
        """
        parts = cls(tuple(_part(profile, plan, occasions) for profile in profiles), step)
        if not any(part.profile.rows for part in parts.parts if part.kept):
            names = ", ".join(sorted({repr(one.name) for one in occasions}))
            msg = (
                f"All rows of the reference lie in events ({names}), so there is nothing to learn "
                "from. Shorten them under [[monitors.events]], or name another reference."
            )
            raise ReferenceDataError(msg)
        return parts

    @property
    def kept(self) -> list[Profile]:
        """The profiles that are learned from."""
        return [part.profile for part in self.parts if part.kept]

    def pooled(self) -> Profile:
        """All of them together, each column without the windows that are left out for it."""
        whole = merged(self.kept)
        names = {name for part in self.parts if part.kept for name in part.columns}
        columns: dict[str, Any] = dict(whole.columns)
        for name in names & set(columns):
            kept = [part.profile for part in self.parts if part.kept and name not in part.columns]
            there = [profile.columns[name] for profile in kept if name in profile.columns]
            if there:
                columns[name] = reduce(lambda left, right: left.merge(right), there)  # type: ignore[arg-type]
        return replace(whole, columns=columns) if names else whole

    def windows(self) -> list[Profile]:
        """Whole windows, of what is left of them; those of which nothing is left are not there."""
        groups = ([part.profile for part in group if part.kept] for group in self._groups())
        return [merged(group) for group in groups if group]

    def observe(self, folds: Mapping[str, Fold], groups: Groups | None = None) -> list[Observation]:
        """Each part as evidence reads it, with the columns in groups."""
        return [self._observed(part, folds, groups) for part in self.parts]

    def _observed(
        self, part: _Part, folds: Mapping[str, Fold], groups: Groups | None
    ) -> Observation:
        if not part.kept:
            return Observation({})
        seen = observe(folds, part.profile)
        if groups is not None:
            seen = groups.added(seen, part.profile.sample)
        return without(seen, {name for name in seen.counts if column_of(name) in part.columns})

    def figures(self, scalars: ScalarPlan, plan: Plan) -> list[Observation]:
        """The figures of each whole window; none of one that is not whole any more."""
        found = []
        for group in self._groups():
            if not all(part.kept for part in group):
                found.append(Observation({}))
                continue
            values = scalars.values(merged([part.profile for part in group]))
            if any(part.model for part in group):
                values = {n: v for n, v in values.items() if not of_the_model(n, plan.roles)}
            found.append(Observation({}, values))
        return found

    def _groups(self) -> list[tuple[_Part, ...]]:
        return [self.parts[at : at + self.step] for at in range(0, len(self.parts), self.step)]


def _part(profile: Profile, plan: Plan, occasions: Sequence[Occasion]) -> _Part:
    first, last = profile.first, profile.last
    if not occasions or first is None or last is None:
        return _Part(profile)
    there = meeting(occasions, Window(_in_utc(first), _in_utc(last) + _INSTANT))
    if any(not one.columns and one.kind != "deployment" for one in there):
        return _Part(profile, whole=True)
    owners = {column.name: column.owner for column in plan.every}
    columns = explained(list(owners), owners, there, plan.roles)
    model = any(one.kind == "deployment" and not one.columns for one in there)
    return _Part(profile, model=model, columns=frozenset(columns))


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
