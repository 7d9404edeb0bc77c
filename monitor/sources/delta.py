"""Tables of Delta Lake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import pyarrow as pa
import pydantic

from monitor.core.errors import (
    PluginError,
    SourceError,
    SourceInterruptedError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from monitor.core.window import Window
from monitor.sources import places
from monitor.sources.arrowscan import window_filter, window_text
from monitor.sources.readers import BATCH_ROWS
from monitor.sources.tables import Span, Table, TableOptions, spread
from monitor.sources.tally import Tally
from monitor.sources.times import Clock, plain_time
from monitor.sources.types import without_views

if TYPE_CHECKING:
    from deltalake import DeltaTable

#: Files, and groups of rows in each, that a sample is taken from.
_FILES, _GROUPS = 64, 4
_BATCHES_AHEAD = 4


class Delta(Table):
    """A Delta table, on disk or in an object store.

    **Config**

        [monitors.source]
        kind = "delta"
        path = "s3://lake/orders"
        # version = 12                    # that version, or the one of a time: as_of = 2024-05-01

    Each run reads one version, the newest unless the config names one, and keeps its number. A
    window reads only the partitions and files that can hold its rows.
    """

    class Options(TableOptions, frozen=True, extra="forbid"):
        """Where the table is, and which version of it."""

        path: Annotated[str, pydantic.Field(min_length=1, repr=False)]
        version: int | None = pydantic.Field(None, ge=0)
        as_of: datetime | None = None  #: the version of that time; without a zone: UTC
        storage_options: dict[str, pydantic.SecretStr] = pydantic.Field(default_factory=dict)

        @pydantic.model_validator(mode="after")
        def _one_at_most(self) -> Self:
            if self.version is not None and self.as_of is not None:
                msg = "names `version` and `as_of`; keep one"
                raise ValueError(msg)
            return self

    def __init__(self, options: Options, base: Path | str = ".") -> None:
        super().__init__(options, base)

    def describe(self) -> str:
        """What a person calls it."""
        return f"Delta table {places.redacted(self.options.path)}"

    def pinned(self) -> dict[str, str | int | None]:
        """The version that is read."""
        return {"version": self._table.version(), "table": str(self._table.metadata().id)}

    @cached_property
    def _table(self) -> DeltaTable:
        return self.asked(self._opened)  # type: ignore[no-any-return]

    def _opened(self) -> DeltaTable:
        try:
            from deltalake import DeltaTable  # noqa: PLC0415 - an extra
        except ImportError:
            msg = "Delta tables need deltalake: pip install 'driftloop[delta]'."
            raise PluginError(msg) from None
        path, options = self.options.path, self.options
        place = path if "://" in path else str(self._base / Path(path).expanduser())
        storage = {key: value.get_secret_value() for key, value in options.storage_options.items()}
        table = DeltaTable(place, version=options.version, storage_options=storage or None)
        if options.as_of is not None:
            moment = options.as_of if options.as_of.tzinfo else options.as_of.replace(tzinfo=UTC)
            made = [entry["timestamp"] for entry in table.history() if "timestamp" in entry]
            table.load_as_version(moment)  # of an older time it is the first one
            if made and min(made) > moment.timestamp() * 1000:
                msg = f"{self.describe()} has no version as old as {moment.isoformat()}."
                raise SourceNotFoundError(msg)
        return table

    @cached_property
    def _dataset(self) -> Any:
        """What Arrow reads, in the order of the files; None where only the engine of Delta can.

        That is so for tables with column mapping or deletion vectors.
        """
        features = set(self._table.protocol().reader_features or ())
        mapping = self._table.metadata().configuration.get("delta.columnMapping.mode", "none")
        if mapping != "none" or features & {"columnMapping", "deletionVectors"}:
            return None
        return self._table.to_pyarrow_dataset()

    def look(self) -> pa.Schema:
        """Columns and types of the version."""
        if self.rows_known() == 0:
            raise self.refuse_empty()
        return pa.schema(self._table.schema().to_arrow())

    def rows_known(self) -> int | None:
        """As the table's log counts them."""
        return int(self._table.count())

    def scan(
        self, columns: Sequence[str], clock: Clock | None, window: Window | None, tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """Rows of the window, from the files that can hold them."""
        del tally
        if self._dataset is None:
            predicate = window_text(clock, window, self.stored)
            found = self._table.scan(columns=list(columns), predicate=predicate)
            for batch in pa.RecordBatchReader.from_stream(found):
                arrays = [without_views(column) for column in batch.columns]
                yield pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)
            return
        wanted = window_filter(clock, window, self.stored)
        yield from self._batches(self._dataset, columns, wanted)

    def _batches(self, data: Any, columns: Sequence[str], wanted: Any) -> Iterator[pa.RecordBatch]:
        scanner = data.scanner(
            columns=list(columns),
            filter=wanted,
            batch_size=BATCH_ROWS,
            batch_readahead=_BATCHES_AHEAD,
            fragment_readahead=1,
            **({} if data is self._dataset else {"schema": self._dataset.schema}),
        )
        for batch in scanner.to_batches():
            if batch.num_rows:
                yield batch

    def scan_some(
        self, rows: int, clock: Clock | None, window: Window | None
    ) -> Iterator[pa.RecordBatch]:
        """Groups of rows from all over the files."""
        known, names = self.rows_known(), self.stored.names
        if self._dataset is None or known is None or known <= rows * 4:
            yield from self.scan(names, clock, window, Tally())
            return
        wanted = window_filter(clock, window, self.stored)
        files = list(self._dataset.get_fragments(filter=wanted))
        chosen = [
            groups[at]
            for file in (files[at] for at in spread(len(files), _FILES))
            for groups in [list(file.split_by_row_group(wanted, self._dataset.schema))]
            for at in spread(len(groups), max(_GROUPS, _FILES // max(len(files), 1)))
        ]
        for group in chosen:
            yield from self._batches(group, names, wanted)

    def span(self, clock: Clock) -> Span | None:
        """By the statistics of the files, exact near both ends."""
        dtype = plain_time(self.stored.field(clock.column).type)
        files = pa.table(self._table.get_add_actions(flatten=True))
        names = [f"{end}.{clock.column}" for end in ("min", "max")]
        rows = self.rows_known()
        if rows is None or pa.types.is_string(dtype) or not set(names) <= set(files.column_names):
            return None
        low, high = (files.column(name).combine_chunks() for name in names)
        if low.null_count or high.null_count:
            return None
        first, last = (
            clock.read(end.cast(dtype, safe=False), Tally()).cast(pa.int64()).to_pylist()
            for end in (low, high)
        )
        return self.near_ends(clock, min(first), max(last), rows)

    def explain(self, error: Exception) -> SourceError | None:
        """What an error of deltalake, or of Arrow, means."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        said = places.reason(error)
        if "TableNotFoundError" in kinds:
            msg = f"{self.describe()} is not there: {said}. Correct the `path`."
            return SourceNotFoundError(msg)
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            msg = f"{self.describe()} broke off: {said}. Run again when the store answers."
            return SourceInterruptedError(msg)
        if "DeltaError" in kinds or isinstance(error, (pa.ArrowException, OSError, ValueError)):
            msg = f"{self.describe()} cannot be read: {said}. Correct the `path` or the version."
            return UnreadableSourceError(msg)
        return None


plugin = Delta
