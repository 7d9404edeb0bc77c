"""A table that is in memory already: pandas, polars, pyarrow, or any other that speaks Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from monitor.core.errors import (
    ColumnNotFoundError,
    EmptySourceError,
    SourceError,
    UnreadableSourceError,
)
from monitor.core.ports import Note, Reading
from monitor.core.window import Window
from monitor.sources.batches import regrouped
from monitor.sources.parts import moment
from monitor.sources.readers import BATCH_ROWS, check_names
from monitor.sources.tally import Tally
from monitor.sources.times import UTC_MICROSECONDS, Clock, inside
from monitor.sources.types import as_text, plain, reader_for, without_views


class Frame:
    """A source over one table in memory, for `monitor.compare(reference, current)`.

    Accepted are pandas and polars frames, pyarrow tables, record batches and readers, mappings
    of columns, and every object with `__arrow_c_stream__`. The object itself is not changed.

    Raises
    ------
    UnreadableSourceError
        It is none of these.
    DuplicateColumnError
        Two columns carry one name.
    EmptySourceError
        Not one row in it.
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Nothing to say: a frame comes from a program, not from the config."""

    def __init__(self, data: Any, name: str = "the frame") -> None:
        self._name = name
        self._notes: list[Note] = []
        table = self._arrow(data)
        check_names(table.column_names, name)
        columns = [without_views(column) for column in table.columns]
        self._table = pa.table(columns, table.column_names)
        if self._table.num_rows == 0:
            msg = f"There is not one row in {name}. Give a table with rows."
            raise EmptySourceError(msg)

    def describe(self) -> str:
        """What a person calls it."""
        return self._name

    def schema(self) -> pa.Schema:
        """Columns and types."""
        return pa.schema([pa.field(f.name, _kept(f.type)) for f in self._table.schema])

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """At most `rows` rows, evenly spread."""
        reading = self.open(window, timestamp=timestamp)
        if window is None:
            spread = np.linspace(0, self._table.num_rows - 1, min(rows, self._table.num_rows))
            chosen = self._table.take(pa.array(np.unique(spread.round().astype(np.int64))))
            return self._table_of(reading.schema, chosen, timestamp)
        table = pa.Table.from_batches(reading.batches, reading.schema)
        spread = np.linspace(0, table.num_rows - 1, min(rows, table.num_rows)).round()
        return table.take(pa.array(spread.astype(np.int64)))

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows of the window. Notes are complete when the batches are exhausted."""
        names = list(self._table.column_names if columns is None else columns)
        for name in names:
            if name not in self._table.column_names:
                raise ColumnNotFoundError(name, self._name, self._table.column_names)
        clock = self._clock(timestamp, window)
        whole = self.schema()
        fields = [
            pa.field(n, UTC_MICROSECONDS) if n == timestamp else whole.field(n) for n in names
        ]
        schema = pa.schema(fields)
        notes = list(self._notes)
        batches = self._stream(self._table, schema, clock, window, notes)
        return Reading(schema, batches, notes, self._table.num_rows if window is None else None)

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """First and last time, and the number of rows."""
        reading = self.open(timestamp=timestamp, columns=[timestamp])
        times = pa.Table.from_batches(reading.batches, reading.schema).column(0)
        bounds = pc.min_max(times.cast(pa.int64()))
        first, last = bounds["min"].as_py(), bounds["max"].as_py()
        if first is None:
            return None, self._table.num_rows
        return Window(moment(first), moment(last + 1)), self._table.num_rows

    def _table_of(self, schema: pa.Schema, table: pa.Table, timestamp: str | None) -> pa.Table:
        clock = self._clock(timestamp, None)
        return pa.Table.from_batches(self._stream(table, schema, clock, None, []), schema)

    def _clock(self, timestamp: str | None, window: Window | None) -> Clock | None:
        if timestamp is None:
            if window is not None:
                msg = f"A window of {self._name} needs a timestamp column; name it."
                raise SourceError(msg)
            return None
        clock = Clock(timestamp, source=self._name)
        clock.check(self._table.schema)
        return clock

    def _stream(
        self,
        table: pa.Table,
        schema: pa.Schema,
        clock: Clock | None,
        window: Window | None,
        notes: list[Note],
    ) -> Iterator[pa.RecordBatch]:
        tally = Tally()
        wanted = dict.fromkeys([*schema.names, *([clock.column] if clock and window else [])])
        rows = table.select(list(wanted)).to_batches(max_chunksize=BATCH_ROWS)
        fitted = (self._fitted(batch, schema, clock, window, tally) for batch in rows)
        yield from regrouped(batch for batch in fitted if batch.num_rows)
        notes += tally.notes(clock.column if clock is not None else None)

    def _fitted(
        self,
        batch: pa.RecordBatch,
        schema: pa.Schema,
        clock: Clock | None,
        window: Window | None,
        tally: Tally,
    ) -> pa.RecordBatch:
        if clock is not None and clock.column in batch.schema.names:
            index = batch.schema.get_field_index(clock.column)
            times = clock.read(batch.column(index), tally)
            batch = batch.set_column(index, pa.field(clock.column, UTC_MICROSECONDS), times)
            if window is not None:
                batch = inside(batch, clock.column, window, tally)
        arrays = [
            reader_for(batch.column(f.name).type, f.type, f.name, tally)(batch.column(f.name))
            for f in schema
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _arrow(self, data: Any) -> pa.Table:
        try:
            if isinstance(data, pa.Table):
                return data
            if isinstance(data, pa.RecordBatch):
                return pa.Table.from_batches([data])
            if _is_pandas(data):
                return self._from_pandas(data)
            if isinstance(data, (pa.RecordBatchReader, Mapping)):
                return data.read_all() if not isinstance(data, Mapping) else pa.table(dict(data))
            if hasattr(data, "__arrow_c_stream__"):
                return pa.RecordBatchReader.from_stream(data).read_all()
        except (pa.ArrowException, TypeError, ValueError) as error:
            msg = f"{self._name} cannot be read as a table: {error}."
            raise UnreadableSourceError(msg) from error
        msg = (
            f"{self._name} is a {type(data).__name__}, no table. Give a pandas, polars or pyarrow "
            "table, or a path."
        )
        raise UnreadableSourceError(msg)

    def _from_pandas(self, frame: Any) -> pa.Table:
        """Column by column: one that Arrow refuses becomes text, the others stay as they are."""
        names = [_name(name) for name in frame.columns]
        check_names(names, self._name)
        columns = {name: self._column(name, frame.iloc[:, i]) for i, name in enumerate(names)}
        for level in range(frame.index.nlevels):
            values = frame.index.get_level_values(level)
            label = values.name
            if label is None and values.dtype.kind == "M":
                label = "index"  # times without a name are data; row numbers are not
            if label is not None and _name(label) not in columns:
                columns[_name(label)] = self._column(_name(label), values.to_series())
        if not columns:
            return pa.table({})
        return pa.table(columns)

    def _column(self, name: str, series: Any) -> pa.Array | pa.ChunkedArray:
        try:
            return pa.array(series, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            missing = series.isna()
            texts = [
                None if gone else as_text(value)
                for value, gone in zip(series.tolist(), missing.tolist(), strict=True)
            ]
            message = (
                f"Column {name!r} of {self._name} holds values of several types; read as text."
            )
            self._notes.append(Note("type_differs", message, column=name))
            return pa.array(texts, pa.string())


def _is_pandas(data: Any) -> bool:
    kind = type(data)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def _name(name: object) -> str:
    """Column labels of pandas may be numbers or tuples."""
    return "_".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _kept(dtype: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(dtype):
        return pa.dictionary(pa.int32(), plain(dtype.value_type))
    return plain(dtype)
