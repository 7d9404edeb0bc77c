"""One window against its reference: what evidence says, and every finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from monitor.checks.context import Context
from monitor.checks.judged import observe
from monitor.checks.quality_model_version import is_deployment
from monitor.checks.run import key_of, key_of_series, run_checks
from monitor.checks.wording import one_line
from monitor.core.finding import Finding
from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.evidence import judge, judge_once
from monitor.evidence.types import Budget, IntArray, Verdict
from monitor.profiles.types import Profile
from monitor.steps import second_opinions
from monitor.steps.baseline import Baseline
from monitor.steps.known import Known
from monitor.steps.observations import Seen, parts_of
from monitor.steps.occasions import Occasion
from monitor.steps.setup import Setup
from monitor.steps.versions import Deployment, judged_by_its_own, marked

#: Share of the allowance that the columns have; the figures (gaps, performance) have the rest.
_OF_COLUMNS = 0.8
#: Share of it that the columns have in groups, where there are any.
_OF_GROUPS = 0.1
#: False discoveries among the differences that a comparison names.
_FDR = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What evidence says about one window."""

    seen: Seen
    verdicts: Mapping[str, Verdict]
    baseline: Baseline  #: what the window was compared with
    deployment: Deployment | None = None
    occasions: tuple[Occasion, ...] = ()  #: events that meet the window
    expected: Mapping[str, Occasion] = field(default_factory=dict)  #: series, figure -> the event


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged(Weighed):
    """What one window came to."""

    findings: tuple[Finding, ...]
    context: Context


def weigh(
    baseline: Baseline,
    setup: Setup,
    profile: Profile | None,
    seen: Seen,
    *,
    recent: Sequence[Seen],
    position: int,
    budget: Budget,
    window: Window,
    deployment: Deployment | None = None,
) -> Weighed:
    """The verdicts on a window, with the windows before it (oldest first) for the longer scales.

    `profile` is wanted where there is a deployment only.
    """
    seen = baseline.dated(seen, window)
    if len(seen.parts) != baseline.step:  # off the grid: it stands alone
        recent = ()
    columns, figures, groups = _budgets(baseline, budget, len(seen.parts))
    known = Known(setup, baseline.plan)
    expected = known.expected(seen, window)
    windows = [*recent, known.judged(seen, window, expected)][-max(budget.scales) :]
    windows = [one.spoken() for one in windows]
    verdicts = judge(baseline.evidence, parts_of(windows), position=position, budget=columns)
    if baseline.branches is not None:
        parts = parts_of(windows)
        verdicts |= judge(baseline.branches, parts, position=position, budget=groups)
    whole = [one.whole for one in windows]
    verdicts |= judge(baseline.figures, whole, position=position, budget=figures)
    if deployment is not None and profile is not None:
        baseline, verdicts = judged_by_its_own(
            deployment, baseline, profile, verdicts, position=position, budgets=(columns, figures)
        )
    return Weighed(
        seen=seen,
        verdicts=verdicts,
        baseline=baseline,
        deployment=deployment,
        occasions=known.meeting(window),
        expected=expected,
    )


def judge_window(
    baseline: Baseline,
    setup: Setup,
    profile: Profile,
    seen: Seen,
    *,
    recent: Sequence[Seen],
    position: int,
    budget: Budget,
    window: Window,
    now: datetime,
    notes: Sequence[Note] = (),
    deployment: Deployment | None = None,
) -> Judged:
    """A window of a monitor: its verdicts, and every finding."""
    weighed = weigh(
        baseline,
        setup,
        profile,
        seen,
        recent=recent,
        position=position,
        budget=budget,
        window=window,
        deployment=deployment,
    )
    judged = _judged(weighed, setup, profile, notes=notes, window=window, now=now)
    return _explained(judged)


def judge_pair(
    baseline: Baseline, setup: Setup, profile: Profile, notes: Sequence[Note] = ()
) -> Judged:
    """The one window of a comparison."""
    seen = baseline.observe(profile, [profile])
    verdicts = judge_once(baseline.evidence, seen.whole, fdr=_FDR)
    verdicts |= judge_once(baseline.figures, seen.whole, fdr=_FDR)
    if is_deployment(baseline.pooled, profile):
        verdicts = marked(verdicts, setup.roles)
    weighed = Weighed(seen=seen, verdicts=verdicts, baseline=baseline)
    return _judged(weighed, setup, profile, notes=notes)


def _explained(judged: Judged) -> Judged:
    """The findings that an event explains say so; their verdict stays as it is."""
    if not judged.occasions:
        return judged
    owners = {column.name: column.owner for column in judged.baseline.plan.every}
    keys = {key_of_series(name, owners): by for name, by in judged.expected.items()}
    facts = next((one for one in judged.occasions if one.explains_facts), None)

    def explained(finding: Finding) -> Finding:
        by = keys.get(key_of(finding)) or (facts if finding.p_value is None else None)
        if by is None or not finding.drifted:
            return finding
        said = f"{finding.message.rstrip('.')} (expected: {one_line(by.name)})."
        return replace(finding, message=said)

    findings = tuple(explained(finding) for finding in judged.findings)
    return replace(judged, findings=findings)


def _shares(baseline: Baseline) -> tuple[float, float, float]:
    """How the allowance is shared: columns, figures, columns in groups (by the union bound)."""
    groups = _OF_GROUPS if baseline.branches is not None else 0.0
    if not baseline.figures.scalars:
        return 1.0 - groups, 0.0, groups
    figures = 1 - _OF_COLUMNS if baseline.series else 1.0
    return 1.0 - figures - groups, figures, groups


def _budgets(baseline: Baseline, budget: Budget, step: int) -> tuple[Budget, Budget, Budget]:
    columns, figures, groups = _shares(baseline)
    return (
        replace(budget, per_year=columns * budget.per_year, step=step),
        replace(budget, per_year=figures * budget.per_year),
        replace(budget, per_year=groups * budget.per_year, step=step),
    )


def _judged(
    weighed: Weighed,
    setup: Setup,
    profile: Profile,
    *,
    notes: Sequence[Note],
    window: Window | None = None,
    now: datetime | None = None,
) -> Judged:
    baseline, deployment = weighed.baseline, weighed.deployment
    context = Context(
        columns=(*baseline.plan.columns, *baseline.plan.derived),
        roles=setup.roles,
        reference=baseline.pooled,
        current=profile,
        reference_windows=baseline.windows,
        series=baseline.series,
        scalars=baseline.scalars,
        reference_counts=observe(baseline.folds, baseline.pooled).counts,
        current_counts=_counts(baseline, profile, weighed.seen),
        verdicts=weighed.verdicts,
        codebooks=baseline.plan.codebooks,
        notes=tuple(notes),
        own_windows=None if deployment is None else deployment.windows,
        one_window=window is None,
        window=window,
        now=now,
        rules=baseline.plan.rules,
    )
    findings = run_checks(context, setup.disabled, setup.check_options)
    findings += second_opinions.of_window(setup, baseline, profile)
    told = {one.name: getattr(weighed, one.name) for one in fields(Weighed)}
    return Judged(**told, findings=tuple(findings), context=context)


def _counts(baseline: Baseline, profile: Profile, seen: Seen) -> Mapping[str, IntArray]:
    return observe(baseline.folds, profile).counts if baseline.apart else seen.whole.counts
