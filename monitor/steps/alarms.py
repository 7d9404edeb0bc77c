"""Verdicts become events that a person is told about, with a memory from window to window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.checks.run import key_of
from monitor.core.columns import Column
from monitor.core.finding import Alarm, AlarmState, Finding
from monitor.evidence import States, advance
from monitor.evidence.types import Verdict

#: Findings that sum up others: they are told, but they are no event of their own.
_SUMMARIES = frozenset({"drift.dataset"})


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


def follow(
    states: States,
    verdicts: Mapping[str, Verdict],
    findings: Sequence[Finding],
    columns: Iterable[Column],
    *,
    position: int,
    escalation_windows: int | None = None,
) -> Told:
    """Carry the alarms of a monitor over one window."""
    signals = _signals(verdicts, findings, columns)
    # A key that nothing speaks of any more (a rule that holds again) is calm, not forgotten.
    for name in states.open_names:
        signals.setdefault(name, Signal(fired=False, calm=not _is_column(name)))
    change = advance(states, signals, position, escalation_windows=escalation_windows)
    groups: tuple[tuple[AlarmState, tuple[str, ...]], ...] = (
        ("opened", change.opened),
        ("open", change.still_open),
        ("closed", change.closed),
    )
    alarms = tuple(alarm_of(key, state, findings) for state, keys in groups for key in sorted(keys))
    return Told(alarms=alarms, states=change.states, mail=change.why)


def once(findings: Sequence[Finding]) -> tuple[Alarm, ...]:
    """The alarms of a single comparison: one for each key with a drifted finding."""
    keys = dict.fromkeys(
        key_of(finding)
        for finding in findings
        if finding.drifted and finding.check not in _SUMMARIES
    )
    return tuple(alarm_of(key, "opened", findings) for key in keys)


def alarm_of(key: str, state: AlarmState, findings: Sequence[Finding]) -> Alarm:
    """The alarm with the findings that it rests on, the drifted ones if there are any."""
    own = [index for index, finding in enumerate(findings) if key_of(finding) == key]
    drifted = tuple(index for index in own if findings[index].drifted)
    shown = drifted or tuple(own[:1])
    if state == "closed":
        title = f"{_subject(key)} is as in the reference again."
    elif drifted:
        title = f"{_subject(key)}: {findings[drifted[0]].message}"
    else:
        title = f"{_subject(key)} differs from the reference, though not surely in this window."
    return Alarm(key=key, state=state, title=title, findings=shown)


def remember(states: States) -> dict[str, Any]:
    """Plain values for the store."""
    return states.to_dict()


def recall(stored: Mapping[str, Any] | None) -> States:
    """What `remember` gave, or a fresh start."""
    return States() if stored is None else States.from_dict(stored)


def _signals(
    verdicts: Mapping[str, Verdict], findings: Sequence[Finding], columns: Iterable[Column]
) -> dict[str, Signal]:
    owner = {column.name: column.owner for column in columns}
    signals: dict[str, Signal] = {}
    for name, verdict in verdicts.items():
        key = f"column:{owner[name]}" if name in owner else name
        before = signals.get(key, Signal(fired=False, calm=True))
        signals[key] = Signal(before.fired or verdict.fired, before.calm and verdict.calm)
    for finding in findings:
        if finding.drifted and _is_certain(finding):
            signals[key_of(finding)] = Signal(fired=True, calm=False)
    return signals


def _is_certain(finding: Finding) -> bool:
    """Facts that need no error control: a column is gone, a rule is broken, no row came."""
    return finding.p_value is None and finding.check.startswith("quality.")


def _is_column(key: str) -> bool:
    return key.startswith("column:")


def _subject(key: str) -> str:
    _, _, rest = key.partition(":")
    return rest or key
