"""Tests of other tools that the config names, told beside our own verdicts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from monitor.checks.judged import Override
from monitor.checks.wording import one_line
from monitor.core import plugins
from monitor.core.columns import JUDGED_ROLES, Column
from monitor.core.errors import ConfigError, UsageError
from monitor.core.finding import Finding
from monitor.core.window import Window
from monitor.external.opinions import Opinion, Tool
from monitor.profiles.sample import representative
from monitor.profiles.types import Profile, Sample
from monitor.steps.baseline import Baseline
from monitor.steps.setup import Setup

if TYPE_CHECKING:  # a comparison has no store
    from monitor.store.records import StoredRun

#: What the checks of other tools begin with, then the tool's name.
FAMILY = "external."
_NAMED = 5
_MAX_ERROR = 300


def check(tests: Sequence[str]) -> None:
    """Raise `ConfigError` for a test that its tool does not have; `PluginError` for the tool."""
    for name, wanted in _by_tool(tests).items():
        known = _tool(name).tests()
        for test in wanted:
            if test not in known:
                near = difflib.get_close_matches(test, known, n=1)
                hint = f" Did you mean '{name}:{near[0]}'?" if near else ""
                msg = f"There is no test '{name}:{test}'.{hint} {name} has: {', '.join(known)}."
                raise ConfigError(msg)


def samples_of(
    stored: StoredRun, baseline: Baseline, setup: Setup
) -> tuple[pa.Table, pa.Table, tuple[Column, ...], Window]:
    """Stored samples of reference and window, the judged columns, and which window it is.

    Raises
    ------
    UsageError
        The sample of the window was not kept.
    """
    if stored.sample is None:
        msg = f"The sample of window {stored.window} of {stored.monitor!r} was not kept."
        raise UsageError(msg)
    return (
        representative(baseline.pooled.sample),
        representative(Sample.from_bytes(stored.sample)),
        judged(baseline.plan.columns, setup.overrides),
        stored.window,
    )


def of_window(setup: Setup, baseline: Baseline, profile: Profile) -> list[Finding]:
    """What other tools say about the judged columns of a window, on its sample."""
    if not setup.tests:
        return []
    return findings(
        setup.tests,
        representative(baseline.pooled.sample),
        representative(profile.sample),
        judged(baseline.plan.columns, setup.overrides),
    )


def judged(columns: Sequence[Column], overrides: Mapping[str, Override]) -> tuple[Column, ...]:
    """The physical columns that are judged; those that a person switched off are not."""
    return tuple(
        column
        for column in columns
        if column.role in JUDGED_ROLES
        and column.parent is None
        and (column.name not in overrides or overrides[column.name].judged)
    )


def findings(
    tests: Sequence[str], reference: pa.Table, current: pa.Table, columns: Sequence[Column]
) -> list[Finding]:
    """An info finding for each test ("evidently:ks") on each column, one for those without.

    They never count as drift: nobody controls the false alarms of these tests over columns and
    windows. A tool that breaks is one finding of its own.
    """
    found: list[Finding] = []
    for name, wanted in _by_tool(tests).items():
        try:
            opinions = _tool(name).judge(wanted, reference, current, columns)
        except Exception as error:  # noqa: BLE001 - a second opinion must not cost the first
            found.append(_broken(name, error))
            continue
        found += [_finding(name, opinion) for opinion in opinions]
        found += _left_out(name, wanted, opinions, columns)
    return found


def _by_tool(tests: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in dict.fromkeys(tests):
        tool, _, test = entry.partition(":")
        found.setdefault(tool, []).append(test)
    return found


def _tool(name: str) -> Tool:
    tool: Tool = plugins.load("external", name)()
    return tool


def _finding(tool: str, opinion: Opinion) -> Finding:
    title = f"{tool.capitalize()}'s {opinion.test}"
    if opinion.error:
        said = f"{title} says nothing about {opinion.column}: {opinion.error}"
    else:
        verdict = "says drift" if opinion.differs else "says no drift"
        what = "score" if opinion.p_value is None else "p-value"
        limit = "" if opinion.threshold is None else f", its threshold {opinion.threshold:.3g}"
        said = (
            f"{title} {verdict} in {opinion.column} ({what} {opinion.score:.3g}{limit}); "
            "it does not control false alarms over columns and windows."
        )
    return Finding(
        check=FAMILY + tool,
        column=opinion.column,
        statistic=opinion.test,
        value=opinion.score,
        p_value=opinion.p_value,
        threshold=opinion.threshold,
        n_reference=opinion.n_reference,
        n_current=opinion.n_current,
        message=one_line(said),
    )


def _left_out(
    tool: str, tests: Sequence[str], opinions: Sequence[Opinion], columns: Sequence[Column]
) -> Iterator[Finding]:
    for test in tests:
        spoken = {opinion.column for opinion in opinions if opinion.test == test}
        silent = [column for column in columns if column.name not in spoken]
        if silent:
            names = [f"{column.name} ({column.kind})" for column in silent[:_NAMED]]
            more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
            said = (
                f"{tool.capitalize()}'s {test} is not made for {len(silent)} of the "
                f"{len(columns)} judged columns: {', '.join(names)}{more}."
            )
            yield Finding(
                check=FAMILY + tool,
                statistic=f"{test}_left_out",
                value=float(len(silent)),
                message=one_line(said),
            )


def _broken(tool: str, error: Exception) -> Finding:
    said = f"{tool.capitalize()} failed and was left out: {type(error).__name__}: {error}"
    return Finding(
        check=FAMILY + tool,
        statistic="check_failed",
        value=1.0,
        severity="warning",
        message=one_line(said[:_MAX_ERROR]),
    )
