"""Copies: rows so near to each other that one label serves for all; and rows that are nearly so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
    crowds: IntArray  #: (n_units,) units that are nearly copies of each, itself included

    @classmethod
    def from_labels(cls, labels: IntArray) -> Units:
        """Units in the order of their first rows, from any labelling of the rows."""
        _, heads, inverse, sizes = np.unique(
            labels, return_index=True, return_inverse=True, return_counts=True
        )
        order = np.argsort(heads)
        rank = np.empty(len(order), dtype=np.intp)
        rank[order] = np.arange(len(order))
        alone = np.ones(len(order), dtype=np.intp)
        return cls(rank[inverse.reshape(-1)], heads[order], sizes[order], alone)

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

    Units that lie within the 1 % quantile itself are nearly copies: their labels may differ, so
    they stay apart, and the number of them is kept (at most 16 beside the unit).

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
    pairs = _pairs(candidates[first], radius / SHARE)
    label = label.reshape(-1)
    labels = _joined(pairs, radius, len(first))[label]
    if apart is not None:
        labels = np.where(apart, rows + np.arange(rows), labels)
    units = Units.from_labels(labels)
    crowds = _crowds(pairs, units.of_row[first], len(units.heads))
    return replace(units, crowds=crowds)


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


class _Pairs(NamedTuple):
    """Points and their neighbours, with the distance between them."""

    left: IntArray
    right: IntArray
    distance: FloatArray


def _pairs(points: FloatArray, mark: float) -> _Pairs:
    """Each point with those of its nearest neighbours, at most 16, that lie within `mark`.

    Wide rows are searched along the directions of their largest spread. Such projections only
    shrink distances; what they bring together by chance is sorted out by the full distance.
    """
    count, none = len(points), np.empty(0, dtype=np.intp)
    if count < 2 or mark <= 0:
        return _Pairs(none, none, np.empty(0))
    narrow = points if points.shape[1] <= _PROJECTED else points @ _directions(points)
    search = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, count - 1)).fit(narrow)
    distance, near = search.kneighbors()
    left, place = np.nonzero(distance <= mark * (1 + 1e-9))
    right: IntArray = near[left, place].astype(np.intp)
    full: FloatArray = np.linalg.norm(points[left] - points[right], axis=1)
    real = full <= mark
    return _Pairs(left[real], right[real], full[real])


def _joined(pairs: _Pairs, radius: float, count: int) -> IntArray:
    """Components of the graph "nearer than radius"."""
    near = pairs.distance <= radius
    places = (pairs.left[near], pairs.right[near])
    graph: Any = coo_array((near[near], places), shape=(count, count))
    found: Any = connected_components(graph, directed=False)
    return np.asarray(found[1], dtype=np.intp)


def _crowds(pairs: _Pairs, unit: IntArray, count: int) -> IntArray:
    """Units within the mark of each, itself included; `unit` is that of each point."""
    left, right = unit[pairs.left], unit[pairs.right]
    other = left != right
    different = np.unique(np.column_stack([left[other], right[other]]), axis=0)
    crowds: IntArray = 1 + np.bincount(different[:, 0], minlength=count).astype(np.intp)
    return crowds


def _directions(points: FloatArray) -> FloatArray:
    """Orthonormal directions of the largest spread, (p, `_PROJECTED`)."""
    centred = points - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return vectors[:, -_PROJECTED:]
