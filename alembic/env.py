"""Alembic's way in. driftloop gives its own connection; a developer's `alembic` uses the ini."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from sqlalchemy.types import TypeDecorator

import monitor.store.store  # noqa: F401 - every table of the store is registered by it
from monitor.store import views
from monitor.store.engine import make_engine, parse_url
from monitor.store.models import Base


def render_item(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Our column types as what the database sees: a migration must not change with our code."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def migrate(connection: sa.Connection) -> None:
    views.drop(connection)
    context.configure(connection=connection, target_metadata=Base.metadata, render_item=render_item)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = make_engine(parse_url(context.config.get_main_option("sqlalchemy.url") or ""))
    with engine.connect().execution_options(driftloop_write=True) as own, own.begin():
        migrate(own)
