"""Files: Parquet, CSV, JSON lines and Arrow, from disk or from a URL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pydantic

from monitor.core.errors import ColumnNotFoundError, EmptySourceError, SourceError
from monitor.core.ports import Note, Reading
from monitor.core.window import Window
from monitor.sources import places
from monitor.sources.batches import KEPT_BYTES, Kept, Thinner, regrouped
from monitor.sources.delivery import Delivery, timed
from monitor.sources.parts import Part, differences, moment, open_parts, with_constants
from monitor.sources.places import Format, Place
from monitor.sources.readers import Request
from monitor.sources.readers.dialect import CsvOptions
from monitor.sources.shared import spread_files
from monitor.sources.tally import Tally
from monitor.sources.times import Clock, TimeUnit
from monitor.sources.types import plain, unify

_SAMPLED_FILES = 64

Key = tuple[str, int | None, int | None]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, (str, Path)) else value


class Files:
    """Files of one format, or several: Parquet, CSV, JSON lines, Arrow; plain or compressed.

    **Config**

        [monitors.source]
        kind = "files"
        path = "data/*.parquet"   # a file, a folder, a glob, a URL (https, s3, …), or a list

    Files whose types disagree are read as the type that holds all values, and each disagreement
    is a note. A column that some file lacks is null there. Rows of a CSV file that do not parse
    are skipped and counted.
    """

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Where the files are and how they are written."""

        path: Annotated[
            tuple[Annotated[str, pydantic.Field(min_length=1)], ...],
            pydantic.BeforeValidator(_listed),
            pydantic.Field(min_length=1, repr=False),
        ]
        format: Literal["auto", "parquet", "csv", "jsonl", "arrow"] = "auto"
        hive: bool = True  #: folders named key=value are columns
        timestamp_unit: TimeUnit | None = None  #: of timestamps that are numbers since 1970
        timestamp_format: str | None = None  #: of timestamps that are text but not ISO 8601
        csv: CsvOptions = CsvOptions()
        storage_options: dict[str, pydantic.SecretStr | bool | int | float] = {}

    def __init__(self, options: Options, base: Path | str = ".") -> None:
        self.options = options
        self._base = Path(base).absolute()
        self._opened: dict[Key, Part | None] = {}
        self._kept: dict[Key, Kept] = {}

    def describe(self) -> str:
        """What a person calls it."""
        return "files " + ", ".join(places.redacted(path) for path in self.options.path)

    def files(self) -> list[Place]:
        """The files there are now, in natural order. Raises `SourceError` when there are none."""
        return self._find()[0]

    def schema(self) -> pa.Schema:
        """Columns and types, the union over all files."""
        return self._schema(self._parts()[0])

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """At most `rows` rows, evenly from all files, and inside of them as far as is cheap."""
        parts, _ = self._parts()
        schema = self._schema(parts)
        clock = self._clock(timestamp, schema, window)
        parts = [part for part in parts if _wanted(part, clock, window)]
        spread = np.linspace(0, len(parts) - 1, min(len(parts), _SAMPLED_FILES)).round()
        chosen = [parts[index] for index in sorted({int(index) for index in spread})]
        shares = _shares(chosen, rows)
        keys = {_key(part.place) for part in chosen}
        delivery = Delivery.of(schema, schema.names, clock, window)
        self._kept = {key: kept for key, kept in self._kept.items() if key in keys}
        tables = [
            self._sampled(part, share, delivery) for part, share in zip(chosen, shares, strict=True)
        ]
        return pa.concat_tables(tables) if tables else delivery.schema.empty_table()

    def _sampled(self, part: Part, rows: int, delivery: Delivery) -> pa.Table:
        """Rows of one file, thinned before they are cast: few of them are needed."""
        whole = part.reader.sampled_whole(rows) and delivery.window is None
        thinner = Thinner(rows, part.reader.rows if whole else None)
        request = delivery.request(part, part.reader.few_levels())
        known = self._kept.get(_key(part.place))
        if whole and known is not None and known.serves(request, part.reader.rows):
            read = known.batches(request.columns)
        else:
            read = part.sample(request, rows, Tally())
            if whole:
                room = KEPT_BYTES - sum(other.size for other in self._kept.values())
                self._kept[_key(part.place)] = kept = Kept(request, room)
                read = kept.watched(read)
        for batch in delivery.windowed(part, read, Tally()):
            thinner.add(batch)
        found = delivery.fitted(part, thinner.batches(), Tally())
        return pa.Table.from_batches(found, delivery.schema)

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows of the window, streamed. Notes are complete when the batches are exhausted."""
        parts, notes = self._parts()
        whole = self._schema(parts)
        names = list(whole.names if columns is None else columns)
        for name in names:
            if name not in whole.names:
                raise ColumnNotFoundError(name, self.describe(), whole.names)
        clock = self._clock(timestamp, whole, window)
        chosen = [part for part in parts if _wanted(part, clock, window)]
        categories = _few_levels(chosen)
        delivery = Delivery.of(whole, names, clock, window, categories)
        notes += differences(chosen, delivery.schema) + [
            n for part in chosen for n in part.reader.notes
        ]
        batches = self._stream(chosen, delivery, categories, notes)
        counts = [part.reader.rows for part in chosen]
        known = window is None and all(count is not None for count in counts)
        hint = sum(count or 0 for count in counts) if known else None
        spread = partial(spread_files, chosen, delivery, categories)
        return Reading(delivery.schema, batches, notes, hint, spread)

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """First and last time and the number of rows; by statistics where files have them."""
        parts, _ = self._parts()
        clock = self._clock(timestamp, self._schema(parts), None)
        assert clock is not None
        firsts, ends, rows = [], [], 0
        for part in parts:
            first, last, count = _times(part, clock)
            rows += count
            if first is not None and last is not None:
                firsts.append(moment(first))
                ends.append(moment(last) + _resolution(part, timestamp))
        return (Window(min(firsts), max(ends)) if firsts else None), rows

    def _find(self) -> tuple[list[Place], list[str]]:
        found: dict[str, Place] = {}
        ignored: list[str] = []
        known: Format | None = None if self.options.format == "auto" else self.options.format
        storage = {
            key: value.get_secret_value() if isinstance(value, pydantic.SecretStr) else value
            for key, value in self.options.storage_options.items()
        }
        for path in self.options.path:
            here, others = places.find(
                path, self._base, known=known, storage=storage, hive=self.options.hive
            )
            found.update({place.path: place for place in here})
            ignored += others
        return list(found.values()), ignored

    def _parts(self) -> tuple[list[Part], list[Note]]:
        """All files, opened; what is known already is not opened again."""
        listed, ignored = self._find()
        keys = {place.path: _key(place) for place in listed}
        new = [place for place in listed if keys[place.path] not in self._opened]
        known: Format | None = None if self.options.format == "auto" else self.options.format
        parts, empty = open_parts(new, known, self.options.csv)
        fresh: dict[str, Part | None] = {part.place.path: part for part in parts}
        fresh.update({place.path: None for place in empty})
        self._opened = {
            key: fresh[path] if path in fresh else self._opened[key] for path, key in keys.items()
        }
        usable = [part for part in self._opened.values() if part is not None]
        if not usable or all(part.reader.empty for part in usable):
            msg = f"There is not one row in {self.describe()}. Add rows, or name other files."
            raise EmptySourceError(msg)
        notes = [
            Note("empty_file", f"{path} is empty.")
            for (path, _, _), part in self._opened.items()
            if part is None
        ][:1]
        if ignored:
            message = (
                f"{len(ignored)} files are no data and were passed over, such as {ignored[0]}."
            )
            notes.append(Note("file_ignored", message, count=len(ignored)))
        return with_constants(usable), notes

    def _schema(self, parts: Sequence[Part]) -> pa.Schema:
        return unify((part.place.name, part.schema) for part in parts)

    def _clock(
        self, timestamp: str | None, schema: pa.Schema, window: Window | None
    ) -> Clock | None:
        if timestamp is None:
            if window is not None:
                msg = f"A window of {self.describe()} needs a timestamp column; name it."
                raise SourceError(msg)
            return None
        clock = Clock(
            timestamp, self.options.timestamp_unit, self.options.timestamp_format, self.describe()
        )
        clock.check(schema)
        return clock

    def _stream(
        self,
        parts: Sequence[Part],
        delivery: Delivery,
        categories: frozenset[str],
        notes: list[Note],
    ) -> Iterator[pa.RecordBatch]:
        tally = Tally()

        def rows() -> Iterator[pa.RecordBatch]:
            kept, self._kept = self._kept, {}
            for part in parts:
                request = delivery.request(part, categories)
                known = kept.pop(_key(part.place), None)
                if known is not None and known.serves(request, part.reader.rows):
                    found = known.given_up(request.columns)
                else:
                    found = part.batches(request, tally)
                yield from delivery.fitted(part, delivery.windowed(part, found, tally), tally)

        yield from regrouped(rows())
        notes += tally.notes(delivery.clock.column if delivery.clock is not None else None)


def _key(place: Place) -> Key:
    """A file that changes is another one."""
    return place.path, place.size, place.modified


def _wanted(part: Part, clock: Clock | None, window: Window | None) -> bool:
    return clock is None or window is None or part.may_hold(clock, window)


def _shares(parts: Sequence[Part], rows: int) -> list[int]:
    """How many sample rows each file gives: by its rows where all are known, else by bytes."""
    sizes = [part.reader.rows for part in parts]
    if any(size is None for size in sizes):
        sizes = [part.place.size for part in parts]
    weights = np.array([1 if size is None else max(size, 1) for size in sizes], dtype=float)
    return [int(share) for share in np.ceil(rows * weights / weights.sum())] if parts else []


def _few_levels(parts: Sequence[Part]) -> frozenset[str]:
    """Text columns to be read dictionary-encoded: as the largest file says."""
    largest = max(parts, key=lambda part: part.reader.rows or 0, default=None)
    return frozenset() if largest is None else largest.reader.few_levels()


def _times(part: Part, clock: Clock) -> tuple[int | None, int | None, int]:
    """First and last time (microseconds UTC) and the rows of a file."""
    span = part.span(clock)
    if span is not None and part.reader.rows is not None:
        return span.first, span.last, part.reader.rows
    has_time = clock.column in part.reader.schema.names
    request = Request([clock.column] if has_time else part.reader.schema.names[:1], clock)
    first, last, rows = None, None, 0
    for batch in part.batches(request, Tally()):
        rows += batch.num_rows
        times = timed(batch, clock, dict(part.constants), Tally()).column(clock.column)
        bounds = pc.min_max(times.cast(pa.int64()))
        low, high = bounds["min"].as_py(), bounds["max"].as_py()
        if low is not None:
            first = low if first is None else min(first, low)
            last = high if last is None else max(last, high)
    return first, last, rows


def _resolution(part: Part, timestamp: str) -> timedelta:
    """How much time a last value stands for: a date is a whole day."""
    index = part.schema.get_field_index(timestamp)
    is_date = index >= 0 and pa.types.is_date(plain(part.schema.field(index).type))
    return timedelta(days=1) if is_date else timedelta(microseconds=1)


plugin = Files
