"""`driftloop db upgrade`, `vacuum`, `backup` and `restore`."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.common import config_option, config_path_of, group_config_option


@click.group()
@group_config_option
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


@command.command()
@config_option
@click.pass_context
def vacuum(context: click.Context, *, config_path: str | None) -> int:
    """Thin what is older than [retention] says, and give the room back to the disk."""
    from monitor.cli.common import say
    from monitor.cli.opened import installation_of
    from monitor.steps.retention import prune
    from monitor.store.backup import vacuum as give_back

    with installation_of(context, config_path) as home:
        while prune(home.store, home.config, home.clock(), say):
            pass
        before, after = give_back(home.store.database)
    click.echo(f"{before / 1e6:,.1f} MB → {after / 1e6:,.1f} MB")
    return 0


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@click.pass_context
def backup(context: click.Context, file: Path, *, config_path: str | None) -> int:
    """Copy the store into FILE, while the service writes on; the copy is of one moment."""
    from monitor.cli.opened import installation_of
    from monitor.store.backup import backup as copy

    with installation_of(context, config_path) as home:
        size = copy(home.store.database, file)
    click.echo(f"{file}: {size / 1e6:,.1f} MB")
    return 0


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@click.pass_context
def restore(context: click.Context, file: Path, *, config_path: str | None) -> int:
    """Fill the empty store of the config from the backup FILE, whatever database it came from."""
    from monitor.config import load
    from monitor.store.backup import restore as fill

    config = load(config_path_of(context, config_path))
    rows = fill(file, config.store.url)
    click.echo(f"{rows:,} rows restored")
    return 0
