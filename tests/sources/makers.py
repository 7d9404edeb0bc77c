"""One table in every kind of source: the contract in test_contract.py is held against each."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pyarrow import csv, feather, fs
from sqlalchemy.dialects import mysql

from monitor.core import plugins
from monitor.core.ports import Source

SQL_TYPES = {
    "int64": sa.BigInteger(),
    "double": sa.Double(),
    "string": sa.Text(),
    "bool": sa.Boolean(),
}


@dataclass(frozen=True)
class Made:
    """How a source is made of a table, and how rows are added to what it reads."""

    kind: str
    write: Callable[[pa.Table], None]
    options: dict[str, Any]
    base: Path
    not_there: dict[str, Any]  #: options that name what is not there
    longest: int = 500  #: characters of a column's name
    refused: frozenset[str] = frozenset()  #: names that the store itself does not take

    def source(self, **more: Any) -> Source:
        return build(self.kind, {**self.options, **more}, self.base)


def build(kind: str, options: dict[str, Any], base: Path) -> Source:
    plugin = plugins.load("sources", kind)
    return plugin(plugin.Options.model_validate(options), base)


Maker = Callable[[pytest.FixtureRequest, Path], Made]
MAKERS: dict[str, Maker] = {}


def maker(name: str) -> Callable[[Maker], Maker]:
    def kept(made: Maker) -> Maker:
        MAKERS[name] = made
        return made

    return kept


def _files(ending: str, put: Callable[[pa.Table, Path], None]) -> Maker:
    def made(request: pytest.FixtureRequest, folder: Path) -> Made:
        data = folder / "data"
        data.mkdir()

        def write(table: pa.Table) -> None:
            put(table, data / f"part-{len(list(data.iterdir()))}.{ending}")

        options = {"path": f"data/*.{ending}"}
        return Made("files", write, options, folder, {"path": f"gone/*.{ending}"})

    return made


def _jsonl(table: pa.Table, path: Path) -> None:
    with path.open("w") as file:
        for row in table.to_pylist():
            file.write(json.dumps(row, default=lambda value: value.isoformat()) + "\n")


maker("files: parquet")(_files("parquet", pq.write_table))
maker("files: csv")(_files("csv", csv.write_csv))
maker("files: json lines")(_files("jsonl", _jsonl))
maker("files: arrow")(_files("arrow", feather.write_feather))


@maker("files: s3")
def _s3(request: pytest.FixtureRequest, folder: Path) -> Made:
    address = request.getfixturevalue("s3")
    storage = {
        "access_key": "me",
        "secret_key": "s3cret-word",
        "endpoint_override": address,
        "region": "us-east-1",
        "allow_bucket_creation": True,
    }
    bucket, names = f"b{uuid.uuid4().hex}", iter(range(100))
    remote = fs.S3FileSystem(**storage)
    remote.create_dir(bucket)

    def write(table: pa.Table) -> None:
        pq.write_table(table, f"{bucket}/data/part-{next(names)}.parquet", filesystem=remote)

    options = {"path": f"s3://{bucket}/data/*.parquet", "storage_options": storage}
    gone = {**options, "path": f"s3://{bucket}/gone/*.parquet"}
    return Made("files", write, options, folder, gone)


def sql_table(url: str, name: str, table: pa.Table, times: sa.types.TypeEngine[Any]) -> None:
    """Create a table, or add columns to it, and insert rows."""
    engine = sa.create_engine(url)
    fields = [
        sa.Column(sa.quoted_name(f.name, quote=True), SQL_TYPES.get(str(f.type), times))
        for f in table.schema
    ]
    made = sa.Table(sa.quoted_name(name, quote=True), sa.MetaData(), *fields)
    with engine.begin() as connection:
        made.create(connection, checkfirst=True)
        rows = [tuple(row.values()) for row in table.to_pylist()]
        values = [
            [v.replace(tzinfo=None) if isinstance(v, datetime) and naive(times) else v for v in row]
            for row in rows
        ]
        marks = [sa.bindparam(f"v{i}") for i in range(len(fields))]
        insert = sa.insert(made).values(dict(zip(made.columns, marks, strict=True)))
        keyed = [{f"v{i}": value for i, value in enumerate(row)} for row in values]
        if keyed:
            connection.execute(insert, keyed)
    engine.dispose()


def naive(times: sa.types.TypeEngine[Any]) -> bool:
    return not getattr(times, "timezone", False)


def _database(
    url_of: Callable[[pytest.FixtureRequest, Path], str],
    times: sa.types.TypeEngine[Any],
    longest: int,
    refused: frozenset[str] = frozenset(),
    **options: Any,
) -> Maker:
    def made(request: pytest.FixtureRequest, folder: Path) -> Made:
        url, name = url_of(request, folder), f'ta.b"le {uuid.uuid4().hex}'
        given = {"url": url, "table": name, **options}
        return Made(
            "sql",
            lambda table: sql_table(url, name, table, times),
            given,
            folder,
            {**given, "table": "not there"},
            longest,
            refused,
        )

    return made


def _mariadb_times() -> sa.types.TypeEngine[Any]:
    return mysql.DATETIME(fsp=6)


def _postgres(request: pytest.FixtureRequest, folder: Path) -> str:
    return str(
        sa.make_url(request.getfixturevalue("postgres"))
        .set(drivername="postgresql+psycopg")
        .render_as_string(hide_password=False)
    )


zoned = sa.DateTime(timezone=True)
maker("sql: postgres")(_database(_postgres, zoned, 60, adbc=False))
maker("sql: postgres by adbc")(_database(_postgres, zoned, 60, adbc=True))
maker("sql: mariadb")(
    _database(
        lambda r, _: r.getfixturevalue("mariadb"), _mariadb_times(), 60, frozenset({"smile🙂"})
    )
)
maker("sql: duckdb")(_database(lambda _, f: f"duckdb:///{f / 'shop.duckdb'}", zoned, 500))


@maker("sql: sqlite")
def _sqlite(request: pytest.FixtureRequest, folder: Path) -> Made:
    """Times as text with a zone, as programs write them."""
    path, name = folder / "sh op?%.db", 'ta.b"le'

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    def write(table: pa.Table) -> None:
        kinds = {"int64": "INTEGER", "double": "REAL", "string": "TEXT"}
        columns = ", ".join(
            f"{quoted(f.name)} {kinds.get(str(f.type), 'TIMESTAMP')}" for f in table.schema
        )
        with sqlite3.connect(path) as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {quoted(name)} ({columns})")
            marks = ", ".join("?" * table.num_columns)
            connection.executemany(
                f"INSERT INTO {quoted(name)} VALUES ({marks})",
                [
                    [v.isoformat(" ") if isinstance(v, datetime) else v for v in row.values()]
                    for row in table.to_pylist()
                ],
            )
        connection.close()

    options = {"url": sa.URL.create("sqlite", database=path.name).render_as_string(), "table": name}
    return Made("sql", write, options, folder, {**options, "table": "not there"})


@maker("delta")
def _delta(request: pytest.FixtureRequest, folder: Path) -> Made:
    deltalake = pytest.importorskip("deltalake")

    def write(table: pa.Table) -> None:
        deltalake.write_deltalake(str(folder / "table"), table, mode="append")

    return Made("delta", write, {"path": "table"}, folder, {"path": "gone"})


@maker("delta: mapped columns")
def _mapped(request: pytest.FixtureRequest, folder: Path) -> Made:
    """What Arrow cannot read by itself."""
    deltalake = pytest.importorskip("deltalake")

    def write(table: pa.Table) -> None:
        there = (folder / "table").exists()
        more = {} if there else {"configuration": {"delta.columnMapping.mode": "name"}}
        deltalake.write_deltalake(str(folder / "table"), table, mode="append", **more)

    return Made("delta", write, {"path": "table"}, folder, {"path": "gone"})


@maker("iceberg")
def _iceberg(request: pytest.FixtureRequest, folder: Path) -> Made:
    catalogs = pytest.importorskip("pyiceberg.catalog")
    (folder / "warehouse").mkdir()
    properties = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db"}
    catalog = catalogs.load_catalog("lake", **properties, warehouse=f"file://{folder}/warehouse")
    catalog.create_namespace("lake")

    def write(table: pa.Table) -> None:
        found = catalog.create_table_if_not_exists("lake.orders", schema=table.schema)
        found.append(table)

    given = {"type": "sql", "uri": "sqlite:///catalog.db"}
    options = {"table": "lake.orders", "catalog": "lake", "properties": given}
    return Made("iceberg", write, options, folder, {"table": "lake.gone"})


@maker("http")
def _http(request: pytest.FixtureRequest, folder: Path) -> Made:
    """Batches as a service posts them."""

    def write(table: pa.Table) -> None:
        spool = build("http", {"folder": "inbox"}, folder).spool
        with spool.incoming() as file:
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
            file.flush()
            spool.store(Path(file.name), "arrow", uuid.uuid4().hex)

    return Made(
        "http",
        write,
        {"folder": "inbox", "token": "s3cret-word-s3cret"},
        folder,
        {"folder": "gone"},
    )


START = datetime(2024, 1, 1, tzinfo=UTC)
