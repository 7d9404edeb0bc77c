"""Parquet: row groups pruned by statistics, columns taken by index, never by dotted name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.sources.places import Place
from monitor.sources.readers import BATCH_BYTES, BATCH_ROWS, Request, Span, check_names
from monitor.sources.tally import Tally
from monitor.sources.times import Clock, microseconds, plain_time

#: A dictionary page of at most so many bytes holds few levels (compressed, as stored).
_FEW_LEVELS_BYTES = 32_768
#: A sample decodes at most so many rows.
_DECODED_ROWS = 2_000_000
#: … of at least so many row groups, if there are and if that allows it.
_LEAST_GROUPS = 16


def _leaves(dtype: pa.DataType) -> int:
    """How many Parquet columns a type is stored in."""
    if isinstance(dtype, pa.BaseExtensionType):
        return _leaves(dtype.storage_type)
    if pa.types.is_dictionary(dtype):
        return _leaves(dtype.value_type)
    if pa.types.is_map(dtype):
        return _leaves(dtype.key_type) + _leaves(dtype.item_type)
    if pa.types.is_nested(dtype):
        return sum(_leaves(dtype.field(i).type) for i in range(dtype.num_fields))
    return 1


class ParquetReader:
    """One Parquet file."""

    def __init__(self, place: Place) -> None:
        self._place = place
        with self._open() as file:
            self.schema: pa.Schema = file.schema_arrow.remove_metadata()
            self._metadata = file.metadata
        check_names(self.schema.names, place.name)
        self.rows: int | None = self._metadata.num_rows
        self.empty = self.rows == 0
        self.notes: list[Note] = []
        self._indices = self._leaf_indices()

    def _open(self, categories: Sequence[int] = ()) -> pq.ParquetFile:
        # No memory map: a file cut short while mapped would kill the process (SIGBUS).
        handle = self._place.filesystem.open_input_file(self._place.path)
        return pq.ParquetFile(
            handle,
            read_dictionary=list(categories) or None,
            pre_buffer=not self._place.local,
            buffer_size=0 if not self._place.local else 1 << 20,
        )

    def _leaf_indices(self) -> dict[str, tuple[int, ...]]:
        """Top-level column -> its Parquet columns."""
        indices, start = {}, 0
        for field in self.schema:
            count = _leaves(field.type)
            indices[field.name] = tuple(range(start, start + count))
            start += count
        if start != self._metadata.num_columns:  # a nesting that is not known here: read all
            return dict.fromkeys(self.schema.names, tuple(range(self._metadata.num_columns)))
        return indices

    def batches(self, request: Request, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Rows of the row groups that may hold rows of the window."""
        groups = self._groups(request.clock, request.window, tally, request.groups)
        yield from self._read(groups, request, BATCH_ROWS)

    def sample(self, request: Request, rows: int, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Rows of row groups spread over the file, of all where they are few.

        Parquet cannot be entered in the middle of a row group. Row groups that are too large to be
        decoded for a sample give their first rows only.
        """
        groups = self._groups(request.clock, request.window, tally)
        if not groups:
            return
        sizes = [int(self._metadata.row_group(group).num_rows) for group in groups]
        budget = max(_DECODED_ROWS, 4 * rows)
        if self.sampled_whole(rows):
            yield from self._read(groups, request, BATCH_ROWS)
            return
        wanted = max(_LEAST_GROUPS, -(-4 * rows * len(groups) // max(sum(sizes), 1)))
        count = max(1, min(wanted, budget // max(*sizes, 1), len(groups)))
        for at in np.linspace(0, len(groups) - 1, count).round():
            seen = 0
            for batch in self._read([groups[int(at)]], request, BATCH_ROWS // 8):
                yield batch
                seen += batch.num_rows
                if seen >= budget // count:
                    break

    def sampled_whole(self, rows: int) -> bool:
        """Whether the file is so small that its samples are made from all rows."""
        groups: int = self._metadata.num_row_groups
        few: bool = self._metadata.num_rows <= max(_DECODED_ROWS, 4 * rows)
        return few and groups <= _LEAST_GROUPS

    def span(self, clock: Clock) -> Span | None:
        """First and last time by the statistics of all row groups."""
        bounds = [self._bounds(group, clock) for group in range(self._metadata.num_row_groups)]
        if any(bound is None for bound in bounds):
            return None
        spans = [bound for bound in bounds if bound is not None]
        firsts = [span.first for span in spans if span.first is not None]
        lasts = [span.last for span in spans if span.last is not None]
        return Span(
            min(firsts, default=None), max(lasts, default=None), sum(span.nulls for span in spans)
        )

    def few_levels(self) -> frozenset[str]:
        """Text columns whose dictionary, in the first row group, is small."""
        if self._metadata.num_row_groups == 0:
            return frozenset()
        group = self._metadata.row_group(0)
        return frozenset(
            field.name
            for field in self.schema
            if (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
            and len(self._indices[field.name]) == 1
            and _few(group.column(self._indices[field.name][0]), group.num_rows)
        )

    def _read(self, groups: Sequence[int], request: Request, rows: int) -> Iterator[pa.RecordBatch]:
        names = [name for name in request.columns if name in self._indices]
        if not groups:
            return
        leaves = sorted({index for name in names for index in self._indices[name]})
        dictionaries = [self._indices[name][0] for name in names if name in request.categories]
        size = min(rows, max(256, int(BATCH_BYTES / self._row_bytes(groups, leaves))))
        with self._open(dictionaries) as file:
            # By index: `ParquetFile.iter_batches(columns=…)` takes the dots of a name as nesting.
            for batch in file.reader.iter_batches(
                size, row_groups=list(groups), column_indices=leaves, use_threads=True
            ):
                yield batch.select(names)

    def _row_bytes(self, groups: Sequence[int], leaves: Sequence[int]) -> float:
        """Decoded bytes of a row, as far as the first row group tells."""
        group = self._metadata.row_group(groups[0])
        stored = sum(int(group.column(leaf).total_uncompressed_size) for leaf in leaves)
        rows: int = group.num_rows
        return max(1.0, stored / max(rows, 1))

    def groups(self, clock: Clock | None, window: Window | None) -> list[int] | None:
        """Rows of each row group; 0 where statistics say that none is in the window."""
        kept = set(self._groups(clock, window, Tally()))
        sizes = [
            int(self._metadata.row_group(n).num_rows) for n in range(self._metadata.num_row_groups)
        ]
        return [rows if number in kept else 0 for number, rows in enumerate(sizes)]

    def _groups(
        self,
        clock: Clock | None,
        window: Window | None,
        tally: Tally,
        among: tuple[int, int] | None = None,
    ) -> list[int]:
        """Row groups that statistics do not rule out; their null times are counted here."""
        every = list(range(*(among or (0, self._metadata.num_row_groups))))
        if clock is None or window is None:
            return every
        low, high = microseconds(window.start), microseconds(window.end)
        kept = []
        for group in every:
            span = self._bounds(group, clock)
            if span is None or (
                span.first is not None
                and span.last is not None
                and span.first < high
                and span.last >= low
            ):
                kept.append(group)
            else:
                tally.null_times += span.nulls
        return kept

    def _bounds(self, group: int, clock: Clock) -> Span | None:
        indices = self._indices.get(clock.column, ())
        if len(indices) != 1:
            return None
        dtype = plain_time(self.schema.field(clock.column).type)
        chunk = self._metadata.row_group(group).column(indices[0])
        if not chunk.is_stats_set or chunk.physical_type not in ("INT64", "INT32"):
            return None
        statistics = chunk.statistics
        if not statistics.has_null_count:
            return None
        if statistics.null_count == chunk.num_values:
            return Span(None, None, statistics.null_count)
        if not statistics.has_min_max:
            return None
        unit = _stored_unit(chunk, dtype)
        first, last = (
            clock.statistic(statistics.min_raw, unit),
            clock.statistic(statistics.max_raw, unit),
        )
        return None if first is None or last is None else Span(first, last, statistics.null_count)


def _stored_unit(chunk: pq.ColumnChunkMetaData, dtype: pa.DataType) -> pa.DataType:
    """The unit that raw statistics count in: that of the file, not that of the Arrow schema."""
    if not pa.types.is_timestamp(dtype):
        return dtype
    logical = str(chunk.statistics.logical_type)
    for name, unit in (("milli", "ms"), ("micro", "us"), ("nano", "ns")):
        if name in logical:
            return pa.timestamp(unit)
    return dtype


def _few(chunk: pq.ColumnChunkMetaData, rows: int) -> bool:
    if not chunk.has_dictionary_page or chunk.dictionary_page_offset is None:
        return False
    dictionary = chunk.data_page_offset - chunk.dictionary_page_offset
    # Codes of few levels take at most two bytes a row; more means that it gave up on them.
    return bool(
        dictionary <= min(_FEW_LEVELS_BYTES, max(rows // 2, 256))
        and chunk.total_uncompressed_size <= 2.5 * rows + 4 * _FEW_LEVELS_BYTES
    )
