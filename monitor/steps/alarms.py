"""Verdicts become events that a person is told about, with a memory from window to window."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.checks.run import SEGMENT, column_of_segment, key_of, key_of_series, segment_of
from monitor.core.columns import Column
from monitor.core.finding import Alarm, AlarmState, Finding
from monitor.evidence import States, advance
from monitor.evidence.types import Verdict
from monitor.steps.people import People

#: Findings that sum up others: they are told, but they are no event of their own.
_SUMMARIES = frozenset({"drift.dataset"})
_COLUMN = "column:"


@dataclass(frozen=True, slots=True)
class Signal:
    """What one window says about one alarm key."""

    fired: bool
    calm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The alarms of a window, whether they are worth a mail, and what to remember."""

    alarms: tuple[Alarm, ...]
    states: States
    mail: str  #: why a mail goes out: "first", "doubled", "escalated"; "" when none does
    mailed: tuple[str, ...] = ()  #: alarms that are open and not muted


def follow(
    states: States,
    verdicts: Mapping[str, Verdict],
    findings: Sequence[Finding],
    columns: Iterable[Column],
    *,
    position: int,
    escalation_windows: int | None = None,
    expected: Collection[str] = (),
    facts_expected: bool = False,
    people: People | None = None,
    judged: Collection[str] | None = None,
) -> Told:
    """Carry the alarms of a monitor over one window.

    Parameters
    ----------
    expected : series and figures that a named event explains: their alarms stay as they are.
    facts_expected : an event explains broken rules and missing columns too.
    people : who muted and acknowledged what; None: nobody.
    judged : series and figures with a verdict in each window that has the rows for it, so that
        silence is no calm there; None: all columns.
    """
    owners = {column.name: column.owner for column in columns}
    held = {key_of_series(name, owners) for name in expected}
    spoken = None if judged is None else {key_of_series(name, owners) for name in judged}
    signals = _signals(verdicts, findings, owners, held, facts_expected=facts_expected)
    # A fact that nothing speaks of any more (a rule that holds again) is calm, not forgotten.
    for name in states.open_names:
        of_columns = name.startswith((_COLUMN, SEGMENT))
        silent = of_columns if spoken is None else name in spoken
        silent = silent or name in held or facts_expected
        signals.setdefault(name, Signal(fired=False, calm=not silent))
    keys = {*signals, *states.open_names}
    by_key = _by_key(findings)
    muted = {key for key in keys if people and people.muted(key, _columns(key, by_key, findings))}
    change = advance(
        states,
        signals,
        position,
        escalation_windows=escalation_windows,
        quiet=muted | _parts(keys, states, signals),
        acknowledged={key for key in keys if people and people.acknowledged(key)},
    )
    groups: tuple[tuple[AlarmState, tuple[str, ...]], ...] = (
        ("opened", change.opened),
        ("open", change.still_open),
        ("closed", change.closed),
    )
    years = _years(verdicts, owners)
    alarms = tuple(
        _alarm(key, state, findings, by_key, years.get(key))
        for state, keys in groups
        for key in sorted(keys)
    )
    loud = tuple(a.key for a in alarms if a.state != "closed" and a.key not in muted)
    return Told(alarms=alarms, states=change.states, mail=change.why, mailed=loud)


def once(findings: Sequence[Finding]) -> tuple[Alarm, ...]:
    """The alarms of a single comparison: one for each key with a drifted finding."""
    keys = dict.fromkeys(
        key_of(finding)
        for finding in findings
        if finding.drifted and finding.check not in _SUMMARIES
    )
    by_key = _by_key(findings)
    return tuple(_alarm(key, "opened", findings, by_key) for key in keys)


def _by_key(findings: Sequence[Finding]) -> Mapping[str, Sequence[int]]:
    """Places of the findings of each alarm key."""
    places: dict[str, list[int]] = {}
    for place, finding in enumerate(findings):
        places.setdefault(key_of(finding), []).append(place)
    return places


def _alarm(
    key: str,
    state: AlarmState,
    findings: Sequence[Finding],
    by_key: Mapping[str, Sequence[int]],
    once_in_years: float | None = None,
) -> Alarm:
    """The alarm with the findings that it rests on, the drifted ones if there are any."""
    own = by_key.get(key, ())
    drifted = tuple(index for index in own if findings[index].drifted)
    shown = drifted or tuple(own[:1])
    if state == "closed":
        title = f"{_subject(key)} is as in the reference again."
    elif drifted:
        told = findings[drifted[0]].message
        title = f"{column_of_segment(key) if key.startswith(SEGMENT) else _subject(key)}: {told}"
    else:
        title = f"{_subject(key)} differs from the reference, though not surely in this window."
    return Alarm(key=key, state=state, title=title, findings=shown, once_in_years=once_in_years)


def columns_of(key: str, findings: Sequence[Finding] = ()) -> tuple[str, ...]:
    """Columns that an alarm is about.

    >>> columns_of("column:temp"), columns_of("volume:rows")
    (('temp',), ())
    """
    return _columns(key, _by_key(findings), findings)


def _columns(
    key: str, by_key: Mapping[str, Sequence[int]], findings: Sequence[Finding]
) -> tuple[str, ...]:
    own = key.partition(":")[2] if key.startswith(_COLUMN) else None
    if key.startswith(SEGMENT):
        own = column_of_segment(key)
    named = (findings[place].column for place in by_key.get(key, ()))
    return (own,) if own else tuple(dict.fromkeys(name for name in named if name))


def remember(states: States) -> dict[str, Any]:
    """Plain values for the store."""
    return states.to_dict()


def recall(stored: Mapping[str, Any] | None) -> States:
    """What `remember` gave, or a fresh start."""
    return States() if stored is None else States.from_dict(stored)


def _signals(
    verdicts: Mapping[str, Verdict],
    findings: Sequence[Finding],
    owners: Mapping[str, str],
    held: Collection[str],
    *,
    facts_expected: bool,
) -> dict[str, Signal]:
    signals: dict[str, Signal] = {}
    for name, verdict in verdicts.items():
        key = key_of_series(name, owners)
        if key not in held:
            before = signals.get(key, Signal(fired=False, calm=True))
            signals[key] = Signal(before.fired or verdict.fired, before.calm and verdict.calm)
    for finding in findings if not facts_expected else ():
        if finding.drifted and _is_certain(finding):
            signals[key_of(finding)] = Signal(fired=True, calm=False)
    return signals


def _parts(keys: Collection[str], states: States, signals: Mapping[str, Signal]) -> set[str]:
    """Segments of columns that are open themselves: they are told with them."""
    new = {key for key, signal in signals.items() if signal.fired}
    return {
        key
        for key in keys
        if key.startswith(SEGMENT)
        and f"{_COLUMN}{column_of_segment(key)}" in {*states.open_names, *new}
    }


def _years(verdicts: Mapping[str, Verdict], owners: Mapping[str, str]) -> dict[str, float]:
    """How often the strongest evidence of each alarm would come by chance."""
    found: dict[str, float] = {}
    for name, verdict in verdicts.items():
        if verdict.fired and not math.isnan(verdict.once_in_years):
            key = key_of_series(name, owners)
            found[key] = max(found.get(key, 0.0), verdict.once_in_years)
    return found


def _is_certain(finding: Finding) -> bool:
    """Facts that need no error control: a column is gone, a rule is broken, no row came."""
    return finding.p_value is None and finding.check.startswith("quality.")


def _subject(key: str) -> str:
    if key.startswith(SEGMENT):
        segment, column = segment_of(key)
        return f"{column} where {segment}"
    _, _, rest = key.partition(":")
    return rest or key
