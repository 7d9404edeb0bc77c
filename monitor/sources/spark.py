"""Tables, queries and files that Spark reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pydantic

from monitor.core import cluster
from monitor.core.cluster import Cluster
from monitor.core.errors import SourceError, SourceNotFoundError, UnreadableSourceError
from monitor.core.ports import Reading, Spread
from monitor.core.window import Window
from monitor.sources.delivery import Delivery
from monitor.sources.pushdown import Limits, limits
from monitor.sources.tables import WHOLE, Span, Table, TableOptions
from monitor.sources.tally import Tally, heard
from monitor.sources.times import Clock

#: A sample is drawn from so many times the rows that are wanted.
_MARGIN = 2
_PACKED = "batch binary"

Settings = dict[str, pydantic.SecretStr | bool | int | float]
Text = Annotated[str, pydantic.Field(min_length=1)]


def _listed(value: object) -> object:
    return (value,) if isinstance(value, (str, Path)) else value


class SparkTable(Table):
    """A table of Spark's catalogs, a query, or files that Spark itself reads.

    **Config**

        [monitors.source]
        kind = "spark"
        table = "lake.sales.orders"       # or query = "SELECT … FROM …"
        # path = "s3a://bucket/orders"    # or path, with format = "parquet", "csv", "delta" …
        # remote = "sc://spark:15002"     # or master = "local[4]"; left out: as the engine says

    A window becomes a filter that Spark pushes down to the files. With `engine = "spark"` the
    rows stay on the executors; with `engine = "local"` they are streamed to this machine.
    """

    class Options(TableOptions, frozen=True, extra="forbid"):
        """Which table, and which Spark."""

        table: Text | None = None
        query: Text | None = None
        path: Annotated[tuple[Text, ...], pydantic.BeforeValidator(_listed)] = ()
        format: Text = "parquet"  #: of `path`: as Spark names it
        read_options: Settings = pydantic.Field(default_factory=dict)  #: of `path`
        master: Text | None = None
        remote: Text | None = None
        conf: Settings = pydantic.Field(default_factory=dict)

        @pydantic.model_validator(mode="after")
        def _one_of_each(self) -> SparkTable.Options:
            if sum(map(bool, (self.table, self.query, self.path))) != 1:
                msg = "name one of `table`, `query` and `path`"
                raise ValueError(msg)
            if self.master and self.remote:
                msg = "name `master` or `remote`, not both"
                raise ValueError(msg)
            return self

    def __init__(self, options: Options, base: Path | str = ".") -> None:
        super().__init__(options, base)
        self._cluster = Cluster.of(options.remote, options.master, options.conf)
        self._opened: Any = None
        self._types = pa.schema([])

    def describe(self) -> str:
        """What a person calls it; a query is not repeated, it may hold secrets."""
        if self.options.table:
            return f"Spark table {self.options.table}"
        return (
            f"Spark {self.options.format} {self._where()}" if self.options.path else "Spark query"
        )

    def look(self) -> pa.Schema:
        """Columns with the types that Arrow has for those of Spark."""
        frame = self._frame()
        if frame.isEmpty():
            raise self.refuse_empty()
        return self._types

    def scan(
        self, columns: Sequence[str], clock: Clock | None, window: Window | None, tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """The rows, partition after partition."""
        del tally
        yield from _streamed(self._chosen(columns, clock, window), columns)

    def scan_some(
        self, rows: int, clock: Clock | None, window: Window | None
    ) -> Iterator[pa.RecordBatch]:
        """Rows drawn from all partitions, the same ones again while the data stay as they are."""
        frame = self._chosen(self.stored.names, clock, window)
        there = frame.count()
        if there > _MARGIN * rows:
            frame = frame.sample(fraction=_MARGIN * rows / there, seed=0)
        yield from _streamed(frame, self.stored.names)

    def span(self, clock: Clock) -> Span | None:
        """First and last time, by Spark; None for text, whose order may not be that of time."""
        if pa.types.is_string(self.stored.field(clock.column).type):
            return None
        from pyspark.sql import functions  # noqa: PLC0415 - an extra

        frame = self._chosen([clock.column], None, None)
        name = frame.columns[0]
        one = frame.agg(functions.min(name), functions.max(name), functions.count("*")).toArrow()
        ends = [clock.read(one.column(at).combine_chunks(), Tally()) for at in (0, 1)]
        first, last = (end.cast(pa.int64())[0].as_py() for end in ends)
        rows = one.column(2)[0].as_py()
        return None if rows and None in (first, last) else Span(first, last, rows)

    def explain(self, error: Exception) -> SourceError | None:
        """Errors of Spark, in one sentence."""
        if not cluster.of_spark(error):
            return None
        why = cluster.reason(error)
        kind = SourceNotFoundError if "NOT_FOUND" in why else UnreadableSourceError
        return kind(f"{self.describe()} cannot be read: {why}")

    def asked(self, question: Any) -> Any:
        """The answer, without what PySpark says of pandas."""
        with cluster.quiet():
            return super().asked(question)

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows of the window: streamed to here, or shared out where they are."""
        reading = super().open(window, timestamp=timestamp, columns=columns)
        clock = self._clock(timestamp, window)
        delivery = Delivery(reading.schema, clock, window)
        reading.spread = partial(self._spread, delivery)
        return reading

    def _spread(self, delivery: Delivery, wanted: int | None) -> Spread:
        names = self._wanted(delivery)
        chosen = self._chosen(names, delivery.clock, delivery.window)
        chosen = chosen if wanted is None else chosen.repartition(wanted)
        count = _partitions(chosen) if wanted is None else wanted

        def frame(session: Callable[[], Any]) -> Any:
            session()  # refuses, when the engine names another cluster
            return chosen

        column = delivery.clock.column if delivery.clock is not None else None
        return Spread(
            frame=frame,
            shares=None if count is None else [None] * count,
            batches=_Fits(tuple(names), delivery).batches,
            notes=lambda told: heard(told).notes(column),
        )

    def _wanted(self, delivery: Delivery) -> list[str]:
        """Columns that a task needs: those delivered, that of the window, or any, to count."""
        wanted = set(delivery.schema.names)
        if delivery.clock is not None and delivery.window is not None:
            wanted.add(delivery.clock.column)
        return [name for name in self.stored.names if name in wanted] or self.stored.names[:1]

    def _frame(self) -> Any:
        """All columns, named by their place: names of people may hold dots and backticks."""
        if self._opened is None:
            found = self._asked_of(cluster.session(self._cluster))
            self._types, readable = _types(found)
            safe = found.toDF(*(_safe(at) for at in range(len(found.columns))))
            self._opened = safe.selectExpr(*readable)
        return self._opened

    def _asked_of(self, session: Any) -> Any:
        options = self.options
        if options.table:
            return session.table(options.table)
        if options.query:
            return session.sql(options.query)
        given = Cluster.of(None, None, options.read_options).conf
        places = [place if "://" in place else str(self._base / place) for place in options.path]
        return session.read.format(options.format).options(**given).load(places)

    def _chosen(self, columns: Sequence[str], clock: Clock | None, window: Window | None) -> Any:
        """Columns of the rows that can be in the window, or have no time."""
        frame, names = self._frame(), self.stored.names
        if clock is not None and window is not None:
            within = limits(clock, window, self.stored.field(clock.column).type)
            if within is not None:
                frame = frame.where(_inside(_safe(names.index(clock.column)), within))
        return frame.select(*(_safe(names.index(name)) for name in columns))

    def _where(self) -> str:
        return ", ".join(self.options.path)


@dataclass(frozen=True, slots=True)
class _Fits:
    """What travels to the tasks: how batches of Spark become those of the reading."""

    names: tuple[str, ...]
    delivery: Delivery

    def batches(self, given: Iterator[pa.RecordBatch], told: list[str]) -> Iterator[pa.RecordBatch]:
        """Rows of the window with the types that were promised."""
        tally, delivery = Tally(), self.delivery
        named = (batch.rename_columns(list(self.names)) for batch in given)
        yield from delivery.fitted(WHOLE, delivery.windowed(WHOLE, named, tally), tally)
        told.append(tally.told())


def _safe(at: int) -> str:
    return f"c{at}"


def _partitions(frame: Any) -> int | None:
    """How many there are, where Spark knows before it runs: not behind a shuffle or a server."""
    if not hasattr(frame, "_jdf"):
        return None
    execution = frame._jdf.queryExecution()  # noqa: SLF001 - no public name
    if "Adaptive" in execution.executedPlan().getClass().getSimpleName():
        return None
    return int(execution.toRdd().getNumPartitions())


def _types(frame: Any) -> tuple[pa.Schema, list[str]]:
    """Arrow types, and expressions that give them: what Arrow has no type for becomes text."""
    from pyspark.sql.pandas.types import to_arrow_type  # noqa: PLC0415 - an extra

    fields, readable = [], []
    for at, field in enumerate(frame.schema.fields):
        try:
            kind, read = to_arrow_type(field.dataType, timezone="UTC"), _safe(at)
        except Exception as error:
            if not cluster.of_spark(error):
                raise
            kind, read = pa.string(), f"cast({_safe(at)} as string) as {_safe(at)}"
        fields.append(pa.field(field.name, kind))
        readable.append(read)
    return pa.schema(fields), readable


def _inside(column: str, within: Limits) -> str:
    """A filter in SQL over a column whose name is ours, and literals that are dates or numbers."""
    low, high = _literal(within.low), _literal(within.high)
    inside = f"({column} >= {low} and {column} < {high}) or {column} is null"
    return f"{inside} or {column} not like '____-__-__%'" if within.text else inside


def _literal(value: object) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, datetime):
        kind = "timestamp_ntz" if value.tzinfo is None else "timestamp"
        return f"{kind} '{value.isoformat(sep=' ')}'"
    assert isinstance(value, date)
    return f"date '{value.isoformat()}'"


def _streamed(frame: Any, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of the rows, one partition at a time: they need not fit in memory."""
    for row in frame.mapInArrow(_packed, _PACKED).toLocalIterator():
        with pa.ipc.open_stream(bytes(row["batch"])) as stream:
            for batch in stream:
                yield batch.rename_columns(list(names))


def _packed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield pa.RecordBatch.from_pydict({"batch": [sink.getvalue().to_pybytes()]})


plugin = SparkTable
