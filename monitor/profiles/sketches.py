"""Small summaries of many values: the least hashes, the heaviest levels, sparse counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import texts_of
from monitor.profiles.hashing import hash_array

IntArray = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
_I = TypeVar("_I", np.int64, np.uint64)

SKETCH_SIZE = 256  #: least hashes of levels, for the number of distinct ones
UNIQUE_SKETCH = 50_000  #: least hashes of values, for those that occur twice


def sparse(
    parts: Iterable[tuple[npt.NDArray[_I], IntArray]],
) -> tuple[npt.NDArray[_I], IntArray]:
    """Sparse counts added up: (codes ascending, counts)."""
    codes, counts = zip(*parts, strict=True)
    every = np.concatenate(codes)
    if not len(every):
        return every, np.concatenate(counts)
    order = np.argsort(every, kind="stable")
    every, total = every[order], np.concatenate(counts)[order]
    starts = np.flatnonzero(np.append(True, every[1:] != every[:-1]))
    return every[starts], np.add.reduceat(total, starts)


def heaviest(levels: Mapping[str, int], capacity: int) -> tuple[dict[str, int], int]:
    """At most `capacity` levels, and the rows of those that were given up.

    Misra & Gries 1982, mergeable form of Agarwal et al. 2013, but kept counts are not lowered:
    they stay lower bounds, and what a level lost stands in `other`.
    """
    if len(levels) <= capacity:
        return dict(levels), 0
    ranked = sorted(levels.items(), key=lambda item: (-item[1], item[0]))
    return dict(ranked[:capacity]), sum(count for _, count in ranked[capacity:])


def sketch_of(levels: Iterable[str]) -> Hashes:
    """Least hashes of the names of levels, ascending."""
    return least_distinct(hash_array(texts_of(list(levels), pa.string())), SKETCH_SIZE)


def least_distinct(hashes: Hashes, k: int) -> Hashes:
    """The k least distinct hashes, ascending; cheap where most are distinct."""
    if len(hashes) > 4 * k:
        some = np.sort(np.partition(hashes, 2 * k)[: 2 * k])
        distinct = some[np.append(True, some[1:] != some[:-1])]
        if len(distinct) >= k:
            return np.asarray(distinct[:k])
    every = np.sort(hashes)
    return every[np.append(True, every[1:] != every[:-1])][:k] if len(every) else every


def least_with(least: Hashes, more: Hashes, k: int) -> Hashes:
    """The k least distinct hashes of those in `least` (ascending, distinct) and of more."""
    if len(least) == k:
        more = more[more < least[-1]]
        if not len(more):
            return least
    # The sort that merges runs: both sides ascend already.
    every = np.sort(np.concatenate([least, least_distinct(more, k)]), kind="stable")
    return every[np.append(True, every[1:] != every[:-1])][:k] if len(every) else every


def distinct_levels(kept: int, other: int, sketch: Hashes) -> float:
    """Distinct levels: exact when none was given up, else from the k least hashes.

    (k - 1) / (k-th least hash in 0..1), Bar-Yossef et al. 2002; relative error 1/sqrt(k - 2).
    """
    if other == 0 or len(sketch) < SKETCH_SIZE:
        return float(max(kept, len(sketch)))
    return max(float(kept), (SKETCH_SIZE - 1) / (float(sketch[-1]) / 2.0**64))


def bottom_values(hashes: Hashes, weights: IntArray) -> tuple[Hashes, IntArray]:
    """The least distinct hashes, ascending, and the summed weights of each."""
    distinct, total = sparse([(hashes, weights)])
    return distinct[:UNIQUE_SKETCH], total[:UNIQUE_SKETCH]


def repeated(weights: IntArray, checked: int) -> int:
    """Rows that share their value with another: exact while the sketch holds all values."""
    rows = int(weights.sum())
    return round(int(weights[weights > 1].sum()) / rows * checked) if rows else 0


def bottom(
    hashes: Hashes,
    contents: Hashes,
    weights: IntArray,
    k: int,
) -> tuple[IntArray, IntArray]:
    """Positions of the k least distinct (hash, content), ascending, and their summed weights."""
    order = np.lexsort((contents, hashes))
    if not len(order):
        return order, weights
    h, c = hashes[order], contents[order]
    first = np.append(True, (h[1:] != h[:-1]) | (c[1:] != c[:-1]))
    starts = np.flatnonzero(first)
    return order[starts][:k], np.add.reduceat(weights[order], starts)[:k]
