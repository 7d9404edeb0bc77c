"""`driftloop token create|list|revoke`: programs that speak with the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, group_config_option, json_option, print_json

if TYPE_CHECKING:
    from monitor.store.access import KnownToken


@click.group()
@group_config_option
def command() -> None:
    """API tokens: `Authorization: Bearer dl_…`."""


@command.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice(["read", "queue", "admin"]),
    help="What it may do; give it once for each.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    help="How long it is worth something; default: for ever.",
)
@json_option
@config_option
@click.pass_context
def create(
    context: click.Context,
    *,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Make a token. It is shown this once; only its hash is kept."""
    from datetime import UTC, datetime, timedelta

    from monitor.cli.opened import store_of

    until = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with store_of(context, config_path) as store:
        token = store.access.create_token(name, scopes, expires_at=until)
    if as_json:
        print_json({"schema": 1, "name": name, "token": token})
    else:
        click.echo(token)
        click.echo("Keep it now: it is not shown again.", err=True)
    return 0


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(context: click.Context, *, as_json: bool, config_path: str | None) -> int:
    """All tokens, revoked ones too; never their secrets."""
    from monitor.cli.opened import store_of

    with store_of(context, config_path) as store:
        tokens = store.access.tokens()
    if as_json:
        print_json({"schema": 1, "tokens": [_entry(one) for one in tokens]})
    for one in () if as_json else tokens:
        until = f", until {one.expires_at:%Y-%m-%d}" if one.expires_at else ""
        state = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else f"works{until}"
        click.echo(f"{one.id}  {one.name}  {', '.join(one.scopes)}  {state}")
    return 0


@command.command()
@click.argument("token_id", metavar="ID")
@config_option
@click.pass_context
def revoke(context: click.Context, *, token_id: str, config_path: str | None) -> int:
    """Make a token worthless, at once."""
    from monitor.cli.opened import store_of

    with store_of(context, config_path) as store:
        store.access.revoke_token(token_id)
    click.echo(f"{token_id} is revoked")
    return 0


def _entry(token: KnownToken) -> dict[str, object]:
    times = {
        name: moment.isoformat() if moment else None
        for name, moment in (
            ("created_at", token.created_at),
            ("expires_at", token.expires_at),
            ("revoked_at", token.revoked_at),
        )
    }
    return {"id": token.id, "name": token.name, "scopes": list(token.scopes), **times}
