"""The newest windows merged at each scale, and how far they may lie from the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.evidence.contrasts import (
    LOCATION,
    MISSING,
    SCALAR,
    Contrasts,
    Values,
    evaluate,
    silent,
)
from monitor.evidence.effects import scatter
from monitor.evidence.grid import KAPPA, KAPPAS, memory
from monitor.evidence.layout import BoolArray, flatten
from monitor.evidence.reference import MOST_SILENT, Reference, known
from monitor.evidence.types import FloatArray, IntArray, Observation


@dataclass(frozen=True, slots=True)
class Merged:
    """The last s windows for one or more s; arrays have shape (n_scales, n_contrasts)."""

    scales: tuple[int, ...]
    value: FloatArray
    expected: FloatArray  #: what the reference leads to expect of `value`
    rows: FloatArray
    hits: FloatArray
    sampling: FloatArray  #: sampling variance of `value`
    scatter: FloatArray  #: by how much rows scatter more at this place of the calendar
    memory: FloatArray  #: see `grid.memory`, shape (n_scales, n_contrasts, n_phis)
    row: FloatArray  #: design row of the merged windows on average, shape (n_scales, rank)
    said: BoolArray  #: whether there is anything to judge

    @property
    def excess(self) -> FloatArray:
        """Value minus expectation."""
        return self.value - self.expected

    @property
    def shares(self) -> FloatArray:
        """Judged shares; 0 where a contrast is no share."""
        return self.hits / np.maximum(self.rows, 1.0)


def merge(
    reference: Reference,
    recent: Sequence[Observation],
    scales: Sequence[int],
) -> Merged:
    """The last s windows together, for each s in `scales` (each <= len(recent))."""
    table, layout = reference.contrasts, reference.layout
    recent = recent[len(recent) - max(scales, default=0) :]
    counts, missing, _ = flatten(layout, recent)
    filled = layout.per_series(counts)
    back = [slice(len(recent) - s, None) for s in scales]
    of_series = table.take(table.kind != SCALAR)
    design = _rows(reference, recent)
    each = evaluate(of_series, layout, counts, missing)
    each = replace(each, location=each.location - _usual_location(reference, of_series, design))
    source = of_series.column + np.where(of_series.kind == MISSING, len(layout.series), 0)
    amounts = np.concatenate([filled, filled + missing], axis=1)
    weights = [_weights(amounts[one]) for one in back]
    remembered = np.stack([memory(one.T)[source] for one in weights])
    mean = [_mean(of_series, each, one, w[:, source]) for one, w in zip(back, weights, strict=True)]
    summed = {
        name: np.stack([getattr(each, name)[one].sum(axis=0) for one in back])
        for name in ("rows", "hits")
    }
    numbers = _merge_scalars(reference, recent, back)
    value = np.concatenate([np.stack([one for one, _ in mean]), numbers[0]], axis=1)
    rows = np.concatenate([summed["rows"], numbers[1]], axis=1)
    each_weight = [
        np.concatenate([own[:, source], scalar], axis=1)
        for own, scalar in zip(weights, numbers[4], strict=True)
    ]
    places = np.stack([w.T @ design[one] for w, one in zip(each_weight, back, strict=True)])
    said = (rows > 0) & known(reference)
    said[:, : len(source)] &= np.stack([speaks for _, speaks in mean])
    expected = (places * reference.coefficients).sum(axis=2)
    wider = scatter(reference, expected)
    sampling = wider * table.design_effect / np.maximum(rows, 1.0)
    sampling[:, len(source) :] = numbers[2]
    return Merged(
        scales=tuple(scales),
        value=value,
        expected=expected,
        rows=rows,
        hits=np.concatenate([summed["hits"], np.zeros_like(numbers[0])], axis=1),
        sampling=sampling,
        scatter=wider,
        memory=np.concatenate([remembered, numbers[3]], axis=1),
        row=places.mean(axis=1) if places.shape[1] else np.zeros((len(back), design.shape[1])),
        said=said,
    )


def _usual_location(reference: Reference, of_series: Contrasts, design: FloatArray) -> FloatArray:
    """The location that the calendar leads to expect of each contrast's column in each window.

    Shape (n_windows, n_contrasts); 0 where nothing is known of the calendar.
    """
    if design.shape[1] == 1:
        return np.zeros((len(design), len(of_series.kind)))
    own = np.flatnonzero(of_series.kind == LOCATION)
    by_column = np.zeros((len(reference.layout.series), design.shape[1]))
    by_column[of_series.column[own]] = reference.coefficients[own]
    result: FloatArray = design @ by_column[of_series.column].T
    return result


def _mean(
    of_series: Contrasts, each: Values, back: slice, weights: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Mean contrast of some windows, and whether enough of them speak of it.

    For contrasts that are linear in the shares this is the contrast of the added counts. The
    others (scale, log-odds) would see the ordinary differences between windows as a change.
    """
    quiet = silent(of_series, each.location[back])
    kept = 1 - (weights * quiet).sum(axis=0)
    value = (weights * np.where(quiet, 0.0, each.value[back])).sum(axis=0)
    return value / np.sqrt(np.maximum(kept, 1e-9)), kept >= 1 - MOST_SILENT


def _weights(amounts: FloatArray) -> FloatArray:
    """Each column divided by its sum; all weight on the last window where that is 0."""
    total = amounts.sum(axis=0)
    weights = amounts / np.where(total > 0, total, 1.0)
    weights[-1, total <= 0] = 1.0
    return weights


def _merge_scalars(
    reference: Reference, recent: Sequence[Observation], back: Sequence[slice]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, list[FloatArray]]:
    """Means of the scalars by precision: value, windows, sampling variance, memory, weights."""
    names = [one.name for one in reference.scalars]
    absent = (np.nan, np.nan)
    given = np.array([[one.scalars.get(name, absent) for name in names] for one in recent])
    given = given.reshape(len(recent), len(names), 2).astype(np.float64)
    scalar = reference.contrasts.kind == SCALAR
    least = 1e-6 * reference.sampling[scalar]
    has = np.isfinite(given).all(axis=2) & (np.nan_to_num(given[:, :, 1]) >= 0)
    value = np.where(has, given[:, :, 0] - reference.centre, 0.0)
    variance = np.maximum(np.where(has, given[:, :, 1], 1.0), least)
    precision = np.where(has, 1.0 / variance, 0.0)
    weights = [_weights(precision[one]) for one in back]
    pairs = list(zip(weights, back, strict=True))
    return (
        np.stack([(weight * value[one]).sum(axis=0) for weight, one in pairs]),
        np.stack([has[one].sum(axis=0).astype(np.float64) for one in back]),
        np.stack([(weight**2 * variance[one]).sum(axis=0) for weight, one in pairs]),
        np.stack([memory(weight.T) for weight in weights]),
        weights,
    )


def _rows(reference: Reference, recent: Sequence[Observation]) -> FloatArray:
    """Design rows; a window that knows nothing of the calendar is taken as an average one."""
    wanted = reference.coefficients.shape[1] - 1
    rows = np.tile(reference.mean_row, (len(recent), 1))
    for row, one in zip(rows, recent, strict=True):
        if len(one.calendar) == wanted:
            row[1:] = one.calendar
        elif one.calendar:
            msg = f"a window knows {len(one.calendar)} numbers of the calendar, wanted {wanted}"
            raise ValueError(msg)
    return rows


def predictive(reference: Reference, merged: Merged, scale: int, some: IntArray) -> FloatArray:
    """Variance of the excess of some contrasts at one scale (an index), shape (n, CELLS)."""
    own = reference_errors(reference, merged.row[scale], some)
    varying = KAPPA * np.tile(merged.memory[scale, some], (1, len(KAPPAS)))
    sampling = merged.sampling[scale, some, None]
    unit = (reference.sampling * merged.scatter[scale])[some, None]
    result: FloatArray = sampling + unit * (varying + own)
    return result


def reference_errors(reference: Reference, row: FloatArray, some: IntArray) -> FloatArray:
    """Error of what the reference leads to expect, in units of v0, shape (n, CELLS)."""
    if not len(reference.errors):
        return np.zeros((len(some), len(KAPPA)))
    parts = np.einsum("i,pgij,j->pg", row, reference.errors, row)
    by_cell = parts[:, :1] + KAPPA * np.tile(parts[:, 1:], (1, len(KAPPAS)))
    result: FloatArray = by_cell[reference.pattern[some]]
    return result
