"""CSV: delimiter and types found out, broken rows skipped and counted, never a crash."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import pyarrow as pa
from pyarrow import csv

from monitor.core.ports import Note
from monitor.sources.places import Place
from monitor.sources.readers import NothingInItError, Request, WithoutStatistics, check_names
from monitor.sources.readers.blocks import Chunks, Pieces, closed_lines, lines, open_text, pieces
from monitor.sources.readers.dialect import CsvOptions, is_binary, sniff
from monitor.sources.tally import Tally, bounded
from monitor.sources.types import common_type, reader_for

_BLOCK = 4 << 20
_LOOKED_AT = 1 << 16
_OPEN_QUOTE = re.compile(r"straddling|out of sync")
_FAILED_COLUMN = re.compile(r"In CSV column #(\d+)")


class CsvReader(WithoutStatistics):
    """One CSV file, plain or compressed."""

    def __init__(self, place: Place, options: CsvOptions, budget: int) -> None:
        self._place, self._options, self._budget = place, options, budget
        self.notes: list[Note] = []
        self.rows: int | None = None
        seen = pieces(place, budget)
        if not seen.head.strip(b"\x00\xef\xbb\xbf\xff\xfe \t\r\n"):
            raise NothingInItError
        if options.encoding is None and is_binary(seen.head[:_LOOKED_AT]):
            msg = "it holds binary data, no text"
            raise pa.ArrowInvalid(msg)
        self._dialect = sniff(seen.head, options)
        if self._dialect.guessed_encoding:
            message = f"{place.name} is not UTF-8; it is read as {self._dialect.encoding}."
            self.notes.append(Note("encoding_guessed", message))
        self._names: list[str] = []
        self._whole = seen.whole
        self._mended = seen.whole and self._can_mend and seen.head.count(self._quote) % 2 == 1
        if self._mended:
            mended = self._closed(seen.head.splitlines(keepends=True), lambda _: None)
            seen = Pieces(b"".join(mended), (), whole=True)
        self.schema = self._infer(seen)

    def batches(self, request: Request, tally: Tally) -> Iterator[pa.RecordBatch]:
        """All rows. A column that turns out to hold something else is read as text from there."""
        names = [name for name in request.columns if name in self.schema.names]
        done, text, raw = 0, set[str](), set[str]()
        while True:
            attempt = Tally()
            types = {
                field.name: pa.binary() if field.name in raw else pa.string()
                for field in self.schema
                if field.name in text
            }
            at = 0
            try:
                for batch in self._stream(names, types, attempt):
                    at += batch.num_rows
                    if at > done:
                        new = batch.slice(max(0, batch.num_rows - (at - done)))
                        done = at
                        yield self._typed(new, tally)
                break
            except pa.ArrowInvalid as error:
                if _OPEN_QUOTE.search(str(error)) and self._can_mend and not self._mended:
                    self._mended = True
                    continue
                failed = self._failed(error, names) - raw
                if not failed:
                    raise
                raw |= failed & text
                text |= failed
        for name, count in attempt.skipped.items():
            tally.skipped[name] = tally.skipped.get(name, 0) + count
            tally.examples.setdefault(name, attempt.examples[name])

    def sample(self, request: Request, _rows: int, tally: Tally) -> Iterator[pa.RecordBatch]:
        """The head and pieces from all over a local file; the head of one that is not."""
        names = [name for name in request.columns if name in self.schema.names]
        if self._whole:
            yield from self.batches(request, tally)
            return
        seen = pieces(self._place, self._budget)
        for number, piece in enumerate((seen.head, *seen.others)):
            table = self._parse(piece, head=number == 0)
            for batch in table.select([n for n in names if n in table.column_names]).to_batches():
                yield self._typed(batch, tally)

    def _infer(self, seen: Pieces) -> pa.Schema:
        head = self._parse(seen.head, head=True)
        self.empty = head.num_rows == 0
        types = {field.name: field.type for field in head.schema}
        first = dict(types)
        for piece in seen.others:
            for field in self._parse(piece, head=False).schema:
                types[field.name] = common_type(types[field.name], field.type)
        for name, dtype in types.items():
            if pa.types.is_null(dtype) and not seen.whole:
                types[name] = pa.string()
        self.notes += bounded(
            [
                Note(
                    "type_differs",
                    f"Column {name!r} of {self._place.name} begins as {first[name]} and holds "
                    "other values further on; it is read as text.",
                    column=name,
                )
                for name, dtype in types.items()
                if pa.types.is_string(dtype)
                and not (pa.types.is_string(first[name]) or pa.types.is_null(first[name]))
            ]
        )
        return pa.schema(list(types.items()))

    def _parse(self, piece: bytes, *, head: bool) -> pa.Table:
        read = self._read_options(block=len(piece) + 1)
        if not head:
            read.column_names, read.skip_rows = self._names, 0
        try:
            table = csv.read_csv(
                io.BytesIO(piece), read, self._parse_options(lambda _: "skip"), self._convert({})
            )
        except pa.ArrowInvalid:
            if head:
                raise
            return pa.table({})
        if head:
            names = self._options.column_names or table.column_names
            self._names = [name or f"unnamed {i + 1}" for i, name in enumerate(names)]
            check_names(self._names, self._place.name)
        return table.rename_columns(self._names)

    def _stream(
        self, names: list[str], types: dict[str, pa.DataType], tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        known = {f.name: f.type for f in self.schema if not pa.types.is_null(f.type)}
        read = self._read_options(block=_BLOCK)
        unnamed = not self._options.header or self._options.column_names is not None
        if not unnamed and any(name.startswith("unnamed ") for name in self._names):
            read.column_names, read.skip_rows = self._names, self._options.skip_rows + 1
        convert = self._convert({**known, **types})
        convert.include_columns = names

        def skip(row: csv.InvalidRow) -> str:
            tally.skipped_row(self._place.name, row.text or "")
            return "skip"

        with self._open(tally) as stream:
            yield from csv.open_csv(stream, read, self._parse_options(skip), convert)

    def _open(self, tally: Tally) -> IO[bytes] | pa.NativeFile:
        """The bytes of the file; once a quote was found that never ends, without such lines."""
        if not self._mended:
            return open_text(self._place)

        def broken(line: bytes) -> None:
            text = line.decode(self._dialect.encoding, errors="replace").rstrip()
            tally.skipped_row(self._place.name, text)

        physical = (
            line for block in lines(self._place, _BLOCK) for line in block.splitlines(keepends=True)
        )
        return Chunks(self._closed(physical, broken))

    def _closed(
        self, physical: Iterable[bytes], broken: Callable[[bytes], None]
    ) -> Iterator[bytes]:
        return closed_lines(physical, self._quote, self._dialect.delimiter.encode(), broken)

    @property
    def _quote(self) -> bytes:
        return self._options.quote.encode()

    @property
    def _can_mend(self) -> bool:
        """Whether quotes can be counted in the bytes of a line."""
        wide = self._dialect.encoding.lower().startswith(("utf-16", "utf_16", "utf-32", "utf_32"))
        return not wide and self._options.escape is None and self._options.quote.isascii()

    def _typed(self, batch: pa.RecordBatch, tally: Tally) -> pa.RecordBatch:
        fields = [self.schema.field(name) for name in batch.schema.names]
        arrays = [
            reader_for(array.type, field.type, field.name, tally)(array)
            for array, field in zip(batch.columns, fields, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _failed(self, error: pa.ArrowInvalid, names: list[str]) -> set[str]:
        """The column that an error of conversion is about."""
        match = _FAILED_COLUMN.search(str(error))
        if match is None:
            return set()
        index = int(match[1])
        return {self._names[index]} & set(names) if index < len(self._names) else set()

    def _read_options(self, *, block: int) -> csv.ReadOptions:
        names = self._options.column_names
        return csv.ReadOptions(
            block_size=max(block, 1),
            encoding=self._dialect.encoding,
            skip_rows=self._options.skip_rows + (1 if names and self._options.header else 0),
            column_names=list(names) if names else None,
            autogenerate_column_names=not self._options.header and not names,
        )

    def _parse_options(self, handler: Callable[[csv.InvalidRow], str]) -> csv.ParseOptions:
        return csv.ParseOptions(
            delimiter=self._dialect.delimiter,
            quote_char=self._options.quote,
            escape_char=self._options.escape or False,
            newlines_in_values=True,
            invalid_row_handler=handler,
        )

    def _convert(self, types: dict[str, pa.DataType]) -> csv.ConvertOptions:
        options: dict[str, Any] = {}
        if self._options.null_values is not None:
            options["null_values"] = list(self._options.null_values)
        return csv.ConvertOptions(
            column_types=types,
            strings_can_be_null=True,
            decimal_point=self._dialect.decimal,
            **options,
        )
