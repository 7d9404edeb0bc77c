"""Histograms that people can read, from the fine counts of two profiles."""

from __future__ import annotations

import numpy as np

from monitor.checks.customary import representatives
from monitor.checks.judged import Fold
from monitor.profiles.bins import compact
from monitor.profiles.codebook import Codebook, aligned
from monitor.profiles.types import CategoricalProfile, ColumnProfile, NumericProfile
from reports.view import Bins

_BARS = 24
_FEW_VALUES = 12  #: so few distinct values are drawn one by one


def chart(
    old: ColumnProfile | None, new: ColumnProfile | None, fold: Fold | None, book: Codebook | None
) -> Bins | None:
    """Both histograms over the same bins; None where there is nothing to draw."""
    if old is None or new is None or old.present == 0 or new.present == 0:
        return None
    numeric = isinstance(old, NumericProfile) and isinstance(new, NumericProfile)
    if numeric and book is not None and old.codebook_id == new.codebook_id:  # type: ignore[union-attr]
        return _numeric(old, new, book)  # type: ignore[arg-type]
    if fold is None or not isinstance(new, type(old)):
        return None
    before, after = fold.fold(old)[:-1], fold.fold(new)[:-1]
    labels = fold.labels
    if isinstance(old, CategoricalProfile) and before[-1] == after[-1] == 0:
        labels, before, after = labels[:-1], before[:-1], after[:-1]
    if len(labels) < 2 and not isinstance(old, CategoricalProfile):
        return None
    return Bins(labels=labels, reference=_shares(before), current=_shares(after))


def _numeric(old: NumericProfile, new: NumericProfile, book: Codebook) -> Bins | None:
    codes, before, after = aligned(old, new)
    values = representatives(book, codes, old, new)
    kept = before > 0
    if np.count_nonzero(kept) <= _FEW_VALUES:
        return _values(values, before, after)
    low, high = _span(values, before, after)
    if not low < high:
        return _values(values, before, after)
    edges = np.linspace(low, high, _BARS + 1)
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, _BARS - 1)
    counts = np.zeros((2, _BARS))
    np.add.at(counts[0], at, before)
    np.add.at(counts[1], at, after)
    labels = tuple(
        f"{compact(left)} … {compact(right)}"
        for left, right in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    )
    return Bins(
        labels=labels,
        reference=_shares(counts[0]),
        current=_shares(counts[1]),
        edges=tuple(edges.tolist()),
    )


def _span(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    before: np.ndarray[tuple[int], np.dtype[np.int64]],
    after: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> tuple[float, float]:
    """The central 99 % of both, a little wider.

    The window may stretch it by the width of the reference on either side, so that a change of
    unit does not squeeze the reference into one bar.
    """
    low, high = _central(values, before)
    now_low, now_high = _central(values, after)
    width = high - low
    if width > 0:
        low, high = min(low, max(now_low, low - width)), max(high, min(now_high, high + width))
    margin = 0.02 * (high - low)
    return low - margin, high + margin


def _central(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    counts: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> tuple[float, float]:
    share = np.cumsum(counts) / counts.sum()
    low = float(values[np.searchsorted(share, 0.005)])
    high = float(values[min(int(np.searchsorted(share, 0.995)), len(values) - 1)])
    return low, high


def _values(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    before: np.ndarray[tuple[int], np.dtype[np.int64]],
    after: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> Bins:
    """A bar for each of the most frequent values, in their order."""
    most = np.sort(np.argsort(-(before / before.sum() + after / after.sum()))[:_BARS])
    labels = tuple(compact(float(value)) for value in values[most])
    return Bins(
        labels=labels,
        reference=tuple((before[most] / before.sum()).tolist()),
        current=tuple((after[most] / after.sum()).tolist()),
    )


def _shares(counts: np.ndarray[tuple[int], np.dtype[np.generic]]) -> tuple[float, ...]:
    total = counts.astype(np.float64).sum()
    shares = counts.astype(np.float64) / total if total else counts.astype(np.float64)
    return tuple(shares.tolist())
