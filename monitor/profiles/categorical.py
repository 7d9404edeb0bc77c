"""Counting a categorical column, buffer by buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import array_of, filled, texts_of
from monitor.profiles import sketches
from monitor.profiles.blocks import SMALLEST, BlockSums
from monitor.profiles.hashing import hash_array
from monitor.profiles.levels import Levels
from monitor.profiles.scratch import scratch
from monitor.profiles.types import BlockMoments, CategoricalProfile

IntArray = npt.NDArray[np.int64]

CAPACITY = 4096
_DIRECT = 1000  #: levels that are looked up one by one


@dataclass(slots=True)
class _Run:
    """Buffers that share their distinct values (a dictionary lasts for a whole row group)."""

    values: pa.Array
    counts: IntArray  #: shape (n_values,)
    component: IntArray  #: shape (n_values + 1,), frequent level of each value
    alone: bool  #: each value is a frequent level of its own


class CategoricalCounter:
    """Counts the levels of one column; `frequent` levels get block moments."""

    def __init__(self, frequent: Sequence[str], capacity: int = CAPACITY) -> None:
        self.frequent = {name: at for at, name in enumerate(frequent)}
        self.capacity = capacity
        self.rows = self.nulls = self.other = 0
        self.counts: dict[str, int] = {}
        self.sketch = np.empty(0, np.uint64)
        self.run: _Run | None = None
        self.blocks = BlockSums(len(frequent))
        self.missing_blocks = BlockSums(1)

    def add(self, levels: Levels) -> None:
        """Count one buffer."""
        self.rows += len(levels.positions)
        self.nulls += levels.nulls
        run = self.run
        if run is None or not run.values.equals(levels.values):
            self._settle()
            run = self.run = self._start(levels)
        positions = scratch.get("positions", np.int64, len(levels.positions))
        np.copyto(positions, levels.positions)
        total = self._add_blocks(positions, run.component)
        if run.alone:  # the blocks have counted them already
            run.counts += total[run.component[:-1]]
        else:
            run.counts += np.bincount(positions, minlength=len(run.counts) + 1)[:-1]

    def _start(self, levels: Levels) -> _Run:
        width = len(self.frequent)
        component = np.full(len(levels.values) + 1, width, np.int64)
        component[-1] = width + 1
        if len(levels.values) <= _DIRECT:
            for at, name in enumerate(levels.names()):
                component[at] = self.frequent.get(name, width)
        else:
            texts = levels.values
            if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
                texts = texts_of(levels.names())
            known = texts_of(list(self.frequent), texts.type)
            component[:-1] = filled(pc.index_in(texts, value_set=known), width)
        own = component[:-1]
        alone = len(own) <= width and len(set(own.tolist()) - {width}) == len(own)
        return _Run(levels.values, np.zeros(len(own), np.int64), component, alone)

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.add(Levels(np.zeros(rows, np.int64), texts_of([], pa.string()), rows))

    def _settle(self) -> None:
        """Turn the run's counts into counts of names."""
        run, self.run = self.run, None
        if run is None:
            return
        seen, counts = np.flatnonzero(run.counts), run.counts
        levels = Levels(seen, run.values, 0)
        self._sketch(levels, seen)
        if len(seen) > self.capacity:
            heavy = np.argpartition(-counts[seen], self.capacity)[: self.capacity]
            self.other += int(counts[seen].sum() - counts[seen][heavy].sum())
            seen = np.sort(seen[heavy])
        for name, count in zip(levels.names(seen), counts[seen].tolist(), strict=True):
            self.counts[name] = self.counts.get(name, 0) + count
        if len(self.counts) > 2 * self.capacity:
            self._prune()

    def _sketch(self, levels: Levels, seen: IntArray) -> None:
        """Least hashes of levels, once there are too many to keep them all."""
        if self.other == 0 and len(self.counts) + len(seen) <= self.capacity:
            return
        if not len(self.sketch):
            self.sketch = sketches.sketch_of(self.counts)
        fresh = levels.values.take(array_of(seen))
        if not (pa.types.is_string(fresh.type) or pa.types.is_large_string(fresh.type)):
            fresh = texts_of(levels.names(seen), pa.string())
        hashes = np.concatenate([self.sketch, hash_array(fresh)])
        self.sketch = sketches.least_distinct(hashes, sketches.SKETCH_SIZE)

    def _prune(self) -> None:
        self.counts, lost = sketches.heaviest(self.counts, self.capacity)
        self.other += lost

    def _add_blocks(self, positions: IntArray, component: IntArray) -> IntArray:
        """Sums over blocks of 64 rows: of each frequent level, and of the missing.

        Gives the rows of each frequent level, of the others together, and of the missing.
        """
        rows, width = len(positions), len(self.frequent) + 2
        whole = rows // SMALLEST
        index = scratch.get("component", np.int64, rows)
        np.take(component * whole, positions, out=index, mode="clip")
        index[: whole * SMALLEST].reshape(whole, SMALLEST)[:] += np.arange(whole)[:, None]
        sums = np.bincount(index[: whole * SMALLEST], minlength=whole * width)
        sums = sums.reshape(width, whole)
        rest = component[positions[whole * SMALLEST :]]
        total = sums.sum(axis=1) + np.bincount(rest, minlength=width)
        self.blocks.add(rows, total[:-2], total[:-2], sums[:-2])
        if total[-1]:
            self.missing_blocks.add(rows, total[-1:], total[-1:], sums[-1:])
        else:
            self.missing_blocks.add_mask(None, rows)
        return np.asarray(total)

    def result(self) -> CategoricalProfile:
        """The profile of all that was added."""
        self._settle()
        self._prune()
        return CategoricalProfile(
            rows=self.rows,
            nulls=self.nulls,
            levels=dict(sorted(self.counts.items())),
            other=self.other,
            distinct=sketches.distinct_levels(len(self.counts), self.other, self.sketch),
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
