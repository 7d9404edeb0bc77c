"""All bins of all series in one flat row, so that the same few products judge every column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from monitor.core.errors import ProfileError
from monitor.evidence.types import FloatArray, IntArray, Observation, Series

BoolArray = npt.NDArray[np.bool_]

#: A direction whose norm is below this is a combination of the lower ones (few atoms).
DEGENERATE = 1e-6


def orthonormal_scores(counts: FloatArray) -> FloatArray:
    """Location, scale and skewness scores of the bins of one numeric column.

    Parameters
    ----------
    counts : array, shape (n_bins,)
        Rows of the reference in each bin, in the order of the values.

    Returns
    -------
    array, shape (3, n_bins)
        The normal scores of the bins' mid-ranks, their square and their cube, each made
        orthonormal to 1 and to the rows above under the reference shares. A row is all zeros
        where it does not exist: a constant has no location, two atoms have no scale.
        Empty bins beyond the filled ones take the score of the nearest filled bin.
    """
    scores = np.zeros((3, len(counts)))
    total = counts.sum()
    filled = counts > 0
    if total == 0 or filled.sum() < 2:
        return scores
    share = counts / total
    ranks = np.cumsum(share) - share / 2
    normal = ndtri(np.clip(ranks, 0.25 / total, 1 - 0.25 / total))
    normal = np.clip(normal, normal[filled].min(), normal[filled].max())
    basis = [np.ones_like(normal)]
    for row in range(3):
        power = normal ** (row + 1)
        residual = power.copy()
        for _ in range(2):  # twice is enough (Kahan)
            for direction in basis:
                residual -= (share * residual * direction).sum() * direction
        norm = float(np.sqrt((share * residual**2).sum()))
        if norm <= DEGENERATE * max(1.0, float(np.sqrt((share * power**2).sum()))):
            break
        scores[row] = residual / norm
        basis.append(scores[row])
    return scores


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each series has its bins in the flat row, and what the reference has there."""

    series: tuple[Series, ...]
    starts: IntArray  #: first bin of each series, shape (n_series,)
    owner: IntArray  #: series of each bin, shape (n_bins,)
    pooled: FloatArray  #: rows of the whole reference in each bin, shape (n_bins,)
    missing: FloatArray  #: missing rows of the whole reference, shape (n_series,)
    scores: FloatArray  #: see `orthonormal_scores`; zeros for categories, shape (3, n_bins)

    @property
    def rows(self) -> FloatArray:
        """Reference rows with a value, shape (n_series,)."""
        return self.per_series(self.pooled)

    @property
    def share(self) -> FloatArray:
        """Reference shares among the rows with a value, shape (n_bins,); 0 where there are none."""
        return self.pooled / np.maximum(self.rows, 1.0)[self.owner]

    @property
    def outermost(self) -> BoolArray:
        """The first and the last filled bin of each series, and all beyond them."""
        filled = self.pooled > 0
        seen = np.cumsum(filled)
        before = np.concatenate([np.zeros(1, dtype=seen.dtype), seen])
        own = seen - before[self.starts][self.owner]
        whole = self.per_series(filled.astype(np.float64))[self.owner]
        result: BoolArray = (own - filled == 0) | (own == whole)
        return result

    def per_series(self, values: FloatArray) -> FloatArray:
        """Sums over the bins of each series: shape (..., n_bins) to (..., n_series)."""
        if not len(self.starts):
            return np.zeros((*values.shape[:-1], 0))
        return np.add.reduceat(values, self.starts, axis=-1)


def empty_layout(series: Sequence[Series]) -> Layout:
    """The places of the bins, with no rows in the reference yet."""
    widths = np.array([max(1, len(one.labels)) for one in series], dtype=np.int64)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(widths)[:-1]])[: len(widths)]
    bins = int(widths.sum())
    return Layout(
        series=tuple(series),
        starts=starts,
        owner=np.repeat(np.arange(len(widths), dtype=np.int64), widths),
        pooled=np.zeros(bins),
        missing=np.zeros(len(widths)),
        scores=np.zeros((3, bins)),
    )


def layout_of(series: Sequence[Series], counts: FloatArray, missing: FloatArray) -> Layout:
    """The layout of a reference with pooled `counts` (n_bins,) and `missing` (n_series,)."""
    places = empty_layout(series)
    scores = np.zeros((3, len(counts)))
    for one, start in zip(places.series, places.starts, strict=True):
        if one.kind == "numeric" and one.labels:
            cells = slice(int(start), int(start) + len(one.labels))
            scores[:, cells] = orthonormal_scores(counts[cells])
    return Layout(places.series, places.starts, places.owner, counts, missing, scores)


def flatten(
    layout: Layout, windows: Sequence[Observation]
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Counts of the windows in the layout's order.

    Returns
    -------
    counts : array, shape (n_windows, n_bins)
    missing : array, shape (n_windows, n_series)
    present : boolean array, shape (n_windows, n_series)
        Whether the window names the series at all; where not, its counts are 0.

    Raises
    ------
    ProfileError
        If a window has another number of bins than the series has labels.
    """
    counts = np.zeros((len(windows), len(layout.pooled)))
    missing = np.zeros((len(windows), len(layout.series)))
    present = np.zeros(missing.shape, dtype=np.bool_)
    for column, (one, start) in enumerate(zip(layout.series, layout.starts, strict=True)):
        width = len(one.labels)
        for row, window in enumerate(windows):
            values = window.counts.get(one.name)
            if values is None:
                continue
            if len(values) != width + 1:
                msg = (
                    f"Column {one.name!r} has {len(values) - 1} bins in this window, but {width} "
                    "in its reference. Build both with the codebook of the reference."
                )
                raise ProfileError(msg)
            counts[row, start : start + width] = values[:-1]
            missing[row, column] = values[-1]
            present[row, column] = True
    return counts, missing, present
