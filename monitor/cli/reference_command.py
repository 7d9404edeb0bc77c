"""`driftloop reference list|promote|rollback`."""

from __future__ import annotations

import click

from monitor.cli.common import config_option, json_option, print_json


@click.group()
def command() -> None:
    """Versions of the reference of a monitor."""


@command.command("list")
@click.argument("monitor")
@json_option
@config_option
@click.pass_context
def list_(context: click.Context, monitor: str, *, as_json: bool, config_path: str | None) -> int:
    """All versions, newest first."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        versions = pipeline.store.references.versions(chosen.name)
    if as_json:
        entries = [
            {
                "version": one.version,
                "active": one.active,
                "windows": one.windows,
                "rows": one.rows,
                "created_at": one.created_at.isoformat(),
                "provenance": dict(one.provenance),
            }
            for one in versions
        ]
        print_json({"schema": 1, "monitor": chosen.name, "references": entries})
        return 0
    for one in versions:
        mark = "active" if one.active else ""
        source = one.provenance.get("source", "")
        click.echo(
            f"{one.version:4}  {mark:6}  {one.created_at:%Y-%m-%d %H:%M}  "
            f"{one.windows} windows, {one.rows:,} rows, {source}"
        )
    if not versions:
        click.echo("no reference yet; the first run learns it", err=True)
    return 0


@command.command()
@click.argument("monitor")
@click.argument("version", type=int)
@config_option
@click.pass_context
def promote(context: click.Context, monitor: str, version: int, *, config_path: str | None) -> int:
    """Make VERSION the active one."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        pipeline.store.references.promote(chosen.name, version)
    click.echo(f"{chosen.name}: version {version} is the reference now")
    return 0


@command.command()
@click.argument("monitor")
@config_option
@click.pass_context
def rollback(context: click.Context, monitor: str, *, config_path: str | None) -> int:
    """Go back to the version that was active before."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        version = pipeline.store.references.rollback(chosen.name)
    click.echo(f"{chosen.name}: version {version} is the reference now")
    return 0
