"""Opening a database to read from it, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydantic
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from monitor.core.errors import (
    PluginError,
    SourceError,
    SourceInterruptedError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from monitor.sources.database.loaders import lenient
from monitor.sources.places import reason

#: The driver that is meant where an URL names only the database.
_DRIVERS = {"postgresql": "psycopg", "mysql": "pymysql", "mariadb": "pymysql"}
_EXTRAS = {"duckdb": "duckdb", "mysql": "mysql", "mariadb": "mysql"}
_CONNECT_SECONDS = 10
#: A peer that is gone without a word is noticed after about a minute.
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

#: MySQL: too many connections, lock wait, deadlock, server gone, shutdown, killed, idle.
_MYSQL_PASSING = {1040, 1053, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 3024, 4031}
#: PostgreSQL, first two characters: connection, rollback, resources, state, operator, system.
_POSTGRES_PASSING = {"08", "40", "53", "55", "57", "58"}
_REFUSED = re.compile(r"authentication failed|does not exist|no password supplied|role .* not")
_GONE = re.compile(r"no such table|doesn't exist|does not exist|unable to open database file")
_PASSING = re.compile(r"database is locked|disk I/O error|[cC]ould not set lock|interrupted")


class SecretUrl(pydantic.SecretStr):
    """The URL of a database; shown without user, password and query."""

    def _display(self) -> str:
        return shown(self.get_secret_value())


def shown(url: str) -> str:
    """A URL as it may be shown.

    >>> shown("postgresql://me:secret@db:5432/shop?sslkey=x")
    'postgresql://db:5432/shop'
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return "**********"
    bare = sa.URL.create(
        parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database
    )
    return bare.render_as_string()


def open_engine(text: str, base: Path) -> sa.Engine:
    """An engine that keeps no connection, and only reads where the database can promise that.

    Raises
    ------
    SourceNotFoundError
        The file of a SQLite or DuckDB database is not there.
    PluginError
        The driver is not installed.
    """
    url = _url(text, base)
    backend = url.get_backend_name()
    try:
        engine = sa.create_engine(url, poolclass=NullPool, connect_args=_arguments(url))
    except ImportError as error:
        extra = _EXTRAS.get(backend)
        mend = f"pip install 'driftloop[{extra}]'" if extra else "install its driver"
        msg = f"{shown(text)} needs a driver that does not load ({error}): {mend}."
        raise PluginError(msg) from error
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        msg = f"{shown(text)} is no database that SQLAlchemy knows: {reason(error)}."
        raise UnreadableSourceError(msg) from None
    if prepare := _PREPARE.get(backend):
        sa.event.listen(engine, "connect", lambda connection, _: prepare(connection))
    return engine


def _url(text: str, base: Path) -> sa.URL:
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError:
        msg = "The `url` of a database is none; write it as postgresql://user:password@host/name."
        raise UnreadableSourceError(msg) from None
    backend = url.get_backend_name()
    if "+" not in url.drivername and backend in _DRIVERS:
        url = url.set(drivername=f"{url.drivername}+{_DRIVERS[backend]}")
    if backend in ("sqlite", "duckdb") and url.database not in (None, "", ":memory:"):
        path = base / str(url.database)
        if not path.exists():  # it would be created
            msg = f"There is no database file {path}. Correct the `url`."
            raise SourceNotFoundError(msg)
        url = url.set(database=str(path))
    return url


def _arguments(url: sa.URL) -> dict[str, Any]:
    backend, driver = url.get_backend_name(), url.get_driver_name()
    if backend == "postgresql" and driver == "psycopg":
        wanted = {"connect_timeout": _CONNECT_SECONDS, **_KEEPALIVE}
        return {key: value for key, value in wanted.items() if key not in url.query}
    if backend == "duckdb" and url.database not in (None, "", ":memory:"):
        return {"read_only": True}
    if driver == "pymysql" and "connect_timeout" not in url.query:
        return {"connect_timeout": _CONNECT_SECONDS}
    return {}


def _prepare_mysql(connection: Any) -> None:
    """TIMESTAMP columns come in the zone of the session."""
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")


def _prepare_sqlite(connection: Any) -> None:
    connection.execute("PRAGMA query_only = ON")
    connection.text_factory = _text


def _text(raw: bytes) -> str | bytes:
    """Text that is not UTF-8 stays as bytes, and is counted with the others that are not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


_PREPARE: dict[str, Callable[[Any], None]] = {
    "mysql": _prepare_mysql,
    "mariadb": _prepare_mysql,
    "sqlite": _prepare_sqlite,
    "postgresql": lenient,
}


def explain(error: Exception, described: str) -> SourceError | None:
    """What an error of a database means; None when it is none."""
    native = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb")
    if not native and not isinstance(error, sa.exc.SQLAlchemyError):
        return None
    original = getattr(error, "orig", None) or error
    said = reason(original)
    if _passing(error, original):
        msg = f"{described} broke off: {said}. Run again when the database answers."
        return SourceInterruptedError(msg)
    if isinstance(error, sa.exc.NoSuchTableError) or _GONE.search(str(original)):
        msg = f"{described} is not there: {said}. Correct the `url`, `schema` and `table`."
        return SourceNotFoundError(msg)
    msg = f"{described} cannot be read: {said}. Correct the `url`, `table` or `query`."
    return UnreadableSourceError(msg)


def _passing(error: Exception, original: BaseException) -> bool:
    """Whether trying again may help."""
    if getattr(error, "connection_invalidated", False) or _PASSING.search(str(original)):
        return True
    module = type(original).__module__.partition(".")[0]
    if module == "pymysql":
        code = original.args[0] if original.args else None
        return code in _MYSQL_PASSING or isinstance(error, sa.exc.InterfaceError)
    if module in ("psycopg", "adbc_driver_manager"):
        state = getattr(original, "sqlstate", None)
        if state and state != "\0" * 5:
            return str(state)[:2] in _POSTGRES_PASSING
        kinds = (sa.exc.OperationalError, sa.exc.InterfaceError)
        return isinstance(error, kinds) and not _REFUSED.search(str(original))
    if module in ("sqlite3", "_duckdb", "duckdb"):
        return False
    return isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))
