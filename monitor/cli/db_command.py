"""`driftloop db upgrade`."""

from __future__ import annotations

import click

from monitor.cli.common import config_option, config_path_of


@click.group()
def command() -> None:
    """The database of this installation."""


@command.command()
@config_option
@click.pass_context
def upgrade(context: click.Context, *, config_path: str | None) -> int:
    """Create the database, or bring its schema up to date."""
    from monitor.config import load
    from monitor.store import migrate

    config = load(config_path_of(context, config_path))
    before, after = migrate.upgrade(config.store.url)
    click.echo(f"at {after} already" if before == after else f"{before or 'empty'} → {after}")
    return 0
