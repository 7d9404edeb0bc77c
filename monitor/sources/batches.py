"""Batches of a good size, and samples that are spread evenly, in flat memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import array_of
from monitor.sources.readers import BATCH_BYTES, BATCH_ROWS, Request

#: Decoded batches that a sample read, kept for the pass that follows it.
KEPT_BYTES = 256 << 20


def regrouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about `BATCH_ROWS`, or `BATCH_BYTES` where rows are wide."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        if not waiting and BATCH_ROWS // 2 <= batch.num_rows <= BATCH_ROWS:
            yield batch
            continue
        for start in range(0, batch.num_rows, BATCH_ROWS):
            piece = batch.slice(start, BATCH_ROWS)
            waiting.append(piece)
            rows += piece.num_rows
            size += piece.nbytes
            if rows >= BATCH_ROWS or size >= BATCH_BYTES:
                yield _joined(waiting)
                waiting, rows, size = [], 0, 0
    if waiting:
        yield _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.concat_batches(_same_dictionaries(batches))


def _same_dictionaries(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    if not any(pa.types.is_dictionary(field.type) for field in batches[0].schema):
        return batches
    table: pa.Table = pa.Table.from_batches(batches).unify_dictionaries()
    return list(table.to_batches())


class Thinner:
    """Every k-th row of a stream, k doubling as it grows; no randomness.

    Where the length is `expected`, the same rows are taken at once, each only once.
    """

    def __init__(self, rows: int, expected: int | None = None) -> None:
        self._rows = max(rows, 1)
        self._kept: list[pa.RecordBatch] = []
        self._count, self._step, self._next, self._seen = 0, 1, 0, 0
        self._places = None if expected is None else _places(expected, self._rows)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take from a batch what is due."""
        if self._places is None:
            due = np.arange(self._next, batch.num_rows, self._step)
            self._next = (self._next + len(due) * self._step) - batch.num_rows
        else:
            ends = np.searchsorted(self._places, (self._seen, self._seen + batch.num_rows))
            due = self._places[ends[0] : ends[1]] - self._seen
            self._seen += batch.num_rows
        if len(due):
            whole = len(due) == batch.num_rows
            self._kept.append(batch if whole else batch.take(array_of(due)))
            self._count += len(due)
        while self._count > 2 * self._rows:
            self._halve()

    def batches(self) -> list[pa.RecordBatch]:
        """At most `rows` rows, evenly spread, in their order."""
        if self._count <= self._rows:
            return self._kept
        return self._take(np.linspace(0, self._count - 1, self._rows).round().astype(np.int64))

    def _halve(self) -> None:
        if self._count % 2:
            self._next += self._step
        self._step *= 2
        self._kept = self._take(np.arange(0, self._count, 2))
        self._count = sum(batch.num_rows for batch in self._kept)

    def _take(self, rows: npt.NDArray[np.int64]) -> list[pa.RecordBatch]:
        """These rows, batch by batch: nothing is joined, so dictionaries stay as they are."""
        ends = np.cumsum([0, *(batch.num_rows for batch in self._kept)])
        cuts = np.searchsorted(rows, ends)
        return [
            batch.take(array_of(rows[low:high] - start))
            for batch, start, low, high in zip(
                self._kept, ends[:-1], cuts[:-1], cuts[1:], strict=True
            )
            if high > low
        ]


def _places(length: int, rows: int) -> npt.NDArray[np.int64]:
    """The rows that are left of so many when k has doubled and `batches` has thinned them."""
    step = 1
    while -(-length // step) > 2 * rows:
        step *= 2
    count = -(-length // step)
    return np.linspace(0, count - 1, min(rows, count)).round().astype(np.int64) * step


class Kept:
    """Batches of a file that a sample read whole: the pass that follows need not decode again."""

    def __init__(self, request: Request, room: int) -> None:
        self.request, self.room = request, room
        self.rows = self.size = 0
        self._batches: deque[pa.RecordBatch] = deque()

    def watched(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches; they are kept while they fit."""
        for batch in batches:
            self.rows += batch.num_rows
            self.size += batch.nbytes
            if self.size <= self.room:
                self._batches.append(batch)
            else:
                self._batches.clear()
            yield batch

    def serves(self, request: Request, rows: int | None) -> bool:
        """Whether these are all rows of a file, and its columns as they are wanted now."""
        columns = set(request.columns)
        return (
            self.rows == rows
            and self.size <= self.room
            and columns <= set(self.request.columns)
            and not columns & (self.request.categories ^ request.categories)
        )

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Columns of the batches."""
        for batch in self._batches:
            yield batch.select(list(names))

    def given_up(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Columns of the batches, each let go as it is taken."""
        while self._batches:
            yield self._batches.popleft().select(list(names))
