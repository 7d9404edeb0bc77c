"""A table or a query of a database that SQLAlchemy knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
import pydantic
import sqlalchemy as sa

from monitor.core.errors import SourceError
from monitor.core.window import Window
from monitor.sources.database import adbc, asking, duckdb
from monitor.sources.database.columns import (
    array_of,
    batches_of,
    declared,
    described,
    exotic,
    schema_of,
    text_dates,
)
from monitor.sources.database.connecting import SecretUrl, explain, open_engine, shown
from monitor.sources.readers import check_names
from monitor.sources.tables import Span, Table, TableOptions
from monitor.sources.tally import Tally
from monitor.sources.times import Clock

#: Rows that types are found out from, where the database does not say them.
_LOOKED_AT = 1_000

Name = Annotated[str, pydantic.Field(min_length=1)]


class Sql(Table):
    """A table, view or query of SQLite, PostgreSQL, MariaDB, MySQL, DuckDB, or any other.

    **Config**

        [monitors.source]
        kind = "sql"
        url = "postgresql://reader:${PGPASSWORD}@db.example.com/shop"
        table = "orders"        # or query = "SELECT … FROM …"

    The window is asked for with bound parameters, so that an index on the timestamp column is
    used; rows come through a cursor of the server, in batches. Nothing is ever written.
    """

    class Options(TableOptions, frozen=True, extra="forbid", populate_by_name=True):
        """Which database, and what of it."""

        url: Annotated[SecretUrl, pydantic.Field(min_length=1)]
        table: Name | None = None
        db_schema: Name | None = pydantic.Field(None, alias="schema")
        query: Name | None = pydantic.Field(None, repr=False)
        fetch_rows: int = pydantic.Field(10_000, ge=1, le=1_000_000)
        adbc: bool | Literal["auto"] = "auto"  #: PostgreSQL by ADBC, where it is installed

        @pydantic.model_validator(mode="after")
        def _one_of_both(self) -> Self:
            if (self.table is None) == (self.query is None):
                msg = "needs one of both: `table`, or `query`"
                raise ValueError(msg)
            return self

    def __init__(self, options: Options, base: Path | str = ".") -> None:
        super().__init__(options, base)
        self._exotic: frozenset[str] = frozenset()

    def describe(self) -> str:
        """What a person calls it."""
        table, schema = self.options.table, self.options.db_schema
        what = "a query" if table is None else f"table {f'{schema}.' if schema else ''}{table}"
        return f"{what} of {shown(self.options.url.get_secret_value())}"

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_engine(self.options.url.get_secret_value(), self._base)

    @property
    def _backend(self) -> str:
        return self._engine.url.get_backend_name()

    @property
    def _rows(self) -> sa.FromClause:
        options, known = self.options, self._stored
        names = () if known is None else known.names
        return asking.rows_from(options.table, options.db_schema, options.query, names)

    def look(self) -> pa.Schema:
        """Columns and types: as the cursor says, as the table declares, as some values are."""
        question = asking.everything(self._rows).limit(_LOOKED_AT)
        if self._backend == "duckdb":
            with duckdb.reader(self._engine, question, _LOOKED_AT) as reader:
                return self._arrow_schema(reader)
        with self._asked(question) as result:
            names = list(result.keys())
            check_names(names, self.describe())
            description: Any = result.cursor.description
            rows = result.fetchall()
        if not rows:
            raise self.refuse_empty()
        known = described(description, self._backend)
        self._exotic = exotic(names, description, self._backend)
        self.dates = text_dates(names, rows)
        return schema_of(names, known, self._declared(known), rows)

    def _arrow_schema(self, reader: pa.RecordBatchReader) -> pa.Schema:
        found: pa.Schema = reader.schema
        if all(batch.num_rows == 0 for batch in reader):
            raise self.refuse_empty()
        return found

    def _declared(self, known: Sequence[pa.DataType | None]) -> dict[str, pa.DataType | None]:
        """Types that the table was made with, where the cursor does not say all of them."""
        if self.options.table is None or all(dtype is not None for dtype in known):
            return {}
        timeless = self._backend == "sqlite"  # it keeps times as text or as numbers
        try:
            found = sa.inspect(self._engine).get_columns(self.options.table, self.options.db_schema)
        except (sa.exc.SQLAlchemyError, NotImplementedError):
            return {}
        types = {column["name"]: declared(column["type"]) for column in found}
        return {
            name: None if timeless and dtype is not None and pa.types.is_temporal(dtype) else dtype
            for name, dtype in types.items()
        }

    def scan(
        self, columns: Sequence[str], clock: Clock | None, window: Window | None, tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        """Rows of the window by one question."""
        return self._batches(self._question(columns, clock, window), columns, tally)

    def scan_some(
        self, rows: int, clock: Clock | None, window: Window | None
    ) -> Iterator[pa.RecordBatch]:
        """Every k-th row, counted by the database; few rows are read whole."""
        names = self.stored.names
        question = self._question(names, clock, window)
        counted = asking.count(question)
        with self._asked(counted) as result:
            wanted = rows * asking.surplus(self.stored, clock, window)
            step = int(result.scalar_one() / max(wanted, 1))
        if step > 1:
            question = asking.every(question, names, step)
        yield from self._batches(question, names, Tally())

    def span(self, clock: Clock) -> Span | None:
        """First and last time, and the rows, by the database."""
        dtype = self.stored.field(clock.column).type
        question = asking.span(self._rows, clock, dtype)
        if question is None:
            return None
        with self._asked(question) as result:
            first, last, rows = tuple(result.one())
        field = pa.field(clock.column, dtype)
        times = clock.read(array_of([first, last], field, Tally()), Tally())
        low, high = times.cast(pa.int64()).to_pylist()
        return Span(low, high, int(rows))

    def explain(self, error: Exception) -> SourceError | None:
        """What an error of a driver means."""
        return explain(error, self.describe()) or adbc.explain(error, self.describe())

    def _question(
        self, names: Sequence[str], clock: Clock | None, window: Window | None
    ) -> sa.Select[Any]:
        stored = self.stored  # looked at first: it says what is to be cast
        return asking.selected(self._rows, stored, names, clock, window, cast=self._exotic)

    def _batches(
        self, question: sa.Select[Any], names: Sequence[str], tally: Tally
    ) -> Iterator[pa.RecordBatch]:
        schema = pa.schema([self.stored.field(name) for name in names])
        rows = self.options.fetch_rows
        if self._by_adbc():
            yield from adbc.batches(self._engine.url, question, schema, tally)
        elif self._backend == "duckdb":
            with duckdb.reader(self._engine, question, rows) as reader:
                yield from reader
        else:
            with self._asked(question) as result:
                yield from batches_of(result.fetchmany, schema, rows, tally)

    @contextmanager
    def _asked(self, question: sa.Select[Any]) -> Iterator[sa.CursorResult[Any]]:
        """The result of a question, streamed where the driver can; all is closed at the end."""
        options: dict[str, Any] = {
            "stream_results": True,
            "max_row_buffer": self.options.fetch_rows,
        }
        if self._backend == "postgresql":
            options["postgresql_readonly"] = True
        with (
            self._engine.connect() as connection,
            connection.execution_options(**options).execute(question) as result,
        ):
            yield result

    def _by_adbc(self) -> bool:
        wanted = self.options.adbc
        if wanted is False or self._backend != "postgresql":
            return False
        if wanted is True:
            adbc.require()
        return adbc.installed()


plugin = Sql
