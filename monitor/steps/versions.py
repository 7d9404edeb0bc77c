"""A model that the reference does not know: marked, then compared with its own first windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from monitor.checks.quality_model_version import is_deployment
from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.evidence import judge
from monitor.evidence.reference import FEWEST_WINDOWS
from monitor.evidence.types import Budget, Verdict
from monitor.profiles.types import Profile
from monitor.steps import baseline as learning
from monitor.steps.baseline import GOOD_WINDOWS, Baseline
from monitor.steps.observations import parts_of
from monitor.steps.occasions import of_the_model
from monitor.steps.setup import Setup

if TYPE_CHECKING:  # a comparison has no store
    from monitor.steps.memory import Memory

_T = TypeVar("_T")

#: Rows that one version must have for a window to be called its own.
_MOST = 0.9
#: Its own reference has a week at least, so that each hour of the day is in it.
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Most rows of a window come from a model version that the reference does not know."""

    version: str
    since: Window  #: the first window of it
    windows: int = 0  #: windows of its own before this one, of those that its reference takes
    own: Baseline | None = None  #: learned from them; None while they are too few
    recent: tuple[Profile, ...] = ()  #: windows after those, oldest first


@dataclass(slots=True)
class Versions:
    """Finds what a deployed version is compared with; each is learned once for the process."""

    known: dict[tuple[object, ...], Baseline] = field(default_factory=dict)

    def find(
        self, baseline: Baseline, setup: Setup, profile: Profile, memory: Memory
    ) -> Deployment | None:
        """None when the reference knows the version of most rows."""
        if not is_deployment(baseline.pooled, profile):
            return None
        version = max(profile.versions, key=lambda name: profile.versions[name])
        wanted = _wanted(memory.window)
        first = memory.runs_of(version, limit=wanted)
        if not first:
            return Deployment(version=version, since=memory.window)
        found = Deployment(version=version, since=first[0][0], windows=len(first))
        if len(first) < FEWEST_WINDOWS:
            return found
        later = memory.runs_of(version, limit=max(_SCALES) - 1, after=first[-1][0])
        return replace(
            found,
            own=self._learned(baseline, setup, memory, [data for _, data in first]),
            recent=tuple(Profile.from_bytes(data) for _, data in later),
        )

    def _learned(
        self, baseline: Baseline, setup: Setup, memory: Memory, profiles: list[bytes]
    ) -> Baseline:
        key = (memory.monitor, memory.version, len(profiles), hash(tuple(profiles)))
        if key not in self.known:
            parts = [Profile.from_bytes(data) for data in profiles]
            self.known[key] = learning.learned_from(baseline.plan, parts, setup)
        return self.known[key]


_SCALES = Budget().scales


def main_version(profile: Profile) -> str | None:
    """The model version of nearly all rows; None where there is no such one."""
    for version, rows in profile.versions.items():
        if rows >= _MOST * profile.rows:
            return version
    return None


def judged_by_its_own(
    deployment: Deployment,
    baseline: Baseline,
    profile: Profile,
    verdicts: Mapping[str, Verdict],
    *,
    position: int,
    budgets: tuple[Budget, Budget],
) -> tuple[Baseline, dict[str, Verdict]]:
    """What the window is compared with now, and its verdicts.

    Predictions, scores and what is computed from them are compared with the version's own first
    windows. While these are too few they are measured and shown, but a deployment is no drift.
    """
    roles, own = baseline.plan.roles, deployment.own
    if own is None:
        return baseline, marked(verdicts, roles)
    seen = [own.observe(one, [one]) for one in (*deployment.recent, profile)]
    columns, figures = (replace(budget, step=1) for budget in budgets)
    found = judge(own.evidence, parts_of(seen), position=position, budget=columns)
    found |= judge(own.figures, [one.whole for one in seen], position=position, budget=figures)
    kept = {name: v for name, v in verdicts.items() if not of_the_model(name, roles)}
    its = {name: v for name, v in found.items() if of_the_model(name, roles)}
    return _joined(baseline, own), {**kept, **its}


def marked(verdicts: Mapping[str, Verdict], roles: Roles) -> dict[str, Verdict]:
    """Verdicts without those on the model: measured and shown, but a deployment is no drift."""
    return {
        name: replace(verdict, fired=False, drifted=False, calm=True)
        if of_the_model(name, roles)
        else verdict
        for name, verdict in verdicts.items()
    }


def _joined(baseline: Baseline, own: Baseline) -> Baseline:
    """The reference of the features with the version's own for what the model makes."""
    roles = baseline.plan.roles
    its = frozenset(name for name in own.pooled.columns if of_the_model(name, roles))

    def chosen(ours: Mapping[str, _T], theirs: Mapping[str, _T]) -> dict[str, _T]:
        kept = {name: value for name, value in ours.items() if name not in its}
        return kept | {name: value for name, value in theirs.items() if name in its}

    pooled = replace(
        baseline.pooled,
        columns=chosen(baseline.pooled.columns, own.pooled.columns),
        cells=own.pooled.cells,
    )
    return replace(
        baseline,
        pooled=pooled,
        series=chosen(baseline.series, own.series),
        folds=chosen(baseline.folds, own.folds),
        scalars=own.scalars,
        apart=its,
    )


def _wanted(window: Window) -> int:
    """Windows that a version's own reference is learned from."""
    return max(GOOD_WINDOWS, round(_WEEK / (window.end - window.start)))
