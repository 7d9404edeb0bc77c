"""What is special about databases: types, zones, text, pushed-down windows, secrets, bounds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pydantic
import pymysql
import pytest
import sqlalchemy as sa

from monitor.core.errors import (
    DuplicateColumnError,
    PluginError,
    SourceError,
    SourceInterruptedError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from monitor.core.window import Window
from monitor.sources.database import adbc
from monitor.sources.database.columns import array_of, guessed
from monitor.sources.database.connecting import shown
from monitor.sources.sql import Sql
from monitor.sources.tally import Tally

from .servers import free_port

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY_TWO = Window(START + timedelta(days=1), START + timedelta(days=2))
BOTH = pytest.mark.parametrize("by_adbc", [False, True], ids=["cursor", "adbc"])


def source(url: object, base: Path | str = ".", **options: object) -> Sql:
    return Sql(Sql.Options(url=str(url), **options), base)


def table_of(reading) -> pa.Table:
    return pa.Table.from_batches(list(reading.batches), reading.schema)


def counts(reading) -> tuple[int, dict[str, int]]:
    rows = sum(batch.num_rows for batch in reading.batches)
    return rows, {note.kind: note.count for note in reading.notes}


@pytest.fixture
def shop(tmp_path) -> Path:
    """A SQLite file with hourly rows of four days, times as text."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER, ts TIMESTAMP, day DATE, x NUMERIC)")
        times = [START + timedelta(hours=i) for i in range(96)]
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?)",
            [(i, f"{t:%Y-%m-%d %H:%M:%S}", f"{t:%Y-%m-%d}", i / 2) for i, t in enumerate(times)],
        )
    return path


def execute(path: Path, text: str, *rows: tuple) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(text, rows) if rows else connection.execute(text)


def test_text_times_of_sqlite_are_cut_to_the_window(shop):
    orders = source(f"sqlite:///{shop}", table="orders")

    assert counts(orders.open(DAY_TWO, timestamp="ts"))[0] == 24
    assert counts(orders.open(DAY_TWO, timestamp="day"))[0] == 24
    assert orders.extent("ts") == (Window(START, START + timedelta(hours=95, microseconds=1)), 96)
    assert orders.extent("day") == (Window(START, START + timedelta(days=4)), 96)
    assert orders.schema().field("x").type == pa.float64()


def test_times_without_a_zone_are_said_and_may_be_of_another(shop):
    utc = source(f"sqlite:///{shop}", table="orders").open(DAY_TWO, timestamp="ts")
    berlin = source(f"sqlite:///{shop}", table="orders", timestamp_zone="Europe/Berlin")
    reading = berlin.open(DAY_TWO, timestamp="ts")

    assert table_of(utc)["id"].to_pylist() == list(range(24, 48))
    assert "time_without_zone" in {note.kind for note in utc.notes}
    assert table_of(reading)["id"].to_pylist() == list(range(25, 49))
    assert "time_without_zone" not in {note.kind for note in reading.notes}
    with pytest.raises(pydantic.ValidationError, match="is not a time zone"):
        source("sqlite://", table="x", timestamp_zone="Berlin")


def test_values_that_are_no_time_or_no_number_or_no_text_are_counted(shop):
    execute(
        shop,
        "INSERT INTO orders VALUES (?, ?, ?, ?)",
        ("a", "yesterday", None, "much"),
        (100, 1704153600, None, 1.5),
        (101, None, None, 2),
    )
    execute(
        shop, "INSERT INTO orders VALUES (102, '2024-01-02 00:00:00', CAST(x'ff41' AS TEXT), 1)"
    )

    reading = source(f"sqlite:///{shop}", table="orders").open(DAY_TWO, timestamp="ts")
    table = table_of(reading)
    kinds = {note.kind: note.count for note in reading.notes}

    assert table.num_rows == 25
    assert kinds["unparsable_times"] == 2
    assert kinds["time_missing"] == 3  # the two that are no time, and the one that is missing
    assert table["day"].to_pylist()[-1] == "\ufffdA"


def test_a_query_is_a_table_whatever_is_written_in_it(shop):
    text = "SELECT id, ts, ':not_bound %s 100%' AS note -- the end ; of it\nFROM orders -- done\n; "
    asked = source(f"sqlite:///{shop}", query=text)

    table = table_of(asked.open(DAY_TWO, timestamp="ts"))

    assert table.num_rows == 24
    assert set(table["note"].to_pylist()) == {":not_bound %s 100%"}
    assert asked.sample(10).num_rows == 10
    assert asked.describe() == f"a query of sqlite:///{shop}"


@pytest.mark.parametrize("text", ["DELETE FROM orders", "DROP TABLE orders", "nonsense"])
def test_a_query_cannot_write(shop, text):
    with pytest.raises(SourceError):
        source(f"sqlite:///{shop}", query=text).schema()
    assert source(f"sqlite:///{shop}", table="orders").extent("ts")[1] == 96


def test_the_window_is_bound_and_never_written_into_the_question(shop):
    asked: list[tuple[str, object]] = []
    orders = source(f"sqlite:///{shop}", table="orders", fetch_rows=7)
    orders.schema()

    @sa.event.listens_for(orders._engine, "before_cursor_execute")
    def kept(_c, _cursor, statement, parameters, _x, _m):
        asked.append((statement, parameters))

    batches = list(orders.open(DAY_TWO, timestamp="ts", columns=["id"]).batches)
    raw = list(orders.scan(["id"], None, None, Tally()))

    assert sum(batch.num_rows for batch in batches) == 24
    assert all(batch.num_rows <= 7 for batch in raw)
    assert "2024" not in asked[0][0]
    assert "2023-12-31" in str(asked[0][1]) or "2024-01-01" in str(asked[0][1])
    assert '"orders"' in asked[0][0]


def test_wide_rows_come_in_fewer_at_a_time(shop, monkeypatch):
    monkeypatch.setattr("monitor.sources.database.columns.BATCH_BYTES", 40_000)
    monkeypatch.setattr("monitor.sources.database.columns._FIRST_ROWS", 5)
    execute(shop, "CREATE TABLE wide AS SELECT id, ts, hex(randomblob(2000)) AS pad FROM orders")

    wide = source(f"sqlite:///{shop}", table="wide", fetch_rows=96)
    wide.schema()
    sizes = [batch.num_rows for batch in wide.scan(["id", "pad"], None, None, Tally())]

    assert sizes[0] == 5
    assert max(sizes) <= 10
    assert sum(sizes) == 96


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    for url in ("sqlite:///no.db", "duckdb:///no.duckdb"):
        with pytest.raises(SourceNotFoundError, match="no database file"):
            source(url, tmp_path, table="t").schema()
    assert list(tmp_path.iterdir()) == []


def test_relative_files_start_from_the_folder_of_the_config(shop):
    assert source("sqlite:///shop.db", shop.parent, table="orders").extent("ts")[1] == 96


def test_what_is_no_database_is_said(tmp_path):
    (tmp_path / "x.db").write_bytes(b"this is no database at all" * 100)

    with pytest.raises(UnreadableSourceError, match="not a database"):
        source("sqlite:///x.db", tmp_path, table="t").schema()
    with pytest.raises(UnreadableSourceError, match="SQLAlchemy knows"):
        source("nonsense://h/db", table="t").schema()
    with pytest.raises(UnreadableSourceError, match="write it as"):
        source("no url", table="t").schema()
    with pytest.raises(PluginError, match="needs a driver"):
        source("oracle://h/db", table="t").schema()


def test_exactly_one_of_table_and_query_is_named():
    for options in ({}, {"table": "t", "query": "SELECT 1"}):
        with pytest.raises(pydantic.ValidationError, match="one of both"):
            source("sqlite://", **options)


def test_secrets_of_an_url_are_not_shown():
    url = "postgresql://me:s3cret@db:5432/shop?sslpassword=s3cret"
    options = Sql.Options(url=url, table="t")

    assert shown(url) == "postgresql://db:5432/shop"
    for text in (repr(options), str(options), str(options.url), Sql(options).describe()):
        assert "s3cret" not in text
    assert "me" not in shown("postgresql://me@db/shop").split("//")[1].split("/")[0]


def test_values_of_python_become_columns():
    tally = Tally()

    def column(values, dtype):
        return array_of(values, pa.field("c", dtype), tally).to_pylist()

    assert column([Decimal("1.5"), None], pa.float64()) == [1.5, None]
    assert column([Decimal(7), True], pa.int64()) == [7, 1]
    assert column([{"a": [1]}, "x", b"y", 1], pa.string()) == ['{"a": [1]}', "x", "y", "1"]
    assert column([1, 1.5, "x"], pa.int64()) == [1, None, None]
    assert column([[Decimal("0.5")], None], pa.list_(pa.float64())) == [[0.5], None]
    assert tally.values["c"][0] == 2
    assert guessed([None, 1, Decimal("2.5")]) == pa.float64()
    assert guessed([True, None]) == pa.bool_()
    assert guessed([1, "x"]) == guessed([None]) == pa.string()
    assert guessed([date(2024, 1, 1)]) == pa.date32()


HOSTILE = """
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE odd AS SELECT
 i::bigint AS id, timestamptz '2024-01-01 00:00Z' + i * interval '1 hour' AS ts,
 timestamp '2024-01-01' + i * interval '1 hour' AS plain, date '2024-01-01' AS day,
 i / 4.0::float8 AS x, (i / 8.0)::numeric(20, 3) AS n, i::numeric(12, 0) AS whole,
 i::numeric AS free, gen_random_uuid() AS u,
 jsonb_build_object('a', i) AS j, ARRAY[i, NULL]::float8[] AS e, ARRAY['a', 'b'] AS words,
 ARRAY[1.5, 2]::numeric[] AS numbers, i % 2 = 0 AS b, time '10:00' AS at, interval '1 day' AS long,
 '\\xdeadbeef'::bytea AS bytes, 'sad'::mood AS m, '127.0.0.1'::inet AS ip, int4range(1, 3) AS r,
 point(1, 2) AS p, '{sad}'::mood[] AS moods, '1.5'::money AS money, NULL::text AS nothing
 FROM generate_series(1, 5) AS i;
INSERT INTO odd (id, ts, plain, day, free, n) VALUES
 (6, 'infinity', '-infinity', 'infinity', 'NaN', 'NaN'),
 (7, '20000-01-01', '20000-01-01', '20000-01-01', 10::numeric ^ 400, NULL),
 (8, '0044-03-15 BC', '0044-03-15 BC', '0044-03-15 BC', 'infinity', NULL);
"""


@pytest.fixture(scope="module")
def odd(postgres) -> str:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(HOSTILE)
    return postgres


@pytest.mark.service
def test_every_type_of_postgresql_is_the_same_by_cursor_and_by_adbc(odd):
    tables, notes = [], []
    for by_adbc in (False, True):
        reading = source(odd, table="odd", adbc=by_adbc).open()
        tables.append(table_of(reading))
        notes.append({(note.kind, note.column, note.count) for note in reading.notes})

    assert tables[0].schema == tables[1].schema
    assert repr(tables[0].to_pylist()) == repr(tables[1].to_pylist())
    assert (
        notes[0] == notes[1] == {("unparsable_values", name, 3) for name in ("ts", "plain", "day")}
    )
    first = tables[0].to_pylist()[0]
    assert first["j"] == '{"a": 1}'
    assert (first["n"], first["whole"], first["e"], first["numbers"]) == (
        0.125, 1, [1.0, None], [1.5, 2.0],
    )  # fmt: skip
    assert (first["m"], first["ip"], first["at"]) == ("sad", "127.0.0.1/32", "10:00:00")


@pytest.mark.service
@BOTH
def test_times_of_postgresql_that_no_calendar_has_are_in_no_window(odd, by_adbc):
    table = source(odd, table="odd", adbc=by_adbc)
    window = Window(START, START + timedelta(days=1))

    for timestamp in ("ts", "plain", "day"):
        assert counts(table.open(window, timestamp=timestamp))[0] == 5
        extent = table.extent(timestamp)
        assert extent[1] == 8
        assert START <= extent[0].start < extent[0].end <= window.end


@pytest.mark.service
@BOTH
def test_a_window_uses_the_index(postgres, by_adbc):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS long AS SELECT i AS id, timestamptz '2024-01-01 00:00Z' "
            "+ i * interval '1 minute' AS ts FROM generate_series(0, 200000) AS i"
        )
        connection.execute("CREATE INDEX IF NOT EXISTS long_ts ON long (ts)")
        connection.execute("VACUUM ANALYZE long")
        scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'long_ts'"
        before = connection.execute(scans).fetchone()[0]

        rows, _ = counts(source(postgres, table="long", adbc=by_adbc).open(DAY_TWO, timestamp="ts"))

        assert rows == 24 * 60
        for _ in range(100):
            connection.execute("SELECT pg_stat_force_next_flush()")
            if connection.execute(scans).fetchone()[0] > before:
                break
        assert connection.execute(scans).fetchone()[0] > before


@pytest.mark.service
def test_a_query_of_postgresql_cannot_write(postgres):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
        connection.execute(
            "CREATE FUNCTION taken() RETURNS integer LANGUAGE sql AS "
            "'DELETE FROM kept RETURNING id'"
        )
        for by_adbc in (False, True):
            asked = source(postgres, query="SELECT taken() AS id", adbc=by_adbc)
            with pytest.raises(UnreadableSourceError, match="read-only"):
                asked.schema()
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1,)


@pytest.mark.service
def test_schemas_and_tables_with_dots_are_told_apart(postgres):
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute('CREATE SCHEMA "a.b"')
        connection.execute('CREATE TABLE "a.b"."c.d" AS SELECT 1 AS id')

    found = Sql(Sql.Options.model_validate({"url": postgres, "schema": "a.b", "table": "c.d"}))

    assert table_of(found.open())["id"].to_pylist() == [1]
    assert found.describe().startswith("table a.b.c.d of ")
    with pytest.raises(DuplicateColumnError, match="'id'"):
        source(postgres, query="SELECT 1 AS id, 2 AS id").schema()


@pytest.mark.service
def test_adbc_that_is_asked_for_must_be_there(postgres, odd, monkeypatch):
    monkeypatch.setattr(adbc.importlib.util, "find_spec", lambda name: None)

    assert counts(source(postgres, table="odd", adbc="auto").open(columns=["id"]))[0] == 8
    with pytest.raises(PluginError, match=r"driftloop\[adbc\]"):
        counts(source(postgres, table="odd", adbc=True).open())


@pytest.mark.service
def test_times_of_mariadb_come_in_utc_whatever_the_zone_of_the_server(mariadb):
    url = sa.make_url(mariadb)
    with pymysql.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, database="shop",
        autocommit=True,
    ) as connection, connection.cursor() as cursor:  # fmt: skip
        cursor.execute("SET time_zone = '+05:00'")
        cursor.execute(
            "CREATE TABLE zones (id INT, ts TIMESTAMP(6) NULL, d DATE, n DECIMAL(10, 2), "
            "f BOOLEAN, t TEXT, b BLOB, j JSON)"
        )
        cursor.execute(
            "INSERT INTO zones VALUES (1, '2024-01-02 05:00:00', '2024-01-02', 1.25, TRUE, 'ü', "
            "x'ff', '{\"a\": 1}'), "
            "(2, '2024-01-02 04:59:59.999999', NULL, NULL, NULL, NULL, NULL, NULL)"
        )

    reading = source(mariadb, table="zones").open(DAY_TWO, timestamp="ts")
    rows = table_of(reading).to_pylist()

    assert [(row["id"], row["ts"]) for row in rows] == [(1, DAY_TWO.start)]
    assert (rows[0]["n"], rows[0]["t"], rows[0]["b"], rows[0]["d"]) == (
        1.25, "ü", b"\xff", date(2024, 1, 2),
    )  # fmt: skip
    assert [note.kind for note in reading.notes] == ["time_without_zone"]


@pytest.mark.service
def test_a_wrong_password_is_refused_without_showing_it(mariadb, postgres):
    wrong = sa.make_url(mariadb).set(password="s3cret-wrong").render_as_string(hide_password=False)

    with pytest.raises(SourceError, match="Access denied") as caught:
        source(wrong, table="t").schema()

    assert not isinstance(caught.value, SourceNotFoundError)
    assert "s3cret" not in str(caught.value)
    nobody = (
        sa.make_url(postgres).set(username="nobody_there").render_as_string(hide_password=False)
    )
    with pytest.raises(SourceError):
        source(nobody, table="t").schema()


def test_a_server_that_is_not_there_is_worth_another_try():
    for driver in ("postgresql+psycopg", "mysql+pymysql"):
        with pytest.raises(SourceInterruptedError, match="broke off"):
            source(f"{driver}://me:s3cret@127.0.0.1:{free_port()}/db", table="t").schema()
