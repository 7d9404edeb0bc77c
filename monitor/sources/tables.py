"""What sources of one table share: schema, window, sample and extent over a stream of batches."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import available_timezones

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from monitor.core.errors import (
    ColumnNotFoundError,
    DriftloopError,
    EmptySourceError,
    SourceError,
)
from monitor.core.ports import Note, Reading
from monitor.core.window import Window
from monitor.sources.batches import Thinner, regrouped
from monitor.sources.delivery import Delivery, timed
from monitor.sources.parts import moment
from monitor.sources.readers import check_names
from monitor.sources.tally import Tally
from monitor.sources.times import Clock, TimeUnit
from monitor.sources.types import plain, unify


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        msg = 'is not a time zone; write a name such as "Europe/Berlin"'
        raise ValueError(msg)
    return value


class TableOptions(pydantic.BaseModel, frozen=True, extra="forbid"):
    """How the timestamp column of a table is to be understood."""

    timestamp_unit: TimeUnit | None = None  #: of timestamps that are numbers since 1970
    timestamp_format: str | None = None  #: of timestamps that are text but not ISO 8601
    #: Of timestamps that carry no zone; None: UTC.
    timestamp_zone: Annotated[str, pydantic.AfterValidator(_known_zone)] | None = None


#: Statistics are at most a millisecond off.
_NEAR = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """First and last time, microseconds UTC, the last one included; `rows` without a read."""

    first: int | None
    last: int | None
    rows: int


@dataclass(frozen=True, slots=True)
class _Whole:
    """One table has no parts with columns of their own."""

    constants: tuple[tuple[str, str | int | None], ...] = ()


WHOLE = _Whole()


class Table(abc.ABC):
    """A source over one table. A plug-in says what is stored, and how to scan it.

    The schema is asked for once: a table that changes while it is read is seen by the next run.
    """

    def __init__(self, options: Any, base: Path | str) -> None:
        self.options = options
        self._base = Path(base).absolute()
        self._stored: pa.Schema | None = None
        self.dates: frozenset[str] = frozenset()  #: columns of text that holds dates

    @abc.abstractmethod
    def describe(self) -> str:
        """What a person calls it, without secrets."""

    @abc.abstractmethod
    def look(self) -> pa.Schema:
        """Columns with the types that `scan` gives. Raises `EmptySourceError`, `SourceError`."""

    @abc.abstractmethod
    def scan(
        self, columns: Sequence[str], clock: Clock | None, window: Window | None, tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """All rows that can be in the window, and those without a time; more may come."""

    @abc.abstractmethod
    def scan_some(
        self, rows: int, clock: Clock | None, window: Window | None
    ) -> Iterator[pa.RecordBatch]:
        """At least `rows` rows if there are, from all over, as far as that is cheap."""

    @abc.abstractmethod
    def span(self, clock: Clock) -> Span | None:
        """Exact times without a full read; None where only a read can tell."""

    @abc.abstractmethod
    def explain(self, error: Exception) -> SourceError | None:
        """What an error of a library means; None: it is a fault of ours."""

    def pinned(self) -> dict[str, str | int | None]:
        """Nothing: most tables keep no versions."""
        return {}

    def newest(self) -> Self:
        """The same table, looked at anew."""
        return type(self)(self.options, self._base)

    def rows_known(self) -> int | None:
        """Rows of the whole table, when that costs nothing."""
        return None

    @property
    def stored(self) -> pa.Schema:
        """Columns and types as the table has them."""
        if self._stored is None:
            found = self.asked(self.look)
            check_names(found.names, self.describe())
            self._stored = found
        return self._stored

    def schema(self) -> pa.Schema:
        """Columns and types."""
        return unify([("", self.stored)])

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """At most `rows` rows, evenly from what a scan of some gives."""
        schema = self.schema()
        clock = self._clock(timestamp, window)
        delivery = Delivery.of(schema, schema.names, clock, window)
        thinner = Thinner(rows)
        found = self.guarded(self.scan_some(rows, clock, window))
        for batch in delivery.windowed(WHOLE, found, Tally()):
            thinner.add(batch)
        fitted = delivery.fitted(WHOLE, thinner.batches(), Tally())
        return pa.Table.from_batches(fitted, delivery.schema)

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows of the window, streamed. Notes are complete when the batches are exhausted."""
        whole = self.schema()
        names = list(whole.names if columns is None else columns)
        for name in names:
            if name not in whole.names:
                raise ColumnNotFoundError(name, self.describe(), whole.names)
        clock = self._clock(timestamp, window)
        delivery = Delivery.of(whole, names, clock, window)
        notes: list[Note] = []
        hint = self.rows_known() if window is None else None
        return Reading(delivery.schema, self._stream(delivery, notes), notes, hint)

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """First and last time and the number of rows; by statistics where there are."""
        clock = self._clock(timestamp, None)
        assert clock is not None
        span = self.asked(lambda: self.span(clock)) or self.read_span(clock)
        if span.first is None or span.last is None:
            return None, span.rows
        end = moment(span.last) + self._resolution(timestamp)
        return Window(moment(span.first), end), span.rows

    def read_span(self, clock: Clock, window: Window | None = None) -> Span:
        """Times by reading the timestamp column, of what a scan of that window gives."""
        first, last, rows = None, None, 0
        for batch in self.guarded(self.scan([clock.column], clock, window, Tally())):
            rows += batch.num_rows
            times = timed(batch, clock, {}, Tally()).column(clock.column)
            bounds = pc.min_max(times.cast(pa.int64()))
            low, high = bounds["min"].as_py(), bounds["max"].as_py()
            if low is not None:
                first = low if first is None else min(first, low)
                last = high if last is None else max(last, high)
        return Span(first, last, rows)

    def near_ends(self, clock: Clock, first: int, last: int, rows: int) -> Span | None:
        """Exact times, read near those of statistics that are cut to milliseconds.

        None when there are none: rows that the statistics count were deleted.
        """
        ends = [
            self.read_span(clock, Window(moment(end) - _NEAR, moment(end) + _NEAR))
            for end in (first, last)
        ]
        if ends[0].first is None or ends[1].last is None:
            return None
        return Span(ends[0].first, ends[1].last, rows)

    def asked(self, question: Any) -> Any:
        """The answer; errors of libraries become those of driftloop."""
        try:
            return question()
        except DriftloopError:
            raise
        except Exception as error:
            meant = self.explain(error)
            if meant is None:
                raise
            raise meant from error

    def guarded(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches; errors of libraries become those of driftloop."""
        while (batch := self.asked(lambda: next(batches, None))) is not None:
            yield batch

    def refuse_empty(self) -> SourceError:
        """The error of a table without a row."""
        msg = f"There is not one row in {self.describe()}. Add rows, or name another table."
        return EmptySourceError(msg)

    def _clock(self, timestamp: str | None, window: Window | None) -> Clock | None:
        if timestamp is None:
            if window is not None:
                msg = f"A window of {self.describe()} needs a timestamp column; name it."
                raise SourceError(msg)
            return None
        options: TableOptions = self.options
        clock = Clock(
            timestamp,
            options.timestamp_unit,
            options.timestamp_format,
            self.describe(),
            options.timestamp_zone,
        )
        clock.check(self.schema())
        return clock

    def _stream(self, delivery: Delivery, notes: list[Note]) -> Iterator[pa.RecordBatch]:
        tally, clock, window = Tally(), delivery.clock, delivery.window
        wanted = set(delivery.schema.names)
        if clock is not None and window is not None:
            wanted.add(clock.column)
        own = self.stored.names
        names = [name for name in own if name in wanted] or own[:1]
        found = self.guarded(self.scan(names, clock, window, tally))
        cut = delivery.windowed(WHOLE, found, tally)
        yield from regrouped(delivery.fitted(WHOLE, cut, tally))
        notes += tally.notes(clock.column if clock is not None else None)

    def _resolution(self, timestamp: str) -> timedelta:
        """How much time a last value stands for: a date is a whole day."""
        dtype = plain(self.stored.field(timestamp).type)
        is_date = pa.types.is_date(dtype) or timestamp in self.dates
        return timedelta(days=1) if is_date else timedelta(microseconds=1)


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` places, evenly; the first and the last among them."""
    places = np.linspace(0, count - 1, min(count, most)).round()
    return sorted({int(place) for place in places}) if count else []
