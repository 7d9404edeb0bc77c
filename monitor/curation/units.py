"""Copies: rows that are so near to each other that one label serves for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import NearestNeighbors

from monitor.curation.rows import BoolArray, FloatArray, IntArray

#: A copy lies within this share of the `QUANTILE` of the reference's nearest-neighbour distances.
SHARE, QUANTILE = 0.25, 0.01
#: Where more reference rows than this have an exact twin, equal features are no sign of a copy.
MAX_TWINS = 0.2
MAX_QUERIES, MAX_REFERENCE = 1_000, 20_000
_NEIGHBOURS, _PROJECTED = 16, 64
#: Rounding of float32 features, relative to their standard deviation of 1.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Units:
    """Rows grouped into units of copies; a row without copies is a unit of its own."""

    of_row: IntArray  #: (n,) unit of each row, numbered by their first row
    heads: IntArray  #: (n_units,) first row of each unit
    sizes: IntArray  #: (n_units,) rows of each unit

    @classmethod
    def from_labels(cls, labels: IntArray) -> Units:
        """Units in the order of their first rows, from any labelling of the rows."""
        _, heads, inverse, sizes = np.unique(
            labels, return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(heads)
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order))
        return cls(rank[inverse.reshape(-1)], heads[order], sizes[order])

    def members(self, unit: int) -> IntArray:
        """Rows of one unit."""
        return np.flatnonzero(self.of_row == unit)


def copies(
    candidates: FloatArray, reference: FloatArray, *, apart: BoolArray | None = None
) -> Units:
    """Group the candidates into units of copies.

    Two rows are copies when they lie within ¼ of the 1 % quantile of the (non-zero)
    nearest-neighbour distances in the reference; chains of copies are one unit. Without a
    reference only equal rows are copies. Where twins are ordinary in the reference itself (few
    columns with few levels), or nothing tells rows apart, each row stays for itself.

    Parameters
    ----------
    candidates, reference : array, shapes (n, p) and (n_r, p), finite
    apart : array of bool, shape (n,), optional
        Rows that are no copies of anything: those of which nothing is known.
    """
    rows = len(candidates)
    alone = Units.from_labels(np.arange(rows, dtype=np.intp))
    if rows < 2 or candidates.shape[1] == 0:
        return alone
    radius = copy_radius(reference)
    if radius is None:
        return alone
    _, first, label = np.unique(
        np.round(candidates / _ROUNDING), axis=0, return_index=True, return_inverse=True
    )
    joined = _join(candidates[first], radius)
    labels = joined[label.reshape(-1)]
    if apart is not None:
        labels = np.where(apart, rows + np.arange(rows), labels)
    return Units.from_labels(labels)


def copy_radius(reference: FloatArray) -> float | None:
    """Distance up to which two rows are copies; None where twins are ordinary.

    Measured on at most `MAX_QUERIES` rows, evenly spaced, against at most `MAX_REFERENCE`.
    """
    if len(reference) < 2:
        return 0.0
    searched = reference[:: -(-len(reference) // MAX_REFERENCE)]
    queries = searched[:: -(-len(searched) // MAX_QUERIES)]
    tree = NearestNeighbors(n_neighbors=2).fit(searched)
    nearest = tree.kneighbors(queries)[0][:, 1]
    apart = nearest > _ROUNDING * np.sqrt(reference.shape[1])
    if 1 - apart.mean() > MAX_TWINS:
        return None
    return SHARE * float(np.quantile(nearest[apart], QUANTILE))


def _join(points: FloatArray, radius: float) -> IntArray:
    """Components of the graph "nearer than radius", over a few neighbours of each point.

    Wide rows are searched along the directions of their largest spread. Such projections only
    shrink distances; what they bring together by chance is sorted out by the full distance.
    """
    count = len(points)
    if count < 2 or radius <= 0:
        return np.arange(count, dtype=np.intp)
    narrow = points if points.shape[1] <= _PROJECTED else points @ _directions(points)
    search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, count - 1)).fit(narrow)
    distance, near = search.kneighbors()
    left, place = np.nonzero(distance <= radius * (1 + 1e-9))
    right: IntArray = near[left, place].astype(np.intp)
    real = np.linalg.norm(points[left] - points[right], axis=1) <= radius
    graph = coo_array((real[real], (left[real], right[real])), shape=(count, count))
    found: Any = connected_components(graph, directed=False)
    return np.asarray(found[1], dtype=np.intp)


def _directions(points: FloatArray) -> FloatArray:
    """Orthonormal directions of the largest spread, (p, `_PROJECTED`)."""
    centred = points - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return vectors[:, -_PROJECTED:]
