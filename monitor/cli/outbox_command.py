"""`driftloop outbox list`, `retry` and `drop`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, group_config_option, json_option, print_json, safe

if TYPE_CHECKING:
    from monitor.store.records import OutboxEntry

_STATES = ("pending", "held", "sent", "parked", "cancelled", "gathered")


@click.group()
@group_config_option
def command() -> None:
    """Messages on their way: what waits, what was sent, what could not be sent."""


@command.command("list")
@click.option(
    "--state",
    type=click.Choice([*_STATES, "all"]),
    default="all",
    show_default=True,
    help="Only messages in this state.",
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@json_option
@config_option
@click.pass_context
def list_(
    context: click.Context, *, state: str, limit: int, as_json: bool, config_path: str | None
) -> int:
    """Messages, the newest first."""
    from monitor.cli.opened import installation_of

    with installation_of(context, config_path) as home:
        outbox = home.store.outbox
        states: Any = None if state == "all" else (state,)
        entries, counts = outbox.entries(states=states, limit=limit), outbox.counts()
    if as_json:
        print_json({"schema": 1, "counts": counts, "messages": [_plain(one) for one in entries]})
        return 0
    for entry in entries:
        when = entry.sent_at or entry.created_at
        click.echo(
            f"{entry.id:6}  {entry.state:9}  {when:%Y-%m-%d %H:%M}  {safe(entry.channel)}  "
            f"{safe(entry.subject)}"
        )
        if entry.last_error and entry.state != "sent":
            click.echo(f"        {entry.attempts} attempts: {safe(entry.last_error)}")
    said = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    click.echo(said or "The outbox is empty.", err=True)
    return 0


@command.command()
@click.argument("items", nargs=-1, type=int, metavar="[ID]…")
@click.option("--all", "every", is_flag=True, help="All that are parked.")
@config_option
@click.pass_context
def retry(
    context: click.Context, items: tuple[int, ...], *, every: bool, config_path: str | None
) -> int:
    """Send parked messages after all; `driftloop serve` takes them with its next tick."""
    from monitor.cli.opened import installation_of
    from monitor.core.errors import UsageError

    if every == bool(items):
        msg = "Name the ids that `driftloop outbox list --state parked` shows, or give --all."
        raise UsageError(msg)
    with installation_of(context, config_path) as home:
        for item in items:
            home.store.outbox.retry(item)
        count = home.store.outbox.retry_parked() if every else len(items)
    click.echo(f"{count} to be sent again")
    return 0


@command.command()
@click.argument("items", nargs=-1, type=int, required=True, metavar="ID…")
@config_option
@click.pass_context
def drop(context: click.Context, items: tuple[int, ...], *, config_path: str | None) -> int:
    """Let parked messages go: nobody will get them."""
    from monitor.cli.opened import installation_of

    with installation_of(context, config_path) as home:
        for item in items:
            home.store.outbox.drop(item)
    click.echo(f"{len(items)} dropped")
    return 0


def _plain(entry: OutboxEntry) -> dict[str, Any]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in ((name, getattr(entry, name)) for name in entry.__slots__)
    }
