"""What a run needs to know of a monitor, whether it comes from a config or from `compare`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pydantic

from monitor.checks.judged import Override
from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.evidence.types import Budget, Gate, Scalar
from monitor.profiles.rules import Rule
from monitor.steps import labels as later
from monitor.steps.occasions import Occasion, meeting, occasions_of
from monitor.steps.places import source_of

if TYPE_CHECKING:  # a tenth of a second that a comparison without a config need not wait
    from monitor.config import Cadence, Config, MonitorConfig, OverrideConfig, RuleConfig

#: Which windows are merged at the scales of STATS part 1, by the length of a window in days.
_SCALES = ((1 / 12, (1, 4, 24, 168)), (2.0, (1, 2, 7, 28)), (float("inf"), (1, 2, 4, 8)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Roles, rules and what a person fixed; the same for the reference and for each window."""

    name: str | None = None
    roles: Roles = field(default_factory=Roles)
    rules: tuple[Rule, ...] = ()
    overrides: Mapping[str, Override] = field(default_factory=dict)
    cadence: Cadence | None = None
    blocks: int | None = None
    reference_window: Window | None = None
    first_windows: int = 0  #: that stand in for a reference which the config does not name
    disabled: tuple[str, ...] = ()
    check_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tests: tuple[str, ...] = ()
    sample_size: int = 10_000
    holidays: tuple[date, ...] = ()
    yearly: bool = False  #: the season of the year is taken from the reference
    occasions: tuple[Occasion, ...] = ()  #: times that a person knows of
    metrics: tuple[OverrideConfig, ...] = ()  #: what a person says about figures
    groups: Mapping[str, str] = field(default_factory=dict)  #: column -> declared group

    def figures(self, specs: Sequence[Scalar]) -> tuple[Scalar, ...]:
        """The judged figures as a person wants them: direction, weight, gate, or not at all."""
        judged = []
        for spec in specs:
            said = next((entry for entry in self.metrics if entry.means(spec.name)), None)
            if said is None:
                judged.append(spec)
            elif not said.ignore:
                gate = spec.gate if said.gate is None else said.gate
                weight = spec.weight * said.weight
                judged.append(replace(spec, gate=gate, weight=weight, alarm_on=said.alarm_on))
        return tuple(judged)

    def budget(self, false_alarms_per_year: float) -> Budget:
        """The false mails allowed, spread over the windows of a year."""
        if self.cadence is None:
            return Budget(per_year=false_alarms_per_year)
        days = self.cadence.length.total_seconds() / 86_400
        scales = next(scales for limit, scales in _SCALES if days <= limit)
        return Budget(
            per_year=false_alarms_per_year,
            windows_per_year=self.cadence.windows_per_year,
            scales=scales,
        )


def of_monitor(monitor: MonitorConfig) -> Setup:
    """The set-up of a configured monitor."""
    return Setup(
        name=monitor.name,
        roles=monitor.columns.roles(),
        rules=rules_of(monitor.rules, monitor.overrides),
        overrides={entry.column: _override(entry) for entry in monitor.overrides if entry.column},
        cadence=monitor.cadence,
        blocks=monitor.reference.blocks if monitor.reference else None,
        reference_window=monitor.reference_window,
        disabled=monitor.checks.off,
        check_options=monitor.checks.options,
        tests=monitor.tests,
        holidays=monitor.season.holidays,
        yearly=monitor.season.yearly,
        occasions=occasions_of(monitor),
        metrics=tuple(entry for entry in monitor.overrides if entry.metric),
        groups={e.column: e.group for e in monitor.overrides if e.column and e.group},
    )


def fingerprint(monitor: MonitorConfig) -> str:
    """Changes when the reference must be learned again: other data, columns, rules or gates."""
    keys = ("source", "reference", "window", "anchor", "timezone", "columns", "rules", "overrides")
    parts = {key: _plain(getattr(monitor, key)) for key in keys}
    if monitor.season != type(monitor.season)():
        parts["season"] = _plain(monitor.season)
    parts["overrides"] = [_learned(entry) for entry in monitor.overrides]
    stretch = monitor.reference_window
    known = meeting(occasions_of(monitor), stretch) if stretch else ()
    if known:  # what comes later changes nothing that was learned
        parts["events"] = sorted(map(repr, known))
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def labels_of(config: Config, monitor: MonitorConfig) -> later.Labels | None:
    """Labels that come from elsewhere; None when the monitor has none."""
    if monitor.labels is None:
        return None
    place, columns = monitor.labels, monitor.columns
    return later.load(
        source_of(place.kind, place.options, config.base),
        id_column=columns.id,
        label=columns.label,
        id_there=place.id,
        label_there=place.label,
    )


def rules_of(
    rules: Sequence[RuleConfig], overrides: Sequence[OverrideConfig] = ()
) -> tuple[Rule, ...]:
    """One rule for each thing that a person declared, each with a name of its own."""
    off = {entry.column for entry in overrides if not entry.rules}
    found: dict[str, Rule] = {}
    for declared in rules:
        if declared.enabled and declared.column not in off:
            for rule in _parts(declared):
                name = rule.name
                while name in found:
                    name += "'"
                found[name] = Rule(**{**_fields(rule), "name": name})
    return tuple(found.values())


def _fields(rule: Rule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in Rule.__slots__}


def _parts(declared: RuleConfig) -> list[Rule]:
    column, share = declared.column, declared.max_share
    if declared.expression is not None:
        name = declared.name or declared.expression
        return [Rule(name, "expression", expression=declared.expression, max_share=share)]
    title = declared.name or str(column)
    parts: list[Rule] = []
    if declared.min is not None or declared.max is not None:
        low, high = declared.min, declared.max
        parts.append(Rule(f"{title}: range", "range", column, min=low, max=high, max_share=share))
    if declared.values is not None:
        levels = tuple(_level(value) for value in declared.values)
        parts.append(Rule(f"{title}: set", "set", column, values=levels, max_share=share))
    if declared.pattern is not None:
        parts.append(
            Rule(f"{title}: pattern", "regex", column, pattern=declared.pattern, max_share=share)
        )
    if declared.unique:
        parts.append(Rule(f"{title}: unique", "unique", column, max_share=share))
    if declared.not_null:
        parts.append(Rule(f"{title}: not null", "not_null", column, max_share=share))
    return parts


def _level(value: str | float | bool) -> str:
    """A level as profiles name it: "true", "3", "2.5"."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _override(entry: OverrideConfig) -> Override:
    return Override(
        judged=not entry.ignore,
        gate=entry.gates(Gate()),
        alarm_on=entry.alarm_on,
        weight=entry.weight,
    )


def _learned(entry: OverrideConfig) -> Any:
    """What of an override a reference is learned with; keys of later releases only where set."""
    later = {"group": None, "metric": None, "gate": None}
    return {
        name: value
        for name, value in _plain(entry).items()
        if name != "group" and not (name in later and value is None)
    }


def _plain(value: Any) -> Any:
    """JSON of a part of the config; secrets stay hidden, which is what a fingerprint wants."""
    if isinstance(value, pydantic.BaseModel):
        return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if value is not None else None
