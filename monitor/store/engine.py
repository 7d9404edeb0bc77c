"""The connection: SQLite or PostgreSQL, one kind of transaction to read and one to write."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from monitor.core.errors import StoreError
from monitor.store.models import Base, MonitorRow

#: Seconds that a writer waits for another one before it gives up.
BUSY_SECONDS = 30.0
#: The largest profile, sample or report that is taken, and the largest thumbnail, in bytes.
MAX_BLOB = 256 * 1024 * 1024
MAX_IMAGE = 1024 * 1024
#: The longest name of a monitor, in characters.
MAX_NAME = 200
#: A connection that was not used for so long may be dead.
_IDLE_SECONDS = 1.0
#: The clock of a server is asked again after this.
_CLOCK_SECONDS = 30.0
#: How many values one statement carries at most; databases have limits of their own.
CHUNK = 500

Clock = Callable[[Session], datetime]


def parse_url(url: str) -> sa.URL:
    """The URL with the driver that driftloop brings.

    Raises
    ------
    StoreError
        It is no URL of SQLite or PostgreSQL, or an SQLite database without a file.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        msg = (
            "The store's url is not a database URL. "
            "Write sqlite:///driftloop.db or postgresql+psycopg://user@host/name."
        )
        raise StoreError(msg) from None
    dialect = parsed.drivername.partition("+")[0]
    if dialect in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    if dialect != "sqlite":
        msg = (
            f"driftloop stores in SQLite or PostgreSQL, not in {dialect!r}: change the store's url."
        )
        raise StoreError(msg)
    if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
        msg = "The store needs a file that outlives the process: write sqlite:///driftloop.db."
        raise StoreError(msg)
    return parsed.set(drivername="sqlite")


def make_engine(url: sa.URL, *, foreign_keys: bool = True) -> sa.Engine:
    """An engine whose transactions are what they say; see the traps of SQLite below."""
    if url.get_backend_name() == "sqlite":
        _make_private_file(Path(str(url.database)))
        engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        _listen_sqlite(engine, foreign_keys=foreign_keys)
    else:
        engine = sa.create_engine(
            url, connect_args={"connect_timeout": 10, "prepare_threshold": None}
        )
        _ping_idle_connections(engine)
    _refuse_forked_connections(engine)
    return engine


def _make_private_file(path: Path) -> None:
    """Samples of production rows are for their owner's eyes only; WAL files inherit the mode."""
    if path.exists():
        return
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        msg = f"The store {path} cannot be created: {error.strerror}. Make its folder writable."
        raise StoreError(msg) from error


def _listen_sqlite(engine: sa.Engine, *, foreign_keys: bool) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours: the driver's comes too late
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA foreign_keys={'on' if foreign_keys else 'off'}")
        cursor.execute("PRAGMA synchronous=full")
        (mode,) = cursor.execute("PRAGMA journal_mode=wal").fetchone()
        cursor.close()
        if mode != "wal":
            msg = f"SQLite cannot keep a write-ahead log there (mode {mode!r}): use a local disk."
            raise StoreError(msg)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # A read lock that is raised to a write lock fails at once when another one writes.
        options = connection.get_execution_options()
        write = options.get("driftloop_write", False)
        if write:
            mode = "normal" if options.get("driftloop_quick", False) else "full"
            if connection.info.get("synchronous", "full") != mode:
                connection.exec_driver_sql(f"PRAGMA synchronous={mode}")
                connection.info["synchronous"] = mode
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _ping_idle_connections(engine: sa.Engine) -> None:
    """Ask whether the server is still there, but not before each of many transactions in a row."""

    @sa.event.listens_for(engine, "checkin")
    def _checkin(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("used", math.inf) > _IDLE_SECONDS:
            try:
                alive = engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error:
                alive = False
            if not alive:
                msg = "the server has closed this connection"
                raise sa.exc.DisconnectionError(msg)


def _refuse_forked_connections(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(_connection: Any, record: Any) -> None:
        record.info["pid"] = os.getpid()

    @sa.event.listens_for(engine, "checkout")
    def _checkout(_connection: Any, record: Any, proxy: Any) -> None:
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            msg = "this connection belongs to the parent process"
            raise sa.exc.DisconnectionError(msg)


_CLOCK = sa.text("SELECT clock_timestamp()")


def database_clock(session: Session) -> datetime:
    """What time the database has: SQLite's is that of this machine, which all its users share.

    A server is asked now and then; between that our own clock, which nobody sets, goes on from
    what it said.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    ticks, asked = time.monotonic(), connection.info.get("clock")
    if asked is None or ticks - asked[0] > _CLOCK_SECONDS:
        now: datetime = connection.execute(_CLOCK).scalar_one()
        connection.info["clock"] = asked = (time.monotonic(), now.astimezone(UTC))
        ticks = asked[0]
    return asked[1] + timedelta(seconds=ticks - asked[0])


class Database:
    """What the parts of the store share: an engine, a clock, and two kinds of transaction."""

    def __init__(self, engine: sa.Engine, clock: Clock = database_clock) -> None:
        self.engine = engine
        self._clock = clock

    @property
    def name(self) -> str:
        """The URL, without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    def now(self, session: Session) -> datetime:
        """The time that leases and retries go by: the database's, the same for all workers."""
        return self._clock(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only reads. Keep it short: a long one starves SQLite's checkpoint."""
        with self._transaction(write=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that writes; committed whole at the end, or rolled back on any error."""
        with self._transaction(write=True) as session:
            yield session

    @contextmanager
    def writing_lightly(self) -> Iterator[Session]:
        """The same, for what a power cut may take back: no disk is waited for (SQLite)."""
        with self._transaction(write=True, quick=True) as session:
            yield session

    @contextmanager
    def writing_quickly(self) -> Iterator[Session]:
        """The same, without waiting for the disk: a killed process loses nothing, a power cut may.

        For what must be noted at once, and may be noted again. The disk is waited for afterwards.
        """
        with self._transaction(write=True, quick=True) as session:
            if self.engine.dialect.name == "postgresql":
                session.execute(sa.text("SET LOCAL synchronous_commit = off"))
            yield session
        if self.engine.dialect.name == "sqlite":
            with suppress(OSError):  # the next write meets the same disk, and says so
                sync_file(Path(f"{self.engine.url.database}-wal"))

    @contextmanager
    def _transaction(self, *, write: bool, quick: bool = False) -> Iterator[Session]:
        try:
            with (
                self.engine.connect().execution_options(
                    driftloop_write=write, driftloop_quick=quick
                ) as connection,
                Session(connection, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except sa.exc.DBAPIError as error:
            raise StoreError(explain(self.name, error)) from error

    def insert_new(
        self, session: Session, model: type[Base], rows: list[dict[str, Any]], returning: Any
    ) -> list[Any]:
        """Insert what breaks no unique key; `returning` of each row that went in."""
        statement = _insert_new(self.engine.dialect.name, model, returning)
        connection = session.connection()
        new: list[Any] = []
        for start in range(0, len(rows), CHUNK):
            new += connection.execute(statement, rows[start : start + CHUNK]).scalars()
        return new

    def size(self) -> int:
        """Bytes that the store takes on its disk."""
        if self.engine.dialect.name == "sqlite":
            path = Path(str(self.engine.url.database))
            files = (path, path.with_name(path.name + "-wal"))
            return sum(file.stat().st_size for file in files if file.exists())
        with self.reading() as session:
            size: int = session.execute(
                sa.text("SELECT pg_database_size(current_database())")
            ).scalar_one()
            return size

    def folder(self) -> Path | None:
        """Where it lies on this machine; None when a server has it."""
        if self.engine.dialect.name != "sqlite":
            return None
        return Path(str(self.engine.url.database)).absolute().parent

    def lock_monitor(self, session: Session, monitor: str) -> None:
        """Make the monitor known and hold its row until the transaction ends."""
        connection, place = session.connection(), {"name": checked_name(monitor)}
        if connection.execute(_LOCK_MONITOR, place).first() is None:
            row = {**place, "created_at": self.now(session)}
            self.insert_new(session, MonitorRow, [row], MonitorRow.name)
            connection.execute(_LOCK_MONITOR, place)


def checked_name(monitor: str) -> str:
    """The name, unless it has a length that the store does not take."""
    if not monitor or len(monitor) > MAX_NAME:
        msg = f"A monitor's name has 1 to {MAX_NAME} characters, not {len(monitor)}: shorten it."
        raise StoreError(msg)
    return monitor


def table_of(model: type[Base]) -> sa.Table:
    """The table, for statements that need no objects: a fraction of their time."""
    table = model.__table__
    assert isinstance(table, sa.Table)
    return table


_LOCK_MONITOR = (
    sa.select(table_of(MonitorRow).c.name)
    .where(table_of(MonitorRow).c.name == sa.bindparam("name"))
    .with_for_update(key_share=True)
)


@cache
def _insert_new(dialect: str, model: type[Base], returning: Any) -> sa.Executable:
    """Built once for each table: to build a statement takes longer than to run it."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table_of(model)).on_conflict_do_nothing().returning(returning)


def sync_file(path: Path) -> None:
    """Wait until what was written of a file is on its disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def bounded(what: str, content: bytes | None) -> bytes | None:
    """The content, unless it is larger than the store takes."""
    if content is not None and len(content) > MAX_BLOB:
        msg = (
            f"The {what} has {len(content) / 1e6:.0f} MB, the store takes {MAX_BLOB / 1e6:.0f} MB: "
            "ignore columns that are not needed, or make the sample smaller."
        )
        raise StoreError(msg)
    return content


def explain(name: str, error: sa.exc.DBAPIError) -> str:
    """One sentence for a person about what the database refused, with the mend."""
    reason = str(error.orig).strip().splitlines()[0] if error.orig else str(error)
    if "locked" in reason:
        mend = f"Another program has held it for {BUSY_SECONDS:.0f} s: end it, or try again."
    elif "full" in reason or "No space" in reason:
        mend = "Make room on its disk; nothing of this was stored."
    elif "readonly" in reason or "permission" in reason or "unable to open" in reason:
        mend = "Give this user the right to write the file and its folder."
    elif "not a database" in reason or "malformed" in reason:
        mend = "That file is no intact SQLite database: name another one, or restore a backup."
    elif isinstance(error, sa.exc.OperationalError) and not name.startswith("sqlite"):
        mend = "Check that the server runs and that the url, user and password are right."
    else:
        mend = "Nothing of this was stored."
    return f"The store {name} refused: {reason}. {mend}"
