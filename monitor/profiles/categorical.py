"""Counting a categorical column, buffer by buffer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import array_of, filled, texts_of
from monitor.profiles import sketches
from monitor.profiles.blocks import SMALLEST, BlockSums, trues
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
    frequent: tuple[tuple[int, int], ...]  #: (place of a frequent level, position of its value)


class CategoricalCounter:
    """Counts the levels of one column; `frequent` levels get block moments."""

    def __init__(self, frequent: Sequence[str], capacity: int = CAPACITY) -> None:
        self.frequent = tuple(frequent)
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
        counted = self._add_blocks(levels, run)
        if counted is not None:  # each value is a frequent level: the blocks have counted it
            run.counts += counted
            return
        positions = scratch.get("positions", np.int64, len(levels.positions))
        np.copyto(positions, levels.positions)
        run.counts += np.bincount(positions, minlength=len(run.counts) + 1)[:-1]

    def _start(self, levels: Levels) -> _Run:
        count = len(levels.values)
        if count <= _DIRECT:
            known = {name: at for at, name in enumerate(self.frequent)}
            places = np.array([known.get(name, -1) for name in levels.names()], np.int64)
        else:
            texts = levels.values
            if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
                texts = texts_of(levels.names())
            known_texts = texts_of(self.frequent, texts.type)
            places = filled(pc.index_in(texts, value_set=known_texts), -1)
        values = np.flatnonzero(places >= 0)
        frequent = tuple(zip(places[values].tolist(), values.tolist(), strict=True))
        return _Run(levels.values, np.zeros(count, np.int64), frequent)

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

    def _add_blocks(self, levels: Levels, run: _Run) -> IntArray | None:
        """Sums over blocks of 64 rows: of each frequent level, and of the missing.

        Gives the rows of each value, or None where not every value is a frequent level.
        """
        rows, missing = len(levels.positions), len(run.counts)
        positions = _narrow(levels.positions, missing)
        same = scratch.get("same", np.bool_, rows)
        sums = np.zeros((len(self.frequent), rows // SMALLEST), np.uint8)
        total = np.zeros(len(self.frequent))
        counts = np.zeros(missing, np.int64)
        for level, value in run.frequent:
            np.equal(positions, value, out=same)
            own = int(np.count_nonzero(same))
            counts[value] = own
            total[level] += own
            sums[level] += trues(same)
        self.blocks.add(rows, total, total, sums)
        none = np.equal(positions, missing, out=same) if levels.nulls else None
        self.missing_blocks.add_mask(none, rows)
        return counts if len(run.frequent) == missing else None

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


def _narrow(positions: npt.NDArray[Any], missing: int) -> npt.NDArray[Any]:
    """The same positions, 0 … `missing`, in as few bytes as hold them: they are compared often."""
    kind = np.uint8 if missing < 1 << 8 else np.uint16 if missing < 1 << 16 else positions.dtype
    if positions.dtype.itemsize <= np.dtype(kind).itemsize:
        return positions
    narrow = scratch.get("narrow", kind, len(positions))
    np.copyto(narrow, positions, casting="unsafe")
    return narrow


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
