"""Tests of other tools that the config names, told beside our own verdicts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence

import pyarrow as pa

from monitor.core import plugins
from monitor.core.columns import Column
from monitor.core.errors import ConfigError
from monitor.core.finding import Finding
from monitor.external.opinions import Opinion, Tool


def findings(
    tests: Sequence[str], reference: pa.Table, current: pa.Table, columns: Sequence[Column]
) -> Iterator[Finding]:
    """One info finding for each named test ("evidently:anderson") on each column it is made for.

    Raises
    ------
    ConfigError
        A test that its tool does not have.
    """
    for name, wanted in _by_tool(tests).items():
        tool = _tool(name)
        check_names(tool, name, wanted)
        for opinion in tool.judge(wanted, reference, current, columns):
            yield _finding(name, opinion, reference.num_rows, current.num_rows)


def check(tests: Sequence[str]) -> None:
    """Raise `ConfigError` for a tool or test that is not there."""
    for name, wanted in _by_tool(tests).items():
        check_names(_tool(name), name, wanted)


def check_names(tool: Tool, name: str, wanted: Sequence[str]) -> None:
    """Raise `ConfigError` for a test that the tool does not have."""
    known = tool.tests()
    for test in wanted:
        if test not in known:
            near = difflib.get_close_matches(test, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            there = ", ".join(known)
            msg = f"`tests` names {name}:{test}, which {name} does not have.{hint} It has: {there}."
            raise ConfigError(msg)


def _by_tool(tests: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in tests:
        tool, _, test = entry.partition(":")
        found.setdefault(tool, []).append(test)
    return found


def _tool(name: str) -> Tool:
    tool: Tool = plugins.load("external", name)()
    return tool


def _finding(tool: str, opinion: Opinion, before: int, now: int) -> Finding:
    title = tool.capitalize()
    if opinion.error:
        said = f"{title}'s {opinion.test} could not be computed: {opinion.error}"
    else:
        verdict = "says drift" if opinion.differs else "says no drift"
        said = (
            f"{title}'s {opinion.test} {verdict} (score {opinion.score:.3g}, its threshold "
            f"{opinion.threshold:.3g}); it does not control false alarms over columns and weeks."
        )
    known = math.isfinite(opinion.threshold)
    return Finding(
        check=f"external.{tool}",
        column=opinion.column,
        statistic=opinion.test,
        value=opinion.score,
        threshold=opinion.threshold if known else None,
        n_reference=before,
        n_current=now,
        message=said,
    )
