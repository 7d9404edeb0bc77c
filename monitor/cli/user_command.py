"""`driftloop user add|password|remove|list`: who may open the page."""

from __future__ import annotations

import sys

import click

from monitor.cli.common import config_option, group_config_option, json_option, print_json

scopes_option = click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "queue", "admin"]),
    help="What they may do; give it once for each. Default: all.",
)
password_option = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the password from standard input instead of asking for it.",
)


@click.group()
@group_config_option
def command() -> None:
    """People who may open the page of `driftloop serve`."""


@command.command()
@click.argument("name")
@scopes_option
@password_option
@config_option
@click.pass_context
def add(
    context: click.Context,
    *,
    name: str,
    scopes: tuple[str, ...],
    from_stdin: bool,
    config_path: str | None,
) -> int:
    """Add a person; the page asks everybody to sign in from then on."""
    from monitor.cli.opened import store_of
    from monitor.store.access import SCOPES

    with store_of(context, config_path) as store:
        store.access.add_user(name, _password(from_stdin=from_stdin), scopes or SCOPES)
    click.echo(f"{name} may sign in")
    return 0


@command.command()
@click.argument("name")
@password_option
@config_option
@click.pass_context
def password(
    context: click.Context, *, name: str, from_stdin: bool, config_path: str | None
) -> int:
    """Set another password; whoever is signed in with the old one must sign in again."""
    from monitor.cli.opened import store_of

    with store_of(context, config_path) as store:
        store.access.set_password(name, _password(from_stdin=from_stdin))
    click.echo(f"{name} has another password")
    return 0


@command.command()
@click.argument("name")
@config_option
@click.pass_context
def remove(context: click.Context, *, name: str, config_path: str | None) -> int:
    """Take a person's access away, at once."""
    from monitor.cli.opened import store_of

    with store_of(context, config_path) as store:
        store.access.remove_user(name)
    click.echo(f"{name} cannot sign in any more")
    return 0


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(context: click.Context, *, as_json: bool, config_path: str | None) -> int:
    """All people, and what they may do."""
    from monitor.cli.opened import store_of

    with store_of(context, config_path) as store:
        users = store.access.users()
    if as_json:
        entries = [{"name": one.name, "scopes": sorted(one.scopes)} for one in users]
        print_json({"schema": 1, "users": entries})
    for one in () if as_json else users:
        click.echo(f"{one.name}  {', '.join(sorted(one.scopes))}")
    return 0


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return given
