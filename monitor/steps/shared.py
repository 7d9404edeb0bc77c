"""Rows of a `for_each` block: read once, and handed out to the monitors of its values."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.errors import ColumnNotFoundError, SourceError
from monitor.core.ports import Note, Pinned, Reading, Source
from monitor.core.window import Window
from monitor.sources.batches import Thinner

#: Rows of one window that are kept for the other monitors of the block, decoded.
KEPT_BYTES = 256 << 20
#: The window that is run, and the reference that is learned.
_KEPT_WINDOWS = 2
#: Whether rows have come is asked again after so many seconds.
_LOOK_SECONDS = 10.0
#: So many different values are told apart when a block is searched.
MAX_VALUES = 100_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """All rows of one window, those of one value side by side."""

    table: pa.Table
    spans: dict[str, tuple[int, int]]  #: value -> (first row, rows)
    notes: list[Note]
    pinned: dict[str, str | int | None]  #: which version of the source this is


@dataclass(slots=True)
class SharedRows:
    """The source of one block, and what was read of it last."""

    source: Source
    column: str
    _kept: OrderedDict[tuple[Window | None, str | None], _Kept] = field(default_factory=OrderedDict)
    _too_large: set[tuple[Window | None, str | None]] = field(default_factory=set)
    _extent: tuple[Window | None, int] | None = None
    _state: object = None
    _looked: float = float("-inf")
    pinned: dict[str, str | int | None] = field(default_factory=dict)  #: of what was opened last

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """The stretch of time that the block covers, for all of its monitors."""
        self._forget_what_changed()
        if self._extent is None:
            self._renew()
            self._extent = self.source.extent(timestamp)
        return self._extent

    def look_again(self) -> None:
        """Ask with the next question whether rows have come."""
        self._looked = float("-inf")

    def _forget_what_changed(self) -> None:
        """Rows that came since belong to the windows that are read from now on."""
        now = time.monotonic()
        if now - self._looked <= _LOOK_SECONDS:
            return
        self._looked = now
        state = self._state_of(now)
        if state != self._state:
            self._state, self._extent = state, None
            self._kept.clear()
            self._too_large.clear()

    def _state_of(self, now: float) -> object:
        """Equal as long as the rows are the same; where nothing tells, they are new each time."""
        self._renew()
        source: Any = self.source
        if isinstance(source, Pinned):
            return source.pinned()
        if hasattr(source, "files"):
            return [(place.path, place.size, place.modified) for place in source.files()]
        return now

    def open(
        self, value: str, window: Window | None, timestamp: str | None, columns: Sequence[str]
    ) -> Reading:
        """The rows of one value. Raises `SourceError` when the column cannot tell values apart."""
        self.pinned = {}
        self._forget_what_changed()
        key = (window, timestamp)
        kept = self._kept.get(key)
        if kept is None or not set(columns) <= set(kept.table.schema.names):
            if key in self._too_large:
                return self._streamed(value, self.every(window, timestamp, columns), columns, [])
            before = [] if kept is None else kept.table.schema.names
            reading = self.every(window, timestamp, [*columns, *before])
            taken, whole = _taken(reading)
            if not whole:
                self._too_large.add(key)
                return self._streamed(value, reading, columns, taken)
            kept = _grouped(reading, taken, self.column, self.pinned)
            self._kept[key] = kept
            while len(self._kept) > _KEPT_WINDOWS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        self.pinned = kept.pinned
        start, rows = kept.spans.get(value, (0, 0))
        table = kept.table.select(list(columns)).slice(start, rows)
        return Reading(table.schema, iter(table.to_batches()), list(kept.notes), rows)

    def every(
        self, window: Window | None, timestamp: str | None, columns: Sequence[str]
    ) -> Reading:
        """Rows of all values, and the column that tells them apart."""
        wanted = list(dict.fromkeys([*columns, self.column]))
        self._renew()
        if isinstance(self.source, Pinned):
            self.pinned = self.source.pinned()
        return self.source.open(window, timestamp=timestamp, columns=wanted)

    def _renew(self) -> None:
        """A block lives long: what it reads next is the version of then."""
        if isinstance(self.source, Pinned):
            self.source = self.source.newest()

    def _streamed(
        self, value: str, reading: Reading, columns: Sequence[str], taken: list[pa.RecordBatch]
    ) -> Reading:
        """A window that is too large to be kept: each monitor reads it again."""
        names = list(columns)

        def rows() -> Iterator[pa.RecordBatch]:
            for batch in _chained(taken, reading.batches):
                mine = pc.equal(text_of(batch.column(self.column), self.column), value)
                yield batch.filter(pc.fill_null(mine, False)).select(names)

        schema = pa.schema([reading.schema.field(name) for name in names])
        return Reading(schema, rows(), reading.notes)


@dataclass(slots=True)
class MemberSource:
    """The rows of one value of a block, as a source of its own."""

    shared: SharedRows
    value: str

    def describe(self) -> str:
        """What a person calls it."""
        return f"{self.shared.source.describe()} where {self.shared.column} = {self.value!r}"

    def schema(self) -> pa.Schema:
        """The block's."""
        schema = self.shared.source.schema()
        if self.shared.column not in schema.names:
            raise ColumnNotFoundError(
                self.shared.column, self.shared.source.describe(), schema.names, "for_each"
            )
        return schema

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """Rows spread over those of the value."""
        reading = self.open(window, timestamp=timestamp)
        thinner = Thinner(rows)
        for batch in reading.batches:
            thinner.add(batch)
        return pa.Table.from_batches(thinner.batches(), reading.schema)

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The value's rows of the window."""
        names = self.schema().names if columns is None else list(columns)
        return self.shared.open(self.value, window, timestamp, names)

    def pinned(self) -> dict[str, str | int | None]:
        """The version that was opened last."""
        return self.shared.pinned

    def newest(self) -> Source:
        """The same value; the block sees to it that what it reads next is the newest."""
        return self

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """The block's: a value whose rows stay away is news as long as the others come."""
        return self.shared.extent(timestamp)


@dataclass(slots=True)
class Found:
    """One value in a stretch of rows."""

    rows: int
    first: datetime | None


def values_in(
    source: Source, column: str, *, window: Window | None, timestamp: str | None
) -> tuple[dict[str, Found], int, int]:
    """Values of a column, rows without one, and rows of values beyond `MAX_VALUES`."""
    columns = [column] if timestamp is None else [column, timestamp]
    reading = source.open(window, timestamp=timestamp, columns=columns)
    found: dict[str, Found] = {}
    without = beyond = 0
    for batch in reading.batches:
        texts = text_of(batch.column(column), column)
        table = pa.table({"value": texts})
        if timestamp is not None:
            table = table.append_column("time", batch.column(timestamp))
        for value, rows, first in _counted(table, timed=timestamp is not None):
            if value is None:
                without += rows
            elif value not in found and len(found) >= MAX_VALUES:
                beyond += rows
            else:
                known = found.setdefault(value, Found(0, first))
                known.rows += rows
                if first is not None and (known.first is None or first < known.first):
                    known.first = first
    return found, without, beyond


def text_of(values: pa.Array, column: str) -> pa.Array:
    """Values as they are named: texts, numbers, truth values, dates and times.

    Raises `SourceError` for lists and other types that have no name.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        msg = (
            f"for_each = {column!r} is a column of type {values.type}, which has no values to "
            "name monitors after: name one of texts, numbers or dates."
        )
        raise SourceError(msg) from error


def _counted(table: pa.Table, *, timed: bool) -> Iterator[tuple[str | None, int, datetime | None]]:
    how: list[tuple[str, str, pc.FunctionOptions | None]]
    how = [("value", "count", pc.CountOptions(mode="all"))]
    if timed:
        how.append(("time", "min", None))
    counts = table.group_by("value").aggregate(how)
    firsts = counts.column("time_min").to_pylist() if timed else [None] * counts.num_rows
    yield from zip(
        counts.column("value").to_pylist(),
        counts.column("value_count").to_pylist(),
        firsts,
        strict=True,
    )


def _taken(reading: Reading) -> tuple[list[pa.RecordBatch], bool]:
    """Batches while they fit, and whether those are all."""
    taken: list[pa.RecordBatch] = []
    size = 0
    for batch in reading.batches:
        taken.append(batch)
        size += batch.nbytes
        if size > KEPT_BYTES:
            return taken, False
    return taken, True


def _chained(
    taken: list[pa.RecordBatch], rest: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    while taken:
        yield taken.pop(0)
    yield from rest


def _grouped(
    reading: Reading,
    taken: list[pa.RecordBatch],
    column: str,
    pinned: dict[str, str | int | None],
) -> _Kept:
    table = pa.Table.from_batches(taken, reading.schema)
    texts = pa.chunked_array(
        [text_of(chunk, column) for chunk in table.column(column).chunks], pa.string()
    )
    encoded = texts.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.fill_null(-1))
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes + 1, minlength=len(encoded.dictionary) + 1)
    starts = np.cumsum([0, *counts])
    spans = {
        value: (int(starts[index + 1]), int(counts[index + 1]))
        for index, value in enumerate(encoded.dictionary.to_pylist())
    }
    grouped = table.unify_dictionaries().take(pa.array(order)).combine_chunks()
    return _Kept(grouped, spans, reading.notes, pinned)
