"""How likely each contrast of the merged recent windows is if nothing has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.evidence import tails
from monitor.evidence.contrasts import MISSING, SCALAR, Contrasts, Values, evaluate, silent
from monitor.evidence.effects import sides, totals
from monitor.evidence.grid import KAPPA, KAPPAS, PHIS, memory
from monitor.evidence.layout import BoolArray, flatten
from monitor.evidence.reference import MOST_SILENT, Reference, known
from monitor.evidence.types import FloatArray, IntArray, Observation

#: Shares with fewer (effective) rows than this, in window or reference, get a binomial tail.
RARE = 50.0
#: Above this p nothing is decided, and the costly tail is left out.
INTERESTING = 0.05


@dataclass(frozen=True, slots=True)
class Merged:
    """The last s windows for one or more s; arrays have shape (n_scales, n_contrasts)."""

    scales: tuple[int, ...]
    value: FloatArray
    expected: FloatArray  #: what the reference leads to expect of `value`
    rows: FloatArray
    hits: FloatArray
    sampling: FloatArray  #: sampling variance of `value`
    memory: FloatArray  #: see `grid.memory`, shape (n_scales, n_contrasts, n_phis)
    row: FloatArray  #: design row of the merged windows, shape (n_scales, rank)
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
    calendar: npt.NDArray[np.float64] | None = None,
) -> Merged:
    """The last s windows together, for each s in `scales` (each <= len(recent))."""
    table, layout = reference.contrasts, reference.layout
    counts, missing, _ = flatten(layout, recent)
    filled = layout.per_series(counts)
    back = [slice(len(recent) - s, None) for s in scales]
    of_series = table.take(table.kind != SCALAR)
    each = evaluate(of_series, layout, counts, missing)
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
    design = _rows(reference, len(recent), calendar)
    row = np.stack([design[one].mean(axis=0) for one in back])
    said = (rows > 0) & known(reference)
    said[:, : len(source)] &= np.stack([speaks for _, speaks in mean])
    sampling = table.design_effect / np.maximum(rows, 1.0)
    sampling[:, len(source) :] = numbers[2]
    return Merged(
        scales=tuple(scales),
        value=value,
        expected=row @ reference.coefficients.T,
        rows=rows,
        hits=np.concatenate([summed["hits"], np.zeros_like(numbers[0])], axis=1),
        sampling=sampling,
        memory=np.concatenate([remembered, numbers[3]], axis=1),
        row=row,
        said=said,
    )


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
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Precision-weighted means of the scalars: value, windows, sampling variance, memory."""
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
    )


def _rows(
    reference: Reference, windows: int, calendar: npt.NDArray[np.float64] | None
) -> FloatArray:
    rank = reference.coefficients.shape[1]
    if calendar is None:
        return np.tile(reference.mean_row, (windows, 1))
    if calendar.shape != (windows, rank - 1):
        msg = f"calendar has shape {calendar.shape}, wanted {(windows, rank - 1)}"
        raise ValueError(msg)
    return np.concatenate([np.ones((windows, 1)), calendar], axis=1)


def predictive(reference: Reference, merged: Merged, scale: int) -> FloatArray:
    """Variance of the excess at one scale (an index) in each cell, shape (n_contrasts, CELLS)."""
    row = merged.row[scale]
    error = np.einsum("i,pgij,j->pg", row, reference.errors, row)
    own = error[reference.pattern] if len(error) else np.zeros_like(reference.weights)
    varying = KAPPA * np.tile(merged.memory[scale], (1, len(KAPPAS)))
    result: FloatArray = merged.sampling[scale][:, None] + reference.sampling[:, None] * (
        varying + own
    )
    return result


def p_values(reference: Reference, merged: Merged) -> FloatArray:
    """P of each contrast at each scale, shape (n_scales, n_contrasts); 1 where nothing is said."""
    side = sides(reference)
    result = np.ones_like(merged.value)
    for scale in range(len(merged.scales)):
        at = np.flatnonzero(merged.said[scale])
        if not len(at):
            continue
        one_sided = _tail(reference, merged, scale, at)
        sign = np.sign(merged.excess[scale, at])
        directed = np.where(sign == side[at], one_sided, 1.0)
        result[scale, at] = np.where(side[at] == 0, np.minimum(1.0, 2 * one_sided), directed)
    return result


def _tail(reference: Reference, merged: Merged, scale: int, at: IntArray) -> FloatArray:
    """The larger of the tails that apply, one-sided."""
    variance = predictive(reference, merged, scale)[at]
    weights = reference.weights[at]
    excess = merged.excess[scale, at]
    result = tails.normal_mixture(excess, variance, weights)
    near = np.flatnonzero(result < INTERESTING)
    if not len(near):
        return result
    other = _other_tail(reference, merged, scale, at[near], variance[near])
    result[near] = np.maximum(result[near], other)
    return result


def _other_tail(
    reference: Reference, merged: Merged, scale: int, at: IntArray, variance: FloatArray
) -> FloatArray:
    table = reference.contrasts
    weights = reference.weights[at]
    delta = table.design_effect[at]
    hits0, rows0 = (one[at] for one in totals(reference))
    rows = merged.rows[scale, at]
    typical = np.exp((weights * np.log(variance)).sum(axis=1))
    ideal = 1 / rows + 1 / np.maximum(rows0, 1.0)
    heavier = 2 - 1 / delta
    inflation = np.maximum(1.0, variance / ideal[:, None]) * heavier[:, None]
    usual = np.maximum(1.0, typical / ideal) * heavier
    share = np.nan_to_num(table.share[at])
    rare = table.is_share[at] & (np.minimum(rows, rows0) * share / usual < RARE)
    result = np.zeros(len(at))
    some = np.flatnonzero(rare)
    if len(some):
        result[some] = tails.conditional_binomial(
            merged.hits[scale, at[some]],
            rows[some],
            (hits0[some], rows0[some]),
            inflation[some],
            weights[some],
        )
    scaled = merged.excess[scale, at] / np.sqrt(typical)
    of_rows, *of_windows = _skewness(reference, merged, scale, at, typical)
    of_rows = np.where(rare, 0.0, of_rows)  # the binomial has it
    for more in (np.zeros(len(at)), *of_windows):
        result = np.maximum(result, tails.pearson3(scaled, of_rows + more))
    return result


def _skewness(
    reference: Reference, merged: Merged, scale: int, at: IntArray, typical: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Skewness of the predicted mean, from the rows, and from the windows in two ways.

    How windows lean is seen in the reference. And where they vary by factors (shares tilted by
    exp(b c), b normal with variance tau^2), a linear contrast c of skewness gamma leans by
    3 gamma tau; log-odds do not. All have the shape of `at`.
    """
    table = reference.contrasts
    delta = table.design_effect[at]
    own = np.minimum(1.0, merged.sampling[scale, at] / typical)
    of_rows = table.skewness[at] / np.sqrt(merged.rows[scale, at]) * np.sqrt(delta)
    of_rows = of_rows * (2 - 1 / delta) * own**1.5
    weights = reference.weights[at].reshape(len(at), len(KAPPAS), len(PHIS)).sum(axis=1)
    shared = (weights * merged.memory[scale, at]).sum(axis=1)
    seen = reference.leaning[at] * shared**2 / typical**1.5
    factors = 3 * table.skewness[at] * np.sqrt(typical) * (1 - own) ** 2
    return of_rows, seen, np.where(table.logit[at], 0.0, factors)
