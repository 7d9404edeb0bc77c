"""The schema's version: what it is, what it should be, and the way from one to the other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from monitor.core.errors import StoreError
from monitor.store import views
from monitor.store.engine import explain, make_engine, parse_url

if TYPE_CHECKING:
    from alembic.config import Config

#: The revision that this release works with; a test holds it to the newest migration.
SCHEMA = "0012"
#: Any number that no other program's advisory locks use.
_UPGRADE_LOCK = 0x6472_6966_746C_6F6F


def scripts_folder() -> Path:
    """Where the migrations are: beside this file in a wheel, at the root in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "alembic", here.parents[1] / "alembic"):
        if (folder / "env.py").is_file():
            return folder
    msg = f"The migrations of driftloop are missing beside {here}: install driftloop again."
    raise StoreError(msg)


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's config for that connection, with our scripts, without an ini file."""
    from alembic.config import Config  # noqa: PLC0415 - only an upgrade pays for it

    config = Config(stdout=sys.stdout)  # its default is what stdout was when it was imported
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(url: str) -> tuple[str | None, str]:
    """Bring the store to this release's schema; create it if there is none.

    Returns
    -------
    tuple
        The revision before (None: it was empty) and after. One transaction: done whole, or not
        at all; two processes at once do it once.
    """
    engine = make_engine(parse_url(url), foreign_keys=False)
    try:
        with engine.connect() as connection:
            if revision(connection) == SCHEMA:
                return SCHEMA, SCHEMA
        from alembic import command  # noqa: PLC0415 - only an upgrade pays for it

        with engine.connect().execution_options(driftloop_write=True) as connection:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
                before = revision(connection)
                _refuse_newer(engine, before)
                if before != SCHEMA:
                    command.upgrade(alembic_config(connection), "head")
                    views.create(connection)
                _check_foreign_keys(connection)
            return before, SCHEMA
    except sa.exc.DBAPIError as error:
        name = engine.url.render_as_string(hide_password=True)
        raise StoreError(explain(name, error)) from error
    finally:
        engine.dispose()


def _check_foreign_keys(connection: sa.Connection) -> None:
    """SQLite rebuilds tables with foreign keys off; so they are counted before the commit."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        msg = (
            f"The upgrade would break {len(broken)} references between tables; nothing was changed."
        )
        raise StoreError(msg)


def revision(connection: sa.Connection) -> str | None:
    """The schema revision that the database has; None when it has none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def require_current(engine: sa.Engine) -> None:
    """Raise `StoreError` unless the schema is the one that this release works with."""
    name = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            found = revision(connection)
    except sa.exc.DBAPIError as error:
        raise StoreError(explain(name, error)) from error
    _refuse_newer(engine, found)
    if found is None:
        msg = f"The store {name} has no tables yet. Create them with `driftloop db upgrade`."
        raise StoreError(msg)
    if found != SCHEMA:
        msg = (
            f"The store {name} has the schema {found} of an older driftloop, this one needs "
            f"{SCHEMA}. Bring it up with `driftloop db upgrade`."
        )
        raise StoreError(msg)


def _refuse_newer(engine: sa.Engine, found: str | None) -> None:
    if found is not None and (not found.isdecimal() or int(found) > int(SCHEMA)):
        name = engine.url.render_as_string(hide_password=True)
        msg = (
            f"The store {name} has the schema {found} of a newer driftloop, this one knows "
            f"{SCHEMA}. Install the newer driftloop, or name another store."
        )
        raise StoreError(msg)
