"""One value of a `for_each` block on a cluster: nothing is kept here, executors pick its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.ports import Reading, Spread
from monitor.core.window import Window
from monitor.sources.batches import Thinner
from monitor.steps.shared import MemberSource, text_of

#: A sample is picked from one of all values, so many times as large.
_MARGIN = 10

Batches = Iterator[pa.RecordBatch]


@dataclass(slots=True)
class ClusterMember(MemberSource):
    """The rows of one value, each time read where they are."""

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """Rows of the value in a larger sample; of a rare value, those that a full read finds."""
        every = self.shared.source.sample(_MARGIN * rows, window=window, timestamp=timestamp)
        thinner = Thinner(rows)
        for batch in _mine(
            self.shared.column, self.value, every.schema.names, iter(every.to_batches())
        ):
            thinner.add(batch)
        found = pa.Table.from_batches(thinner.batches(), every.schema)
        if found.num_rows == 0:
            return MemberSource.sample(self, rows, window=window, timestamp=timestamp)
        return found

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The value's rows of the window."""
        names = self.schema().names if columns is None else list(columns)
        every = self.shared.every(window, timestamp, names)
        schema = pa.schema([every.schema.field(name) for name in names])
        mine = partial(_mine, self.shared.column, self.value, names)
        spread = None if every.spread is None else partial(_spread, every.spread, mine)
        return Reading(schema, mine(every.batches), every.notes, None, spread)


def _mine(column: str, value: str, names: list[str], batches: Batches) -> Batches:
    for batch in batches:
        chosen = pc.equal(text_of(batch.column(column), column), value)
        yield batch.filter(pc.fill_null(chosen, False)).select(names)


def _spread(
    rows: Callable[[int | None], Spread], mine: Callable[[Batches], Batches], wanted: int | None
) -> Spread:
    every = rows(wanted)
    read = every.batches

    def batches(given: Batches, told: list[str]) -> Batches:
        return mine(read(given, told))

    sizes = None if every.shares is None else [None] * len(every.shares)
    return replace(every, batches=batches, shares=sizes)
