"""What a check says, and what an alarm is: the contract of `--json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["info", "warning", "critical"]
AlarmState = Literal["opened", "open", "closed"]

#: At most this many keys of offending rows travel with one finding.
MAX_ROWS = 20


def _number(value: float | None) -> float | None:
    """JSON knows no NaN and no infinity: they become null."""
    return None if value is None or not math.isfinite(value) else float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check says about one column (or one column in one segment) in one window."""

    check: str  #: e.g. "drift.numeric"
    statistic: str  #: snake case, named as in scipy, scikit-learn or Fairlearn
    value: float
    message: str
    column: str | None = None
    segment: str | None = None  #: "sex=Female", "carrier=UA, origin=JFK"
    interval: tuple[float, float] | None = None  #: 95 %; an end may be infinite
    p_value: float | None = None  #: None where it is not a hypothesis test
    effect: float | None = None  #: size in the units of the gate (sd, share)
    threshold: float | None = None  #: as used, after error control
    n_reference: int | None = None
    n_current: int | None = None
    severity: Severity = "info"
    drifted: bool = False  #: the verdict after error control *and* effect gate
    rows: tuple[Any, ...] = ()  #: keys of up to `MAX_ROWS` offending rows

    def to_dict(self) -> dict[str, Any]:
        """The finding as the JSON contract wants it."""
        low_high = None
        if self.interval is not None and not any(math.isnan(end) for end in self.interval):
            low_high = [_number(self.interval[0]), _number(self.interval[1])]
        return {
            "check": self.check,
            "column": self.column,
            "segment": self.segment,
            "statistic": self.statistic,
            "value": _number(self.value),
            "interval": low_high,
            "p_value": _number(self.p_value),
            "effect": _number(self.effect),
            "threshold": _number(self.threshold),
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "severity": self.severity,
            "drifted": self.drifted,
            "message": self.message,
            "rows": list(self.rows[:MAX_ROWS]),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Finding:
        """A finding that the store kept as JSON; a value that was not finite is NaN."""
        values = dict(stored)
        ends = values["interval"]
        if ends is not None:
            low, high = ends
            ends = (-math.inf if low is None else low, math.inf if high is None else high)
        value = math.nan if values["value"] is None else values["value"]
        return cls(**{**values, "value": value, "interval": ends, "rows": tuple(values["rows"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One event that a person is told about."""

    key: str  #: stable over windows: "column:temp", "schema", "volume:rows", "bias:sex=Female"
    state: AlarmState
    title: str
    findings: tuple[int, ...] = field(default=())  #: indexes into the run's findings
    #: How often such evidence would come by chance, one every so many years; not in the JSON.
    once_in_years: float | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The alarm as the JSON contract wants it."""
        return {
            "key": self.key,
            "state": self.state,
            "title": self.title,
            "findings": list(self.findings),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Alarm:
        """An alarm that the store kept as JSON."""
        return cls(**{**stored, "findings": tuple(stored["findings"])})
