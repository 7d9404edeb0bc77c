"""The distances that people know, beside the verdict: they describe, they do not decide."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from monitor.checks.context import Context
from monitor.checks.wording import number
from monitor.core.finding import Finding
from monitor.profiles.codebook import Codebook
from monitor.profiles.types import NumericProfile
from monitor.stats.distances import Distance, chi2, js, ks, psi, wasserstein

FloatArray = npt.NDArray[np.float64]

_WORDS = {
    "psi": "Population stability index",
    "js": "Jensen-Shannon distance",
    "chi2": "Chi-squared statistic",
    "ks": "Kolmogorov-Smirnov distance",
    "wasserstein": "Wasserstein distance in reference standard deviations",
}


def customary(check: str, context: Context, name: str) -> Iterator[Finding]:
    """PSI and JS of any judged column; KS and Wasserstein of a numeric one, chi2 of the others."""
    old, new = context.reference_counts.get(name), context.current_counts.get(name)
    if old is None or new is None or old.shape != new.shape:
        return
    numeric = context.numeric(name)
    delta = _design_effect(context, name)
    before, after = old[:-1], new[:-1]
    if before.sum() == 0 or after.sum() == 0:
        return
    found = {
        "psi": psi(before, after, design_effect=delta),
        "js": js(before, after, design_effect=delta),
    }
    if numeric is None:
        found["chi2"] = chi2(before, after, design_effect=delta)
    else:
        found |= _by_codes(*numeric, context.codebooks.get(name), delta)
    column = context.column(name)
    rows = int(before.sum()), int(after.sum())
    for statistic, distance in found.items():
        yield _finding(check, column.owner if column else name, statistic, distance, rows)


def _by_codes(
    old: NumericProfile, new: NumericProfile, codebook: Codebook | None, delta: float
) -> dict[str, Distance]:
    if old.codebook_id != new.codebook_id:
        return {}
    codes = np.union1d(old.codes, new.codes)
    before, after = (_spread(codes, side) for side in (old, new))
    found = {"ks": ks(before, after, design_effect=delta)}
    sd = standard_deviation(old)
    if codebook is not None and sd > 0 and math.isfinite(sd):
        values = representatives(codebook, codes, old, new) / sd
        found["wasserstein"] = wasserstein(values, before, after, design_effect=delta)
    return found


def _spread(codes: npt.NDArray[np.int64], profile: NumericProfile) -> FloatArray:
    counts = np.zeros(len(codes))
    counts[np.searchsorted(codes, profile.codes)] = profile.counts
    return counts


def representatives(
    codebook: Codebook, codes: npt.NDArray[np.int64], *profiles: NumericProfile
) -> FloatArray:
    """A finite value for each code, ascending: its middle, inside of what was really seen."""
    least = min((p.minimum for p in profiles if not math.isnan(p.minimum)), default=0.0)
    most = max((p.maximum for p in profiles if not math.isnan(p.maximum)), default=0.0)
    low, high = (
        np.clip(edge, least, most) for edge in (codebook.lower(codes), codebook.upper(codes))
    )
    return np.asarray(np.maximum.accumulate(low / 2 + high / 2), dtype=np.float64)


def finite_rows(profile: NumericProfile) -> int:
    """Rows with a finite value."""
    return profile.present - profile.positive_infinities - profile.negative_infinities


def standard_deviation(profile: NumericProfile) -> float:
    """Of the finite values; NaN below two of them."""
    rows = finite_rows(profile)
    return math.sqrt(profile.m2 / (rows - 1)) if rows > 1 and profile.m2 >= 0 else math.nan


def _design_effect(context: Context, name: str) -> float:
    verdict = context.verdicts.get(name)
    return max(1.0, verdict.design_effect) if verdict is not None else 1.0


def _finding(
    check: str, column: str, statistic: str, distance: Distance, rows: tuple[int, int]
) -> Finding:
    ends = distance.interval
    chance = f"; chance alone gives about {number(distance.expected)} with so many rows"
    return Finding(
        check=check,
        column=column,
        statistic=statistic,
        value=distance.statistic if statistic == "chi2" else distance.corrected,
        interval=None if math.isnan(ends[0]) else ends,
        p_value=None if math.isnan(distance.p_value) else distance.p_value,
        n_reference=rows[0],
        n_current=rows[1],
        message=f"{_WORDS[statistic]}: {number(distance.statistic)} as counted{chance}.",
    )
