"""Numbers into verdicts: one for each series and scalar, with all its contrasts."""

from __future__ import annotations

import math

import numpy as np

from monitor.evidence import intervals
from monitor.evidence.assessment import Assessment
from monitor.evidence.contrasts import BIN, KINDS, LEVEL, MISSING, SCALAR, SCALE, TAILS
from monitor.evidence.layout import BoolArray
from monitor.evidence.reference import Reference
from monitor.evidence.sight import speakers
from monitor.evidence.types import Budget, Contrast, FloatArray, IntArray, Observation, Verdict
from monitor.evidence.weigh import reference_errors


def build(
    reference: Reference,
    newest: Observation,
    found: Assessment,
    *,
    drifted: BoolArray,
    calm: BoolArray,
    sights: list[dict[int, float]],
    budget: Budget | None,
) -> dict[str, Verdict]:
    """Verdicts by name, on what `newest` names. `budget` None: nothing is said of years."""
    names = [one.name for one in reference.judged]
    own = np.argsort(reference.contrasts.column, kind="stable")
    ends = np.searchsorted(reference.contrasts.column[own], np.arange(len(names) + 1))
    voices = speakers(reference)
    step = budget.step if budget is not None else 1
    labels = _labels(reference)
    result = {}
    for column, name in enumerate(names):
        if name not in newest.counts and name not in newest.scalars:
            continue
        at = own[ends[column] : ends[column + 1]]
        result[name] = _verdict(
            reference,
            found,
            at,
            labels,
            name=name,
            voice=int(voices[column]),
            flags=(bool(drifted[column]), bool(calm[column])),
            sight={scale // step: size for scale, size in sights[column].items()},
            step=step,
            budget=budget,
        )
    return result


def _labels(reference: Reference) -> list[str]:
    """The bin or level of each contrast, "" where it has none."""
    layout, table = reference.layout, reference.contrasts
    result = []
    for kind, column, cell in zip(table.kind, table.column, table.cell, strict=True):
        label = ""
        if kind in (BIN, LEVEL):
            label = layout.series[column].labels[cell - layout.starts[column]]
        elif kind == TAILS:
            label = _both_ends(reference, int(column))
        result.append(label)
    return result


def _both_ends(reference: Reference, column: int) -> str:
    labels, start = reference.layout.series[column].labels, reference.layout.starts[column]
    filled = np.flatnonzero(reference.layout.pooled[start : start + len(labels)] > 0)
    return f"{labels[filled[0]]} or {labels[filled[-1]]}"


def _verdict(
    reference: Reference,
    found: Assessment,
    at: IntArray,
    labels: list[str],
    *,
    name: str,
    voice: int,
    flags: tuple[bool, bool],
    sight: dict[int, float],
    step: int,
    budget: Budget | None,
) -> Verdict:
    scale, contrast = _deciding(found, at)
    table, merged = reference.contrasts, found.merged
    said = _contrasts(reference, found, at, labels, step)
    place = scale * len(at) + int(np.flatnonzero(at == contrast)[0])
    scalar = table.kind[voice] == SCALAR
    column = int(table.column[voice])
    values = at[table.kind[at] != MISSING]
    rows = merged.rows[0, values[0]] if len(values) else 0.0
    enough = bool((found.enough & merged.said)[:, at].any()) or bool(found.fired[:, at].any())
    years = math.nan
    if budget is not None:
        years = _years(
            float(found.p[scale, contrast]), float(found.threshold[scale, contrast]), budget
        )
    return Verdict(
        name=name,
        fired=bool(found.fired[:, at].any()),
        drifted=flags[0],
        calm=flags[1],
        deciding=said[place],
        contrasts=said,
        interval=_interval(reference, found, scale, contrast),
        n_reference=reference.windows if scalar else int(reference.layout.rows[column]),
        n_current=int(rows),
        design_effect=float(table.design_effect[voice]),
        sight=sight,
        sight_unit="scalar" if scalar else "share" if table.is_share[voice] else "sd",
        enough=enough,
        needed=int(found.needed[voice]),
        once_in_years=years,
    )


def _deciding(found: Assessment, at: IntArray) -> tuple[int, int]:
    """(index of scale, contrast): the fired one with the least p / threshold, else the least."""
    threshold = np.maximum(found.threshold[:, at], 1e-300)
    ratio = np.where(found.merged.said[:, at], found.p[:, at] / threshold, np.inf)
    fired = found.fired[:, at]
    if fired.any():
        ratio = np.where(fired, ratio, np.inf)
    # p underflows to 0 for gross changes; among those the largest deviation speaks.
    size = -np.abs(found.merged.excess[:, at])
    best = np.lexsort((size.ravel(), ratio.ravel()))[0]
    scale, index = np.unravel_index(best, ratio.shape)
    return int(scale), int(at[index])


def _contrasts(
    reference: Reference, found: Assessment, at: IntArray, labels: list[str], step: int
) -> tuple[Contrast, ...]:
    table, merged = reference.contrasts, found.merged
    sign = np.where(table.complement[at], -1.0, 1.0)
    base, now = _natural(reference, found, at)
    kinds = [KINDS[kind] for kind in table.kind[at]]
    words = [labels[index] for index in at]
    result: list[Contrast] = []
    for scale, windows in enumerate(merged.scales):
        due = bool(found.due[scale])
        columns = (
            sign * merged.excess[scale, at], found.effect[scale, at], base[scale], now[scale],
            found.p[scale, at], found.threshold[scale, at],
            found.over_gate[scale, at], found.fired[scale, at],
        )  # fmt: skip
        rows = zip(kinds, words, *(one.tolist() for one in columns), strict=True)
        result.extend(
            Contrast(
                kind, label, windows // step, value, effect, old, new, p, limit, over, due, fired
            )
            for kind, label, value, effect, old, new, p, limit, over, fired in rows
        )
    return tuple(result)


def _natural(
    reference: Reference, found: Assessment, at: IntArray
) -> tuple[FloatArray, FloatArray]:
    """What the reference has and what the windows have, in natural units, (n_scales, len(at))."""
    table, merged = reference.contrasts, found.merged
    is_share, complement = table.is_share[at], table.complement[at]
    expected, shares = found.expected[:, at], merged.shares[:, at]
    base = np.where(complement, 1 - expected, expected)
    now = np.where(complement, 1 - shares, shares)
    start = np.where(table.kind[at] == SCALE, 1.0, 0.0)
    scalar = table.kind[at] == SCALAR
    if scalar.any():
        centre = reference.centre[table.column[at[scalar]] - len(reference.layout.series)]
        start[scalar] = centre
    start = start + np.where(scalar, merged.expected[:, at], 0.0)
    effect = found.effect[:, at]
    return np.where(is_share, base, start), np.where(is_share, now, start + effect)


def _interval(
    reference: Reference, found: Assessment, scale: int, contrast: int
) -> tuple[float, float] | None:
    """Sampling error of the windows and of the reference; None where nothing was said."""
    table, merged = reference.contrasts, found.merged
    if not merged.said[scale, contrast]:
        return None
    sampling = float(merged.sampling[scale, contrast])
    errors = reference_errors(reference, merged.row[scale], np.array([contrast]))[0]
    error = float(reference.sampling[contrast] * (reference.weights[contrast] @ errors))
    if not table.is_share[contrast]:
        kind = int(table.kind[contrast])
        return intervals.moment(kind, float(merged.excess[scale, contrast]), sampling + error)
    low, high = intervals.share_difference(
        float(merged.shares[scale, contrast]), 1 / sampling,
        float(found.expected[scale, contrast]), 1 / error,
    )  # fmt: skip
    return (-high, -low) if table.complement[contrast] else (low, high)


def _years(p: float, threshold: float, budget: Budget) -> float:
    """How many years pass, on average, between two such pieces of evidence by chance."""
    if p <= 0:
        return math.inf
    shortest = 1.0 / budget.windows_per_year
    return max(threshold / (p * budget.per_year), shortest) if budget.per_year > 0 else shortest
