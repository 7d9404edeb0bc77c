"""The finding that carries the verdict on the values of one column."""

from __future__ import annotations

import math

from monitor.checks.context import Context
from monitor.checks.customary import standard_deviation
from monitor.checks.sides import Side, how_sure, merged, side_of
from monitor.checks.wording import listed, number, percent, points, quoted, rows_needed, sight
from monitor.core.finding import Finding
from monitor.evidence.types import Contrast, Verdict
from monitor.profiles.merging import OTHER
from monitor.profiles.types import NumericProfile

_STATISTICS = {
    "location": "location",
    "scale": "scale",
    "skewness": "skewness",
    "bin": "bin_share",
    "tails": "tail_share",
    "level": "level_share",
    "missing": "missing_share",
    "scalar": "scalar",
}


def deciding(check: str, context: Context, name: str) -> Finding | None:
    """What the verdict says about the values (not the missing share) of a judged column.

    The value is the effect: reference sd for a location, ratio of standard deviations for a
    scale, difference of shares for a bin or level. None where nothing was judged.
    """
    verdict = context.verdicts.get(name)
    side = side_of(verdict, missing=False) if verdict is not None else None
    if verdict is None or side is None:
        return None
    column = context.column(name)
    owner = column.owner if column else name
    if not verdict.enough:
        return too_few(check, owner, verdict)
    contrast = side.contrast
    ratio = 1.0 if contrast.kind == "scale" else 0.0
    ends = side.interval
    return Finding(
        check=check,
        column=owner,
        statistic=_STATISTICS[contrast.kind],
        value=contrast.effect + ratio,
        interval=None if ends is None else (ends[0] + ratio, ends[1] + ratio),
        p_value=contrast.p_value,
        effect=contrast.effect,
        threshold=contrast.threshold,
        n_reference=verdict.n_reference,
        n_current=verdict.n_current,
        severity=side.severity,
        drifted=side.drifted,
        message=sentence(context, name, verdict, side),
    )


def seeing(check: str, context: Context, name: str) -> Finding | None:
    """The smallest change of a judged column that could have been found, at each scale.

    The value is that of the shortest scale, in reference sd or as a difference of shares.
    """
    verdict = context.verdicts.get(name)
    if verdict is None or not verdict.sight:
        return None
    column = context.column(name)
    return Finding(
        check=check,
        column=column.owner if column else name,
        statistic="sight",
        value=verdict.sight[min(verdict.sight)],
        n_reference=verdict.n_reference,
        n_current=verdict.n_current,
        message=sight(verdict.sight, verdict.sight_unit),
    )


def too_few(check: str, column: str | None, verdict: Verdict) -> Finding:
    """Few rows are no verdict: how many there are, and how many it takes."""
    return Finding(
        check=check,
        column=column,
        statistic="rows",
        value=float(verdict.n_current),
        n_reference=verdict.n_reference,
        n_current=verdict.n_current,
        message=rows_needed(verdict.n_current, verdict.needed),
    )


def sentence(context: Context, name: str, verdict: Verdict, side: Side) -> str:
    """One plain sentence: what moved, from where to where, how sure."""
    what = describe(context, name, side.contrast)
    end = f"{merged(side.contrast)}{how_sure(verdict, side)}."
    # A large move that habit explains is no drift, but "like the reference" it is not.
    plain = side.drifted or side.contrast.over_gate
    return f"{what}{end}" if plain else f"Like the reference: {what[0].lower()}{what[1:]}{end}"


def describe(context: Context, name: str, contrast: Contrast) -> str:
    """What a contrast says, without its verdict."""
    profiles = context.numeric(name)
    if contrast.kind == "location":
        return _location(contrast, profiles)
    if contrast.kind == "scale":
        return _scale(contrast, profiles)
    if contrast.kind == "skewness":
        side = "high" if contrast.effect > 0 else "low"
        return f"The shape leans more to {side} values (skewness {contrast.effect:+.2g})"
    change = (
        f"from {percent(contrast.reference)} to {percent(contrast.current)} of the rows "
        f"({points(contrast.effect)})"
    )
    if contrast.kind in {"bin", "tails"}:
        where = "at both ends, " if contrast.kind == "tails" else ""
        return f"Values {where}in {contrast.label} went {change}"
    if contrast.label == OTHER:
        return f"Rare and new values together went {change}{_new_levels(context, name)}"
    return f"Value {quoted(contrast.label)} went {change}"


def new_levels(context: Context, name: str) -> list[str]:
    """Levels of the window that the reference never had, the most frequent first."""
    both = context.categorical(name)
    if both is None:
        return []
    old, new = both
    found = [level for level in new.levels if level not in old.levels]
    return sorted(found, key=lambda level: (-new.levels[level], level))


def _new_levels(context: Context, name: str) -> str:
    found = new_levels(context, name)
    return f"; new: {listed(found)}" if found else ""


def _location(contrast: Contrast, profiles: tuple[NumericProfile, NumericProfile] | None) -> str:
    effect = contrast.effect
    way = "up" if effect > 0 else "down"
    size = f"{abs(effect):.2g} sd"
    if profiles is None:
        return f"Values moved {way} by {size}"
    old, new = profiles[0].mean, profiles[1].mean
    if math.isfinite(old) and math.isfinite(new) and (new - old) * effect >= 0:
        return f"Mean moved {way} by {size} ({_change(old, new, contrast)})"
    return f"Most values moved {way} by {size} (the mean, {number(old)} → {number(new)}, did not)"


def _scale(contrast: Contrast, profiles: tuple[NumericProfile, NumericProfile] | None) -> str:
    effect = contrast.effect
    verb = "grew" if effect > 0 else "shrank"
    size = percent(abs(effect))
    if profiles is None:
        return f"Spread {verb} by {size}"
    old, new = (standard_deviation(profile) for profile in profiles)
    if (new - old) * effect >= 0:
        change = _change(old, new, contrast)
        return f"Spread {verb} by {size} (standard deviation {change})"
    return f"Spread of most values {verb} by {size}"


def _change(old: float, new: float, contrast: Contrast) -> str:
    """From the reference to this window, said so where the effect is that of several."""
    alone = " in this window alone" if contrast.scale > 1 else ""
    return f"{number(old)} → {number(new)}{alone}"
