"""Two feature matrices made comparable: no gaps, no infinities, no idle columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.curation.rows import BoolArray, FloatArray, IntArray

#: Standardised values beyond this tell no more; squares of larger ones could overflow.
LIMIT = 1e3
MAX_INDICATORS = 64


@dataclass(frozen=True)
class Matrices:
    """Candidates and reference over the same finite columns."""

    candidates: FloatArray  #: (n_c, p)
    reference: FloatArray  #: (n_r, p)
    source: IntArray  #: (p,) which of the given columns each column was made from
    blank: BoolArray  #: (n_c,) candidates of which nothing is known, all their features gaps


def comparable(candidates: FloatArray, reference: FloatArray) -> Matrices:
    """Impute, mark what was imputed, and drop columns that are the same for every row.

    A gap (NaN or infinite) takes the column's mean over the reference (over the candidates, where
    the reference has no value; 0, where nobody has). Each different pattern of gaps becomes one
    0/1 column, so that "missing" itself can drift; at most `MAX_INDICATORS`, the largest first.

    Parameters
    ----------
    candidates, reference : array, shapes (n_c, d) and (n_r, d)

    Raises
    ------
    ValueError
        When the two have different columns.
    """
    if candidates.shape[1] != reference.shape[1]:
        msg = f"candidates have {candidates.shape[1]} features, the reference {reference.shape[1]}"
        raise ValueError(msg)
    split, width = candidates.shape[0], candidates.shape[1]
    stacked = np.vstack([candidates, reference]).astype(np.float64)
    gaps = ~np.isfinite(stacked)
    stacked[gaps] = np.nan
    np.clip(stacked, -LIMIT, LIMIT, out=stacked)
    fill = _column_means(stacked[split:])
    fill = np.where(np.isnan(fill), _column_means(stacked[:split]), fill)
    stacked = np.where(gaps, np.nan_to_num(fill), stacked)
    marks = _patterns(gaps)
    stacked = np.hstack([stacked, gaps[:, marks].astype(np.float64)])
    source = np.concatenate([np.arange(width, dtype=np.intp), marks])
    lively = np.ptp(stacked, axis=0) > 0 if len(stacked) else np.zeros(len(source), dtype=bool)
    stacked = np.ascontiguousarray(stacked[:, lively])
    blank: BoolArray = np.all(gaps[:split], axis=1)
    return Matrices(stacked[:split], stacked[split:], source[lively], blank)


def _column_means(values: FloatArray) -> FloatArray:
    present = np.isfinite(values)
    counts = present.sum(axis=0)
    sums = np.where(present, values, 0.0).sum(axis=0)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _patterns(gaps: BoolArray) -> IntArray:
    """First column of each different pattern of gaps."""
    counts = gaps.sum(axis=0)
    some = np.flatnonzero((counts > 0) & (counts < len(gaps)))
    if not len(some):
        return some
    packed = np.packbits(gaps[:, some], axis=0)
    _, first = np.unique(packed, axis=1, return_index=True)
    marks = some[np.sort(first)]
    largest = np.argsort(-counts[marks], kind="stable")[:MAX_INDICATORS]
    return marks[np.sort(largest)]
