"""All checks on one window, each on its own: what breaks in one is a finding of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pydantic

from monitor.checks.context import Check, Context
from monitor.checks.scalars import VOLUME
from monitor.checks.wording import one_line
from monitor.core import plugins
from monitor.core.errors import ConfigError
from monitor.core.finding import Finding

Options = Mapping[str, Mapping[str, Any]]

#: Keys of checks that look at the data set as a whole.
_WHOLE = {
    "quality.volume": VOLUME,
    "quality.schema": "schema",
    "quality.duplicates": "duplicates",
    "quality.freshness": "freshness",
    "drift.dataset": "dataset",
}


def check_names() -> list[str]:
    """Names of all checks, as the config writes them ("drift.numeric"), in the order they run."""
    return list(check_classes())


def check_classes() -> dict[str, Any]:
    """Name and plug-in class of all checks, in the order they run."""
    loaded = (plugins.load("checks", name) for name in plugins.names("checks"))
    return {str(kind.name): kind for kind in loaded}


def build_checks(disabled: Collection[str] = (), options: Options | None = None) -> list[Check]:
    """All checks but the disabled ones, with their options.

    `disabled` may name a family: "bias" means every "bias.…".

    Raises
    ------
    ConfigError
        An unknown check, an unknown option or a wrong value; the message names it.
    """
    given = options or {}
    known = check_classes()
    families = {name.split(".")[0] for name in known}
    for name in (*disabled, *given):
        if name not in known and not (name in families and name not in given):
            msg = f"There is no check {name!r}. Known: {', '.join(known)}."
            raise ConfigError(msg)
    return [
        kind(_options(name, kind, given.get(name, {})))
        for name, kind in known.items()
        if name not in disabled and name.split(".")[0] not in disabled
    ]


def run_checks(
    context: Context, disabled: Collection[str] = (), options: Options | None = None
) -> list[Finding]:
    """Findings of all checks, in a stable order.

    A check that raises becomes one finding that names the check and the error; the rest goes on.
    """
    findings: list[Finding] = []
    for check in build_checks(disabled, options):
        findings.extend(_guarded(check, context))
    return findings


def key_of(finding: Finding) -> str:
    """What an alarm about this finding is called: it groups findings to one event.

    "schema", "volume:rows", "freshness", "dataset", "duplicates", "rule:<name>", "check:<name>",
    "bias:sex=Female:selection_rate", "performance:accuracy", "segment:<group>/<name>", or
    "column:<name>".

    Examples
    --------
    >>> key_of(Finding(check="drift.numeric", column="temp", statistic="location", value=1,
    ...                message=""))
    'column:temp'
    """
    family = finding.check.split(".")[0]
    if finding.statistic == "check_failed":
        return f"check:{finding.check}"
    if finding.check == "quality.rules":
        return f"rule:{finding.statistic}"
    if family == "bias" and finding.segment is not None:
        return f"bias:{finding.segment}:{_stem(finding.statistic)}"
    if family == "performance":
        where = f":{finding.segment}" if finding.segment else ""
        return f"performance:{finding.statistic}{where}"
    if finding.check == "drift.segment" and finding.segment and finding.column:
        return segment_key(finding.segment, finding.column)
    whole = f"column:{finding.column}" if finding.column is not None else finding.check
    return _WHOLE.get(finding.check, whole)


#: Keys of alarms about one column in one group: "segment:carrier=UA/dep_delay".
SEGMENT = "segment:"


def segment_key(segment: str, column: str) -> str:
    """Name of the series of a column in one group, and of its alarm."""
    return f"{SEGMENT}{segment.replace('%', '%25').replace('/', '%2F')}/{column}"


def segment_of(key: str) -> tuple[str, str]:
    """Group and column of such a key.

    >>> segment_of(segment_key("carrier=U/A", "delay/min"))
    ('carrier=U/A', 'delay/min')
    """
    segment, _, column = key.removeprefix(SEGMENT).partition("/")
    return segment.replace("%2F", "/").replace("%25", "%"), column


def column_of_segment(key: str) -> str:
    """The column of such a key."""
    return segment_of(key)[1]


def column_of(name: str) -> str:
    """The column of a series, be it of all rows or of a group.

    >>> column_of("delay"), column_of(segment_key("carrier=UA", "delay"))
    ('delay', 'delay')
    """
    return column_of_segment(name) if name.startswith(SEGMENT) else name


def key_of_series(name: str, owners: Mapping[str, str]) -> str:
    """What an alarm about the verdict of that series or figure is called.

    >>> key_of_series("e.pc0", {"e.pc0": "e"}), key_of_series("volume:rows", {})
    ('column:e', 'volume:rows')
    """
    return f"column:{owners[name]}" if name in owners else name


def _stem(statistic: str) -> str:
    """`selection_rate` of `selection_rate_difference` and `selection_rate_ratio`."""
    return statistic.removesuffix("_difference").removesuffix("_ratio")


def _options(name: str, kind: Any, values: Mapping[str, Any]) -> Any:
    try:
        return kind.Options(**values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(kind.Options.model_fields) or "none"
        msg = f"Check {name!r}, option {key!r}: {first['msg']}. Its options: {known}."
        raise ConfigError(msg) from error


def _on_one_line(finding: Finding) -> Finding:
    """Names and values come from the data: no message may hold control characters."""
    if finding.message.isprintable():
        return finding
    return replace(finding, message=one_line(finding.message))


def _guarded(check: Check, context: Context) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(_on_one_line(finding) for finding in check.findings(context))
    except Exception as error:  # noqa: BLE001 - one broken check must not cost the others
        message = f"Check {check.name} failed and was left out: {type(error).__name__}: {error}"
        found.append(
            Finding(
                check=check.name,
                statistic="check_failed",
                value=1.0,
                severity="warning",
                message=one_line(message[:500]),
            )
        )
    return found
