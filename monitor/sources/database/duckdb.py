"""DuckDB hands out Arrow by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa


@contextmanager
def reader(
    engine: sa.Engine, question: sa.Select[Any], rows: int
) -> Iterator[pa.RecordBatchReader]:
    """The batches of a result, of at most about `rows` rows; nothing goes through Python.

    Raises
    ------
    duckdb.Error
        See `connecting.explain`.
    """
    compiled = question.compile(engine)
    values = [compiled.params[name] for name in compiled.positiontup or ()]
    with engine.connect() as connection:
        native: Any = connection.connection.driver_connection
        relation = native.sql(str(compiled), params=values)
        # The second name is that of releases before 1.5.
        ask = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
        yield ask(rows)
