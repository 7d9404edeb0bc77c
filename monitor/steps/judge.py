"""One window against its reference: what evidence says, and every finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from monitor.checks.context import Context
from monitor.checks.quality_model_version import is_deployment
from monitor.checks.run import run_checks
from monitor.core.finding import Finding
from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.evidence import judge, judge_once
from monitor.evidence.types import Budget, Observation, Verdict
from monitor.profiles.types import Profile
from monitor.steps.baseline import Baseline
from monitor.steps.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one window came to."""

    observation: Observation
    verdicts: Mapping[str, Verdict]
    findings: tuple[Finding, ...]
    context: Context
    deployed: bool  #: most rows come from a model version that the reference does not know


def judge_window(
    baseline: Baseline,
    setup: Setup,
    profile: Profile,
    *,
    recent: Sequence[Observation],
    position: int,
    budget: Budget,
    window: Window,
    now: datetime,
    notes: Sequence[Note] = (),
) -> Judged:
    """A window of a monitor, with the windows before it (oldest first) for the longer scales."""
    observation = baseline.observe(profile)
    seen = [*recent, observation][-max(budget.scales) :]
    verdicts = judge(baseline.evidence, seen, position=position, budget=budget)
    return _judged(
        baseline, setup, profile, observation, verdicts, notes=notes, window=window, now=now
    )


def judge_pair(
    baseline: Baseline, setup: Setup, profile: Profile, notes: Sequence[Note] = ()
) -> Judged:
    """The one window of a comparison."""
    observation = baseline.observe(profile)
    verdicts = judge_once(baseline.evidence, observation)
    return _judged(baseline, setup, profile, observation, verdicts, notes=notes)


def _judged(
    baseline: Baseline,
    setup: Setup,
    profile: Profile,
    observation: Observation,
    verdicts: Mapping[str, Verdict],
    *,
    notes: Sequence[Note],
    window: Window | None = None,
    now: datetime | None = None,
) -> Judged:
    deployed = is_deployment(baseline.pooled, profile)
    if deployed:
        verdicts = {
            name: _marked(verdict) if _is_of_the_model(name, setup) else verdict
            for name, verdict in verdicts.items()
        }
    context = Context(
        columns=(*baseline.plan.columns, *baseline.plan.derived),
        roles=setup.roles,
        reference=baseline.pooled,
        current=profile,
        reference_windows=baseline.windows,
        series=baseline.series,
        scalars=baseline.scalars,
        reference_counts=baseline.observe(baseline.pooled).counts,
        current_counts=observation.counts,
        verdicts=verdicts,
        codebooks=baseline.plan.codebooks,
        notes=tuple(notes),
        one_window=window is None,
        window=window,
        now=now,
        rules=baseline.plan.rules,
    )
    findings = run_checks(context, setup.disabled)
    return Judged(
        observation=observation,
        verdicts=verdicts,
        findings=tuple(findings),
        context=context,
        deployed=deployed,
    )


def _is_of_the_model(name: str, setup: Setup) -> bool:
    """Predictions, scores and what is computed from them: a deployment changes them by design."""
    own = {setup.roles.prediction, *setup.roles.scores}
    return name in own or name.startswith(("bias:", "performance:"))


def _marked(verdict: Verdict) -> Verdict:
    """Measured and shown, but a deployment is no drift."""
    return replace(verdict, fired=False, drifted=False, calm=True)
