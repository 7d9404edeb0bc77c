"""A copy of the store while it is written, and the room that deleted rows leave behind."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from monitor.core.errors import StoreError
from monitor.store import migrate
from monitor.store.engine import Database, explain, make_engine, parse_url
from monitor.store.models import Base

#: Rows that are copied by one statement; they may be large.
_ROWS = 200
#: Tables whose content must be the same in a backup, whatever else is in it.
ESSENTIAL = ("windows", "runs", "findings", "alarms", "alarm_events", "queue_rows", "outbox")


def vacuum(database: Database) -> tuple[int, int]:
    """Give the room of deleted rows back to the disk; bytes before and after.

    SQLite needs as much room again while it does, and writers wait. PostgreSQL's VACUUM waits for
    nobody and makes the room usable again, without giving it back.
    """
    before = database.size()
    try:
        with database.engine.connect() as connection:
            raw = connection.execution_options(isolation_level="AUTOCOMMIT")
            if database.engine.dialect.name == "sqlite":
                driver: Any = raw.connection.driver_connection
                if raw.in_transaction():
                    raw.rollback()
                driver.execute("VACUUM")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            else:
                raw.exec_driver_sql("VACUUM ANALYZE")
    except sa.exc.DBAPIError as error:
        raise StoreError(explain(database.name, error)) from error
    except sqlite3.Error as error:
        msg = f"The store {database.name} could not be vacuumed: {error}. Nothing was changed."
        raise StoreError(msg) from error
    return before, database.size()


def backup(database: Database, path: Path) -> int:
    """Write a copy of the store as of now into a new SQLite file, while others write; its bytes.

    A store in PostgreSQL is copied into SQLite too, from one snapshot: `driftloop db restore`
    fills either of the two from it. The file appears under its name when it is whole.

    Raises
    ------
    StoreError
        The file is there already, or it or the store cannot be used.
    """
    if path.exists():
        msg = f"{path} is there already: a backup replaces nothing. Name another file."
        raise StoreError(msg)
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        if database.engine.dialect.name == "sqlite":
            _copy_file(database, part)
        else:
            _copy_rows_out(database, part)
        part.chmod(0o600)
        _sync(part)
        os.link(part, path)  # unlike a rename it never replaces what came there meanwhile
        part.unlink()
        _sync(path.parent)
    except OSError as error:
        msg = f"The backup {path} cannot be written: {error.strerror}. Name another place."
        raise StoreError(msg) from error
    finally:
        part.unlink(missing_ok=True)
    return path.stat().st_size


def restore(path: Path, url: str) -> int:
    """Fill an empty store from a backup; how many rows.

    Raises
    ------
    StoreError
        The backup is none, or of a newer driftloop; the store has something in it already.
    """
    if not path.is_file():
        msg = f"There is no backup {path}."
        raise StoreError(msg)
    source = make_engine(parse_url(f"sqlite:///{path.absolute()}"), foreign_keys=False)
    try:
        migrate.require_current(source)
        migrate.upgrade(url)
        target = make_engine(parse_url(url), foreign_keys=False)
        try:
            with source.connect() as old, target.connect() as raw:
                new = raw.execution_options(driftloop_write=True)
                with old.begin(), new.begin():
                    return _copy_rows(old, new, str(target.url.render_as_string()))
        finally:
            target.dispose()
    except sa.exc.DBAPIError as error:
        raise StoreError(explain(str(path), error)) from error
    finally:
        source.dispose()


def fingerprints(database: Database, tables: tuple[str, ...] = ESSENTIAL) -> dict[str, str]:
    """A hash of the content of each of those tables, the same on SQLite and PostgreSQL."""
    found = {}
    with database.reading() as session:
        connection = session.connection()
        for name in tables:
            table = Base.metadata.tables[name]
            hashed = hashlib.sha256()
            for row in _rows_of(connection, table):
                hashed.update(json.dumps(list(row.values()), default=_text).encode())
            found[name] = hashed.hexdigest()
    return found


def _copy_file(database: Database, path: Path) -> None:
    """By SQLite's backup API: page by page, begun again where somebody writes meanwhile."""
    with database.engine.connect() as connection:
        source: Any = connection.connection.driver_connection
        connection.rollback()
        # In one step, under a read transaction: writers go on in the log, and cannot restart it.
        try:
            with closing(sqlite3.connect(path)) as target:
                source.backup(target)
        except sqlite3.Error as error:
            msg = f"The backup {path} cannot be written: {error}. Name another place."
            raise StoreError(msg) from error


def _copy_rows_out(database: Database, path: Path) -> None:
    url = f"sqlite:///{path.absolute()}"
    migrate.upgrade(url)
    target = make_engine(parse_url(url), foreign_keys=False)
    try:
        with database.engine.connect() as raw, target.connect() as other:
            old = raw.execution_options(isolation_level="REPEATABLE READ")
            new = other.execution_options(driftloop_write=True)
            with old.begin(), new.begin():
                _copy_rows(old, new, str(path))
        with target.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except sa.exc.DBAPIError as error:
        raise StoreError(explain(database.name, error)) from error
    finally:
        target.dispose()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _copy_rows(old: sa.Connection, new: sa.Connection, name: str) -> int:
    count = 0
    for table in Base.metadata.sorted_tables:
        if new.execute(sa.select(sa.func.count()).select_from(table)).scalar_one():
            msg = f"The store {name} is not empty (table {table.name}): restore into a new one."
            raise StoreError(msg)
        waiting: list[dict[str, Any]] = []
        for row in _rows_of(old, table):
            waiting.append(row)
            if len(waiting) == _ROWS:
                new.execute(sa.insert(table), waiting)
                waiting = []
            count += 1
        if waiting:
            new.execute(sa.insert(table), waiting)
        _move_sequence(new, table)
    return count


def _rows_of(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    result = connection.execution_options(yield_per=_ROWS).execute(query)
    for row in result.mappings():
        yield {column.name: row[column] for column in table.columns}


def _move_sequence(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL's counters know nothing of ids that were given."""
    if connection.dialect.name != "postgresql" or table.autoincrement_column is None:
        return
    connection.execute(
        sa.text(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "  # noqa: S608 - ours
            f"(SELECT max(id) FROM {table.name})) WHERE EXISTS (SELECT 1 FROM {table.name})"
        )
    )


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes | memoryview) else str(value)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
