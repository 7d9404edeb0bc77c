"""What a source hands out: one schema for all parts, times in UTC, cut to the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from monitor.core.window import Window
from monitor.sources.parts import Part
from monitor.sources.readers import Request
from monitor.sources.tally import Tally
from monitor.sources.times import UTC_MICROSECONDS, Clock, inside
from monitor.sources.types import reader_for

Constants = Mapping[str, str | int | None]


class Origin(Protocol):
    """Where batches come from: a file, or a table."""

    @property
    def constants(self) -> Sequence[tuple[str, str | int | None]]:
        """Columns that are the same in all rows."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the batches of every part become batches of one table."""

    schema: pa.Schema
    clock: Clock | None = None
    window: Window | None = None

    @classmethod
    def of(
        cls,
        schema: pa.Schema,
        names: Sequence[str],
        clock: Clock | None,
        window: Window | None,
        categories: frozenset[str] = frozenset(),
    ) -> Delivery:
        """Columns of a source's schema, few-level text as categories."""
        fields = []
        for name in names:
            dtype = schema.field(name).type
            if clock is not None and name == clock.column:
                dtype = UTC_MICROSECONDS
            elif name in categories and pa.types.is_string(dtype):
                dtype = pa.dictionary(pa.int32(), pa.string())
            fields.append(pa.field(name, dtype))
        return cls(pa.schema(fields), clock, window)

    def request(self, part: Part, categories: frozenset[str]) -> Request:
        """What is asked of a part; at least one column, for the number of its rows."""
        own = part.reader.schema.names
        wanted = set(self.schema.names)
        if self.clock is not None and self.window is not None:
            wanted.add(self.clock.column)
        names = [name for name in own if name in wanted] or own[:1]
        return Request(names, self.clock, self.window, categories)

    def windowed(
        self, origin: Origin, batches: Iterable[pa.RecordBatch], tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """Rows of the window, their types still those of the file."""
        clock, window, constants = self.clock, self.window, dict(origin.constants)
        for raw in batches:
            batch = raw
            if clock is not None and (window is not None or clock.column in self.schema.names):
                batch = timed(batch, clock, constants, tally)
                batch = batch if window is None else inside(batch, clock.column, window, tally)
            if batch.num_rows:
                yield batch

    def fitted(
        self, origin: Origin, batches: Iterable[pa.RecordBatch], tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """The same rows with the schema of all parts: cast, and completed with nulls."""
        makers: list[Callable[[pa.RecordBatch], pa.Array]] | None = None
        constants = dict(origin.constants)
        for batch in batches:
            if makers is None:
                makers = [_maker(field, batch.schema, constants, tally) for field in self.schema]
            arrays = [make(batch) for make in makers]
            if arrays:
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def timed(
    batch: pa.RecordBatch, clock: Clock, constants: Constants, tally: Tally
) -> pa.RecordBatch:
    """The batch with its timestamp column read by the clock."""
    field = pa.field(clock.column, UTC_MICROSECONDS)
    index = batch.schema.get_field_index(clock.column)
    if index >= 0:
        return batch.set_column(index, field, clock.read(batch.column(index), tally))
    times = clock.read(pa.array([constants.get(clock.column)]), tally)
    return batch.append_column(field, pa.repeat(times[0], batch.num_rows))


def _maker(
    field: pa.Field, own: pa.Schema, constants: Constants, tally: Tally
) -> Callable[[pa.RecordBatch], pa.Array]:
    """How one column of the delivered batches is made from those of the file."""
    index = own.get_field_index(field.name)
    if index >= 0:
        convert = reader_for(own.field(index).type, field.type, field.name, tally)
        return lambda batch: convert(batch.column(index))
    value = constants.get(field.name)
    if value is None:
        return lambda batch: pa.nulls(batch.num_rows, field.type)
    single = reader_for(pa.array([value]).type, field.type, field.name, tally)(pa.array([value]))
    return lambda batch: single.take(pa.array(np.zeros(batch.num_rows, dtype=np.int64)))
