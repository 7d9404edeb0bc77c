"""The files of one source: opened once, described together, read one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pyarrow as pa

from monitor.core.errors import DriftloopError, UnreadableSourceError
from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.sources.places import Format, Place, unreadable
from monitor.sources.readers import NothingInItError, Reader, Request, Span
from monitor.sources.readers.delimited import CsvReader
from monitor.sources.readers.dialect import CsvOptions
from monitor.sources.readers.ipc import IpcReader
from monitor.sources.readers.jsonlines import JsonLinesReader
from monitor.sources.readers.parquet import ParquetReader
from monitor.sources.tally import Tally, bounded
from monitor.sources.times import Clock, microseconds
from monitor.sources.types import plain, usual_types

T = TypeVar("T")

#: What libraries raise at files that are broken, gone, or far away.
READ_ERRORS = (pa.ArrowException, OSError, EOFError, ValueError, KeyError)

#: Text files are read as far as this, all together, to learn their types.
_LEARNING_BYTES = 64 << 20
_LEARNING_BYTES_FILE = 16 << 20
_LEARNING_BYTES_LEAST = 1 << 20
_OPENERS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One file, opened."""

    place: Place
    format: Format
    reader: Reader
    constants: tuple[tuple[str, str | int | None], ...] = ()  #: columns from folder names

    @property
    def schema(self) -> pa.Schema:
        """Columns of the file and of its folders."""
        fields = [
            pa.field(name, pa.int64() if isinstance(value, int) else pa.string())
            for name, value in self.constants
        ]
        return pa.schema([*self.reader.schema, *fields])

    def span(self, clock: Clock) -> Span | None:
        """Times of the file, when that needs no read."""
        for name, value in self.constants:
            if name == clock.column:
                moment = clock.read(pa.array([value]), Tally()).cast(pa.int64())[0].as_py()
                return Span(moment, moment, 0) if moment is not None else None
        return self.reader.span(clock)

    def may_hold(self, clock: Clock, window: Window) -> bool:
        """Whether rows of the window can be in it, or rows without a time to be counted."""
        span = self.span(clock)
        if span is None or span.nulls:
            return True
        if span.first is None or span.last is None:
            return False
        return span.first < microseconds(window.end) and span.last >= microseconds(window.start)

    def batches(self, request: Request, tally: Tally) -> Iterator[pa.RecordBatch]:
        """All its rows; raises `UnreadableSourceError` naming the file."""
        yield from self.guarded(self.reader.batches(request, tally))

    def sample(self, request: Request, rows: int, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Some rows from all over it."""
        yield from self.guarded(self.reader.sample(request, rows, tally))

    def guarded(self, items: Iterator[T]) -> Iterator[T]:
        """The same items, with errors that name the file."""
        while True:
            try:
                item = next(items)
            except StopIteration:
                return
            except DriftloopError:
                raise
            except Exception as error:
                if self.place.local and not isinstance(error, READ_ERRORS):
                    raise
                raise unreadable(self.place, error, self.format) from error
            yield item


def open_parts(
    places: Sequence[Place], declared: Format | None, options: CsvOptions
) -> tuple[list[Part], list[Place]]:
    """Every file opened (heads and footers only), and those with nothing in them.

    Raises
    ------
    SourceError
        A file that is not what it claims to be, or with two columns of one name.
    """
    budget = max(
        _LEARNING_BYTES_LEAST, min(_LEARNING_BYTES_FILE, _LEARNING_BYTES // max(len(places), 1))
    )

    def opened(place: Place) -> Part | None:
        return _open(place, declared, options, budget)

    if len(places) < _OPENERS:
        parts = [opened(place) for place in places]
    else:
        with ThreadPoolExecutor(_OPENERS) as pool:
            parts = list(pool.map(opened, places))
    empty = [place for place, part in zip(places, parts, strict=True) if part is None]
    return [part for part in parts if part is not None], empty


def _open(place: Place, declared: Format | None, options: CsvOptions, budget: int) -> Part | None:
    if place.size == 0:
        return None
    known: Format = "csv"
    try:
        known = declared or place.format or _by_content(place)
        reader: Reader
        if known == "parquet":
            reader = ParquetReader(place)
        elif known == "csv":
            reader = CsvReader(place, options, budget)
        elif known == "jsonl":
            reader = JsonLinesReader(place, budget)
        else:
            reader = IpcReader(place)
    except NothingInItError:
        return None
    except DriftloopError:
        raise
    except Exception as error:
        if place.local and not isinstance(error, READ_ERRORS):
            raise
        raise unreadable(place, error, known) from error
    return Part(place, known, reader)


def _by_content(place: Place) -> Format:
    with place.filesystem.open_input_stream(place.path, compression=place.compression) as stream:
        head = bytes(stream.read(4096))
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.lstrip()[:1] in (b"{", b"["):
        return "jsonl"
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        msg = (
            f"{place.name} is no file of a known format. Known are Parquet, CSV, JSON lines and "
            'Arrow; if it is one of these, name it with `format = "parquet"` beside the path.'
        )
        raise UnreadableSourceError(msg)
    return "csv"


def with_constants(parts: Iterable[Part]) -> list[Part]:
    """Parts with the columns that folders named key=value stand for."""
    parts = list(parts)
    values: dict[str, set[str | None]] = {}
    for part in parts:
        for name, value in part.place.partitions:
            values.setdefault(name, set()).add(value)
    whole = {name for name, seen in values.items() if all(_is_integer(value) for value in seen)}
    return [
        Part(
            part.place,
            part.format,
            part.reader,
            tuple(
                (name, int(value) if value is not None and name in whole else value)
                for name, value in dict(part.place.partitions).items()
                if name not in part.reader.schema.names
            ),
        )
        for part in parts
    ]


def _is_integer(value: str | None) -> bool:
    """Numbers that do not lose a leading zero when they are read as such."""
    return value is None or (value.isascii() and value.isdigit() and str(int(value)) == value)


def differences(parts: Sequence[Part], schema: pa.Schema) -> list[Note]:
    """Where files disagree: types, and columns that some of them lack."""
    usual = usual_types(part.schema for part in parts)
    types: dict[tuple[str, str], list[str]] = {}
    missing: dict[str, list[str]] = {}
    for part in parts:
        own = part.schema
        for name in schema.names:
            index = own.get_field_index(name)
            if index < 0:
                missing.setdefault(name, []).append(part.place.name)
                continue
            dtype = plain(own.field(index).type)
            if not pa.types.is_null(dtype) and not dtype.equals(usual[name]):
                types.setdefault((name, str(dtype)), []).append(part.place.name)
    differing = [
        Note(
            "type_differs",
            f"Column {name!r} is {dtype} in {_some(files)} and {usual[name]} in others; "
            f"it is read as {plain(schema.field(name).type)}.",
            column=name,
            count=len(files),
        )
        for (name, dtype), files in types.items()
    ]
    absent = [
        Note(
            "column_missing_in_file",
            f"Column {name!r} is not in {_some(files)}; it is read as missing there.",
            column=name,
            count=len(files),
        )
        for name, files in missing.items()
    ]
    return bounded(differing) + bounded(absent)


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more}"


def moment(value: int) -> datetime:
    """A time from microseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
