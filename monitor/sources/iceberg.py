"""Tables of Apache Iceberg."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
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
from monitor.sources.pushdown import limits
from monitor.sources.tables import Span, Table, TableOptions, spread
from monitor.sources.tally import Tally
from monitor.sources.times import Clock

if TYPE_CHECKING:
    from pyiceberg.table import DataScan, FileScanTask
    from pyiceberg.table import Table as Found

#: Files that a sample is taken from.
_FILES = 16
_SQLITE = "sqlite:///"

Text = Annotated[str, pydantic.Field(min_length=1)]


class Iceberg(Table):
    """An Iceberg table, by its catalog or by its metadata file.

    **Config**

        [monitors.source]
        kind = "iceberg"
        table = "lake.orders"
        catalog = "prod"
        # snapshot = 4532040695648366029  # or the one of a time: as_of = 2024-05-01

        [monitors.source.properties]      # of the catalog, as PyIceberg names them
        type = "rest"
        uri = "https://catalog.example.com"
        token = "${CATALOG_TOKEN}"

    Each run reads one snapshot, the newest unless the config names one, and keeps its id. A
    window reads only the partitions and files that can hold its rows.
    """

    class Options(TableOptions, frozen=True, extra="forbid"):
        """Which table, and which snapshot of it."""

        table: Text | None = None
        catalog: Text = "default"
        properties: dict[str, pydantic.SecretStr] = pydantic.Field(default_factory=dict)
        metadata: Text | None = None  #: instead of a catalog: path or URL of the metadata file
        snapshot: int | None = None
        as_of: datetime | None = None  #: the snapshot of that time; without a zone: UTC

        @pydantic.model_validator(mode="after")
        def _one_of_both(self) -> Self:
            if (self.table is None) == (self.metadata is None):
                msg = "needs one of both: `table` in a catalog, or `metadata`"
                raise ValueError(msg)
            if self.snapshot is not None and self.as_of is not None:
                msg = "names `snapshot` and `as_of`; keep one"
                raise ValueError(msg)
            return self

    def __init__(self, options: Options, base: Path | str = ".") -> None:
        super().__init__(options, base)

    def describe(self) -> str:
        """What a person calls it."""
        options = self.options
        if options.table is None:
            return f"Iceberg table {places.redacted(str(options.metadata))}"
        return f"Iceberg table {options.table} of catalog {options.catalog}"

    def pinned(self) -> dict[str, str | int | None]:
        """The snapshot that is read."""
        return {"snapshot": self._snapshot, "table": str(self._table.metadata.table_uuid)}

    @cached_property
    def _table(self) -> Found:
        return self.asked(self._opened)  # type: ignore[no-any-return]

    def _opened(self) -> Found:
        try:
            from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - an extra
            from pyiceberg.table import StaticTable  # noqa: PLC0415
        except ImportError:
            msg = "Iceberg tables need pyiceberg: pip install 'driftloop[iceberg]'."
            raise PluginError(msg) from None
        properties = self._properties()
        if self.options.metadata is not None:
            return StaticTable.from_metadata(self._absolute(self.options.metadata), properties)
        catalog = load_catalog(self.options.catalog, **properties)
        return catalog.load_table(str(self.options.table))

    def _properties(self) -> dict[str, str]:
        """As they are given; paths of this machine start from the folder of the config."""
        found = {key: text.get_secret_value() for key, text in self.options.properties.items()}
        if "warehouse" in found:
            found["warehouse"] = self._absolute(found["warehouse"])
        if found.get("uri", "").startswith(_SQLITE):
            path = self._base / found["uri"].removeprefix(_SQLITE)
            if not path.exists():  # it would be created
                msg = f"There is no catalog {path}. Correct `uri` under the properties."
                raise SourceNotFoundError(msg)
            found["uri"] = f"{_SQLITE}{path}"
        return found

    def _absolute(self, place: str) -> str:
        return place if "://" in place else str(self._base / Path(place).expanduser())

    @cached_property
    def _snapshot(self) -> int | None:
        """The id of the snapshot that is read; None: the table never had one."""
        table, options = self._table, self.options
        if options.as_of is not None:
            moment = options.as_of if options.as_of.tzinfo else options.as_of.replace(tzinfo=UTC)
            found = table.snapshot_as_of_timestamp(int(moment.timestamp() * 1000))
            if found is None:
                msg = f"{self.describe()} has no snapshot as old as {moment.isoformat()}."
                raise SourceNotFoundError(msg)
            return int(found.snapshot_id)
        if options.snapshot is not None:
            if table.snapshot_by_id(options.snapshot) is None:
                msg = f"{self.describe()} has no snapshot {options.snapshot}; it may have expired."
                raise SourceNotFoundError(msg)
            return int(options.snapshot)
        newest = table.current_snapshot()
        return None if newest is None else int(newest.snapshot_id)

    def look(self) -> pa.Schema:
        """Columns and types of the snapshot."""
        if self._snapshot is None or self.rows_known() == 0:
            raise self.refuse_empty()
        found: pa.Schema = self._scan(None, None).projection().as_arrow()
        return found

    def rows_known(self) -> int | None:
        """As the manifests count them."""
        return None if self._snapshot is None else int(self._scan(None, None).count())

    def scan(
        self, columns: Sequence[str], clock: Clock | None, window: Window | None, tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """Rows of the window, from the files that can hold them."""
        del tally
        found = self._scan(clock, window, columns)
        yield from self._batches(found, found.plan_files())

    def scan_some(
        self, rows: int, clock: Clock | None, window: Window | None
    ) -> Iterator[pa.RecordBatch]:
        """Some files from all over the table; all of a small one."""
        found = self._scan(clock, window)
        yield from self._batches(found, _enough(list(found.plan_files()), rows))

    def _batches(self, found: DataScan, tasks: Iterable[FileScanTask]) -> Iterator[pa.RecordBatch]:
        """Rows of files one after the other, so that memory does not grow with the table.

        PyIceberg itself decodes files whole, and several ahead. A file with deleted rows is still
        decoded whole.
        """
        from pyiceberg.io.pyarrow import ArrowScan  # noqa: PLC0415 - an extra

        reader = ArrowScan(
            self._table.metadata, self._table.io, found.projection(), found.row_filter
        )
        streamed: Any = getattr(reader, "_record_batches_from_scan_tasks_and_deletes", None)
        for task in tasks:
            if streamed is None or task.delete_files:
                yield from reader.to_record_batches([task])
            else:
                yield from streamed([task], {})

    def span(self, clock: Clock) -> Span | None:
        """By the statistics of the files, exact near both ends."""
        from pyiceberg.conversions import from_bytes  # noqa: PLC0415 - an extra

        dtype = self.stored.field(clock.column).type
        kinds = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_integer)
        found = self._scan(None, None)
        field = found.projection().find_field(clock.column)
        files = [task.file for task in found.plan_files()]
        bounds = [
            side.get(field.field_id)
            for file in files
            for side in (file.lower_bounds or {}, file.upper_bounds or {})
        ]
        rows = self.rows_known()
        if rows is None or None in bounds or not any(kind(dtype) for kind in kinds):
            return None
        whole = pa.int32() if pa.types.is_date(dtype) else pa.int64()
        kind: Any = field.field_type
        values = [from_bytes(kind, bound) for bound in bounds if bound is not None]
        times = clock.read(pa.array(values, whole).cast(dtype), Tally()).cast(pa.int64())
        known = [time for time in times.to_pylist() if time is not None]
        return self.near_ends(clock, min(known), max(known), rows) if known else None

    def explain(self, error: Exception) -> SourceError | None:
        """What an error of PyIceberg, its catalog or its files means."""
        kinds = {kind.__name__ for kind in type(error).__mro__}
        modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
        said = places.reason(error)
        if kinds & {"NoSuchTableError", "NoSuchNamespaceError"}:
            msg = f"{self.describe()} is not there: {said}. Correct `table` or the properties."
            return SourceNotFoundError(msg)
        if (
            isinstance(error, (OSError, ConnectionError))
            and not isinstance(error, FileNotFoundError)
        ) or kinds & {"ServerError", "ServiceUnavailableError", "CommitStateUnknownException"}:
            msg = f"{self.describe()} broke off: {said}. Run again when the catalog answers."
            return SourceInterruptedError(msg)
        known = (pa.ArrowException, OSError, ValueError, KeyError)
        if isinstance(error, known) or modules & {"pyiceberg", "sqlalchemy", "pydantic"}:
            msg = f"{self.describe()} cannot be read: {said}. Correct `table` or the properties."
            return UnreadableSourceError(msg)
        return None

    def _scan(
        self, clock: Clock | None, window: Window | None, columns: Sequence[str] = ("*",)
    ) -> DataScan:
        wanted = self._filter(clock, window)
        return self._table.scan(
            **({} if wanted is None else {"row_filter": wanted}),
            selected_fields=tuple(columns),
            snapshot_id=self._snapshot,
        )

    def _filter(self, clock: Clock | None, window: Window | None) -> Any:
        """An expression for rows that can be in the window, or have no time; None: for all."""
        from pyiceberg import expressions  # noqa: PLC0415 - an extra

        given: Any = expressions  # its constructors take places, which its annotations deny
        if clock is None or window is None:
            return None
        bounds = limits(clock, window, self.stored.field(clock.column).type)
        if bounds is None or bounds.text:
            return None
        name = clock.column
        inside = given.And(
            given.GreaterThanOrEqual(name, _literal(bounds.low)),
            given.LessThan(name, _literal(bounds.high)),
        )
        return given.Or(inside, given.IsNull(name))


def _literal(value: object) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _enough(tasks: list[FileScanTask], rows: int) -> list[FileScanTask]:
    """Files from all over the table that hold so many rows together, or all."""
    few = _FILES
    while few < len(tasks):
        chosen = [tasks[at] for at in spread(len(tasks), few)]
        if sum(task.file.record_count for task in chosen) >= 2 * rows:
            return chosen
        few *= 2
    return tasks


plugin = Iceberg
