"""Cutting one pass over a reference into its windows, or into blocks in file order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np
import pyarrow as pa

from monitor.core.arrow import array_of, filled
from monitor.core.window import Window
from monitor.profiles import merging
from monitor.profiles.casting import plain, to_micros
from monitor.profiles.chunks import simple_batch
from monitor.profiles.crew import Crew
from monitor.profiles.kernel import BUFFER_ROWS, Profiler, micros_of
from monitor.profiles.plan import Plan
from monitor.profiles.sample import Ceiling
from monitor.profiles.types import Profile

#: Rows that all windows together may hold back before the kernel runs on the fullest.
MAX_PENDING = 4 * BUFFER_ROWS


class Splitter(Protocol):
    """How `profile_split` cuts."""

    def start(
        self, plan: Plan, schema: pa.Schema, rows_hint: int | None, crew: Crew | None = None
    ) -> Splitting:
        """A splitting of one pass; with a crew its columns are counted side by side."""
        ...


class Splitting(Protocol):
    """One pass that is being cut."""

    outside: int  #: rows that belong to no part

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        ...

    def results(self) -> list[Profile]:
        """The parts, in order."""
        ...


@dataclass(frozen=True, slots=True)
class ByTime:
    """One part for each window, in their order; rows in no window are counted."""

    windows: Sequence[Window]
    timestamp: str
    half: bool = True  #: a reference, where rows that an encoder was fitted on are left out of it

    def start(
        self,
        plan: Plan,
        schema: pa.Schema,
        rows_hint: int | None,  # noqa: ARG002 - the protocol's
        crew: Crew | None = None,
    ) -> _ByTime:
        """A splitting of one pass."""
        return _ByTime(self, _Makes(plan, schema, half=self.half, crew=crew))


class Cutter:
    """Cuts batches by the time of their rows."""

    def __init__(self, windows: Sequence[Window], timestamp: str) -> None:
        self.timestamp = timestamp
        self.order = np.argsort([micros_of(window.start) for window in windows])
        self.starts = np.array([micros_of(windows[at].start) for at in self.order], np.int64)
        self.ends = np.array([micros_of(windows[at].end) for at in self.order], np.int64)

    def cut(self, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The rows of each window, by its place in `windows`; -1: the rows of none of them."""
        at = batch.schema.get_field_index(self.timestamp)
        if at < 0 or not len(self.starts):
            yield -1, batch
            return
        batch = simple_batch(batch)
        micros, _ = to_micros(plain(batch.column(at)))
        times = filled(micros, np.iinfo(np.int64).min)
        part = np.searchsorted(self.starts, times, side="right") - 1
        part[(part < 0) | (times >= self.ends[part])] = -1
        for number in np.unique(part).tolist():
            rows = np.flatnonzero(part == number)
            together = rows[-1] - rows[0] + 1 == len(rows)
            piece = batch.slice(rows[0], len(rows)) if together else batch.take(array_of(rows))
            yield (int(self.order[number]) if number >= 0 else -1), piece


class _ByTime:
    def __init__(self, how: ByTime, makes: _Makes) -> None:
        self.cutter, self.outside = Cutter(how.windows, how.timestamp), 0
        self.profilers = [makes.profiler() for _ in how.windows]

    def update(self, batch: pa.RecordBatch) -> None:
        for number, piece in self.cutter.cut(batch):
            if number < 0:
                self.outside += piece.num_rows
            else:
                self.profilers[number].update(piece)
        self._relieve()

    def _relieve(self) -> None:
        while sum(profiler.pending_rows for profiler in self.profilers) > MAX_PENDING:
            max(self.profilers, key=lambda profiler: profiler.pending_rows).flush()

    def results(self) -> list[Profile]:
        return [profiler.result() for profiler in self.profilers]

    def partials(self) -> dict[int, Profile]:
        """The parts that have rows, to be merged with those of other shares."""
        found = enumerate(self.profilers)
        return {at: profiler.partial() for at, profiler in found if _seen(profiler)}


@dataclass(frozen=True, slots=True)
class ByOrder:
    """`lo` … `hi` blocks of about equal size in file order, of about `rows` rows where few."""

    lo: int = 6
    hi: int = 13
    rows: int = 300

    def start(
        self, plan: Plan, schema: pa.Schema, rows_hint: int | None, crew: Crew | None = None
    ) -> Splitting:
        """A splitting of one pass."""
        return _ByOrder(self, _Makes(plan, schema, crew=crew), rows_hint)

    def blocks(self, rows: int) -> int:
        """How many blocks that many rows make."""
        return int(np.clip(round(rows / self.rows), self.lo, self.hi))

    def ends(self, rows: int) -> list[int]:
        """Where the blocks of so many rows end: as they are cut when that number is known."""
        if rows <= BUFFER_ROWS:
            count = self.blocks(rows)
            return [int(end) for end in np.linspace(0, rows, count + 1).round()[1:]]
        size = -(-rows // self.hi)
        return [min(end, rows) for end in range(size, rows + size, size)]


@dataclass
class _ByOrder:
    """Holds the first buffer back; beyond it, blocks double in size when they are too many."""

    how: ByOrder
    makes: _Makes
    rows_hint: int | None
    outside: int = 0
    held: list[pa.RecordBatch] = field(default_factory=list)
    held_rows: int = 0
    size: int = 0  #: rows of a block, once they are cut
    done: list[Profile] = field(default_factory=list)
    current: Profiler | None = None
    filled: int = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        if self.size:
            self._cut(batch)
            return
        self.held.append(batch)
        self.held_rows += batch.num_rows
        if self.held_rows > BUFFER_ROWS:
            rows = max(self.rows_hint or 0, self.held_rows)
            self._release(-(-rows // self.how.hi))

    def _release(self, size: int) -> None:
        self.size = max(size, 1)
        for batch in self.held:
            self._cut(batch)
        self.held = []

    def _cut(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            if self.current is None:
                self.current, self.filled = self.makes.profiler(), 0
            part = batch.slice(0, self.size - self.filled)
            self.current.update(part)
            self.filled += part.num_rows
            batch = batch.slice(part.num_rows)
            if self.filled == self.size:
                self._close()

    def _close(self) -> None:
        if self.current is not None:
            self.done.append(self.current.result())
            self.current = None
        if len(self.done) == 2 * self.how.hi:
            self.done = _paired(self.done)
            self.size *= 2

    def results(self) -> list[Profile]:
        """The blocks, in file order."""
        if not self.size:
            return self._few()
        short = self.current is not None and self.filled < self.size / 2
        self._close()
        if short and len(self.done) > 1:
            last = self.done.pop()
            self.done[-1] = self.done[-1].merge(last)
        while len(self.done) > self.how.hi:
            self.done = _paired(self.done)
        return self.done

    def _few(self) -> list[Profile]:
        """All rows fit in one buffer: cut them evenly."""
        table = pa.Table.from_batches(
            self.held, schema=self.held[0].schema if self.held else self.makes.schema
        )
        parts = []
        for start, end in pairwise([0, *self.how.ends(table.num_rows)]):
            profiler = self.makes.profiler()
            for batch in table.slice(start, end - start).to_batches():
                profiler.update(batch)
            parts.append(profiler.result())
        return parts


def _seen(profiler: Profiler) -> bool:
    return bool(profiler.rows or profiler.pending_rows)


class _Makes:
    """Makes the profilers of parts of one reference (`half`), or of one window."""

    def __init__(
        self, plan: Plan, schema: pa.Schema, *, half: bool = True, crew: Crew | None = None
    ) -> None:
        self.plan, self.schema, self.half, self.crew = plan, schema, half, crew
        # Novelty is measured on the sample of each part, so that it must be whole there.
        self.ceiling = None if plan.encoders else Ceiling(plan.sample_size)

    def profiler(self) -> Profiler:
        profiler = Profiler(self.plan, half=self.half, ceiling=self.ceiling, crew=self.crew)
        profiler.see(self.schema)
        return profiler


def _paired(parts: list[Profile]) -> list[Profile]:
    """Neighbours merged two by two; an odd last one joins the pair before it."""
    merged = [left.merge(right) for left, right in zip(parts[::2], parts[1::2], strict=False)]
    if len(parts) % 2:
        merged[-1] = merged[-1].merge(parts[-1])
    return merged


def merged(parts: Sequence[Profile]) -> Profile:
    """One profile of many. Raises `ValueError` without any."""
    if not parts:
        msg = "there is no profile to merge"
        raise ValueError(msg)
    return parts[0] if len(parts) == 1 else merging.profile(parts)
