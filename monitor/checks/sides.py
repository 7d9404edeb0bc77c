"""One verdict, two stories: what the values do, and whether there are values at all."""

from __future__ import annotations

import math
from dataclasses import dataclass

from monitor.core.finding import Severity
from monitor.evidence.types import Contrast, Verdict
from monitor.stats.rates import difference, wilson, z_value

_UNUSUAL = 1e-3  #: p of a fact that needs no error control, but must not be a habit either

#: From these effects on a change is critical; in the units of the gate.
_CRITICAL = {
    "location": 0.5, "scale": 0.5, "skewness": 0.5, "bin": 0.1, "tails": 0.1,
    "level": 0.1, "missing": 0.1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """The contrast that speaks for one side of a column, and the verdict on that side."""

    contrast: Contrast
    drifted: bool
    fired: bool
    interval: tuple[float, float] | None  #: 95 % of the contrast's effect

    @property
    def severity(self) -> Severity:
        """How much it matters: by the verdict and the size of the effect."""
        if not self.drifted:
            return "info"
        limit = _CRITICAL.get(self.contrast.kind, math.inf)
        return "critical" if self.fired and abs(self.contrast.effect) >= limit else "warning"


def side_of(verdict: Verdict, *, missing: bool) -> Side | None:
    """The missing share (`missing`), or everything else; None where evidence has no such side."""
    own = [one for one in verdict.contrasts if (one.kind == "missing") is missing]
    decides = (verdict.deciding.kind == "missing") is missing
    if not own and not decides:
        return None
    best = verdict.deciding if decides else min(own, key=_order)
    fired = verdict.enough and (best.fired or any(one.fired for one in own))
    drifted = verdict.enough and verdict.drifted and (decides or fired)
    interval = verdict.interval if decides else _interval(best, verdict)
    return Side(best, drifted, fired, interval)


def _order(contrast: Contrast) -> tuple[bool, float]:
    return not contrast.fired, contrast.p_value / max(contrast.threshold, 1e-300)


def _interval(contrast: Contrast, verdict: Verdict) -> tuple[float, float] | None:
    """Sampling error alone, with the design effect of the column."""
    old, new = verdict.n_reference, verdict.n_current * max(1, contrast.scale)
    if old <= 0 or new <= 0:
        return None
    delta = verdict.design_effect
    if contrast.kind == "location":
        half = z_value(0.95) * math.sqrt(delta * (1 / old + 1 / new))
        return contrast.effect - half, contrast.effect + half
    if contrast.kind in {"bin", "tails", "level", "missing"}:
        now, before = (
            wilson(share * rows, rows, design_effect=delta)
            for share, rows in ((contrast.current, new), (contrast.reference, old))
        )
        return difference(now, before).interval
    return None


def unusual(verdict: Verdict | None, *, missing: bool) -> bool:
    """Whether windows of the reference hardly ever look so; True where nothing is known of them."""
    if verdict is None or not verdict.enough:
        return True
    own = [one for one in verdict.contrasts if (one.kind == "missing") is missing]
    return any(one.p_value <= _UNUSUAL for one in own)


def merged(contrast: Contrast) -> str:
    """Over how many windows the change was seen."""
    return f" over the last {contrast.scale} windows" if contrast.scale > 1 else ""


def how_sure(verdict: Verdict, side: Side) -> str:
    """How often chance alone would show as much, as the end of a sentence."""
    if side.fired:
        return _by_chance(verdict.once_in_years, side.contrast.p_value)
    if side.drifted:
        return " (likely, but not sure enough to open an alarm)"
    if side.contrast.over_gate:
        return " (not more than chance and habit explain)"
    return " (too small to matter)" if side.contrast.p_value < 0.001 else ""


def _by_chance(years: float, p_value: float) -> str:
    if math.isnan(years):
        return f" (p = {p_value:.1g})"
    if years >= 1000:
        return " (chance would show this less than once in 1,000 years)"
    if years < 1.5:
        return " (chance would show this about once a year)"
    return f" (chance would show this about once in {round(years):,} years)"
