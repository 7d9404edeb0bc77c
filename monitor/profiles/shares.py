"""One share of a pass that several processes make together: what each of them counts.

Parts are numbered: a window is part 0, the windows of a reference are their place in it, and so
are its blocks in file order. Shares give partial profiles of the parts that they have rows of;
merged over all shares and completed (`completed`) they are what one process would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from monitor.core.window import Window
from monitor.profiles.kernel import Profiler
from monitor.profiles.plan import Plan
from monitor.profiles.sample import Ceiling
from monitor.profiles.split import ByTime
from monitor.profiles.types import Profile


class Share(Protocol):
    """Counts the rows of one share."""

    outside: int  #: rows that belong to no part

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        ...

    def partials(self) -> dict[int, Profile]:
        """The parts that have rows here."""
        ...


class Cut(Protocol):
    """How all rows are cut into parts."""

    @property
    def half(self) -> bool:
        """A reference, where rows that an encoder was fitted on are left out of it."""
        ...

    def share(self, plan: Plan, schema: pa.Schema, first: int) -> Share:
        """Counters for one share, whose first row is number `first` of all."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """One part: all rows, or those of a window."""

    window: Window | None = None
    half: bool = False

    def share(self, plan: Plan, schema: pa.Schema, first: int) -> Share:  # noqa: ARG002 - see Cut
        """Counters for one share."""
        return _Whole(Profiler(plan, window=self.window), schema)


class _Whole:
    def __init__(self, profiler: Profiler, schema: pa.Schema) -> None:
        self.profiler, self.outside = profiler, 0
        profiler.see(schema)

    def update(self, batch: pa.RecordBatch) -> None:
        self.profiler.update(batch)

    def partials(self) -> dict[int, Profile]:
        return {0: self.profiler.partial()}


@dataclass(frozen=True, slots=True)
class Times:
    """A part for each window of a reference, or for each day of a window."""

    how: ByTime

    @property
    def half(self) -> bool:
        """As the splitter says."""
        return self.how.half

    def share(self, plan: Plan, schema: pa.Schema, first: int) -> Share:  # noqa: ARG002 - see Cut
        """Counters for one share."""
        return self.how.start(plan, schema, None)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks in file order that end before the rows with these numbers."""

    ends: Sequence[int]
    half: bool = True

    def share(self, plan: Plan, schema: pa.Schema, first: int) -> Share:
        """Counters for one share."""
        return _Blocks(self, plan, schema, first)


class _Blocks:
    def __init__(self, cut: Blocks, plan: Plan, schema: pa.Schema, first: int) -> None:
        self.ends = np.asarray(cut.ends, np.int64)
        self.plan, self.schema, self.half = plan, schema, cut.half
        self.at, self.outside = first, 0
        self.ceiling = None if plan.encoders else Ceiling(plan.sample_size)
        self.profilers: dict[int, Profiler] = {}
        self.done: dict[int, Profile] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            number = int(np.searchsorted(self.ends, self.at, side="right"))
            if number == len(self.ends):
                self.outside += batch.num_rows
                return
            piece = batch.slice(0, int(self.ends[number]) - self.at)
            self._profiler(number).update(piece)
            self.at += piece.num_rows
            batch = batch.slice(piece.num_rows)

    def _profiler(self, number: int) -> Profiler:
        if number not in self.profilers:
            self.done |= self._finished()  # rows come in order: the block before is over
            self.profilers[number] = Profiler(self.plan, half=self.half, ceiling=self.ceiling)
            self.profilers[number].see(self.schema)
        return self.profilers[number]

    def _finished(self) -> dict[int, Profile]:
        found = {number: profiler.partial() for number, profiler in self.profilers.items()}
        self.profilers = {}
        return found

    def partials(self) -> dict[int, Profile]:
        return self.done | self._finished()


def empty(plan: Plan, schema: pa.Schema) -> Profile:
    """The partial profile of no rows."""
    profiler = Profiler(plan)
    profiler.see(schema)
    return profiler.partial()
