"""Counting a categorical column, buffer by buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.profiles import merging
from monitor.profiles.blocks import SMALLEST, BlockSums
from monitor.profiles.hashing import hash_array
from monitor.profiles.levels import Levels
from monitor.profiles.types import BlockMoments, CategoricalProfile

IntArray = npt.NDArray[np.int64]

CAPACITY = 4096


class CategoricalCounter:
    """Counts the levels of one column; `frequent` levels get block moments."""

    def __init__(self, frequent: Sequence[str], capacity: int = CAPACITY) -> None:
        self.frequent = {name: at for at, name in enumerate(frequent)}
        self.capacity = capacity
        self.rows = self.nulls = self.other = 0
        self.counts: dict[str, int] = {}
        self.sketch = np.empty(0, np.uint64)
        self.blocks = BlockSums(len(frequent))
        self.missing_blocks = BlockSums(1)

    def add(self, levels: Levels) -> None:
        """Count one buffer."""
        self.rows += len(levels.positions)
        self.nulls += levels.nulls
        counts = np.bincount(levels.positions, minlength=len(levels.values) + 1)[:-1]
        seen = np.flatnonzero(counts)
        self._sketch(levels, seen)
        if len(seen) > self.capacity:
            heavy = np.argpartition(-counts[seen], self.capacity)[: self.capacity]
            self.other += int(counts[seen].sum() - counts[seen][heavy].sum())
            seen = np.sort(seen[heavy])
        names = levels.names(seen)
        for name, count in zip(names, counts[seen].tolist(), strict=True):
            self.counts[name] = self.counts.get(name, 0) + count
        if len(self.counts) > 2 * self.capacity:
            self._prune()
        self._add_blocks(levels, dict(zip(names, seen.tolist(), strict=True)))

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.add(Levels(np.zeros(rows, np.int64), pa.array([], pa.string()), rows))

    def _sketch(self, levels: Levels, seen: IntArray) -> None:
        """Least hashes of levels, once there are too many to keep them all."""
        if self.other == 0 and len(self.counts) + len(seen) <= self.capacity:
            return
        if not len(self.sketch):
            self.sketch = merging.sketch_of(self.counts)
        fresh = levels.values.take(pa.array(seen))
        if pa.types.is_string(fresh.type) or pa.types.is_large_string(fresh.type):
            hashes = hash_array(fresh)
        else:
            hashes = hash_array(pa.array(levels.names(seen), pa.string()))
        self.sketch = np.unique(np.concatenate([self.sketch, hashes]))[: merging.SKETCH_SIZE]

    def _prune(self) -> None:
        self.counts, lost = merging.heaviest(self.counts, self.capacity)
        self.other += lost

    def _add_blocks(self, levels: Levels, places: dict[str, int]) -> None:
        """Sums over blocks of 64 rows: of each frequent level, and of the missing."""
        width = len(self.frequent)
        component = np.full(len(levels.values) + 1, width, np.int64)
        component[-1] = width + 1
        for name, at in self.frequent.items():
            if name in places:
                component[places[name]] = at
        rows = len(levels.positions)
        whole = rows // SMALLEST
        index = component[levels.positions]
        total = np.bincount(index, minlength=width + 2)
        head = index[: whole * SMALLEST].reshape(whole, SMALLEST)
        head += (np.arange(whole) * (width + 2))[:, None]
        sums = np.bincount(head.ravel(), minlength=whole * (width + 2))
        sums = sums.reshape(whole, width + 2).astype(np.float64)
        self.blocks.add(rows, total[:width], total[:width], sums[:, :width])
        self.missing_blocks.add(rows, total[-1:], total[-1:], sums[:, -1:])

    def result(self) -> CategoricalProfile:
        """The profile of all that was added."""
        self._prune()
        return CategoricalProfile(
            rows=self.rows,
            nulls=self.nulls,
            levels=dict(sorted(self.counts.items())),
            other=self.other,
            distinct=merging.distinct_levels(len(self.counts), self.other, self.sketch),
            blocks=BlockMoments.of(self.blocks),
            missing_blocks=BlockMoments.of(self.missing_blocks),
            capacity=self.capacity,
            sketch=self.sketch,
        )


class PresenceCounter:
    """Counts only what is missing: of texts, embeddings and row keys."""

    def __init__(self) -> None:
        self.rows = self.nulls = 0
        self.missing_blocks = BlockSums(1)

    def add(self, missing: npt.NDArray[np.bool_]) -> None:
        """Count one buffer; True where a row has no value."""
        self.rows += len(missing)
        self.nulls += int(np.count_nonzero(missing))
        self.missing_blocks.add_mask(missing, len(missing))

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.add(np.ones(rows, bool))

    def result(self) -> CategoricalProfile:
        """A profile without levels; `distinct` is NaN."""
        return CategoricalProfile(
            rows=self.rows,
            nulls=self.nulls,
            levels={},
            other=self.rows - self.nulls,
            distinct=math.nan,
            blocks=BlockMoments.of(BlockSums(0)),
            missing_blocks=BlockMoments.of(self.missing_blocks),
        )
