"""`driftloop demo [DIR]`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.common import json_option, print_json, say

if TYPE_CHECKING:
    from monitor.demo import Demo


@click.command()
@click.argument(
    "folder", metavar="[DIR]", default="driftloop-demo", type=click.Path(path_type=Path)
)
@click.option("--serve", is_flag=True, help="Open the web page on it afterwards.")
@json_option
@click.pass_context
def command(context: click.Context, folder: Path, *, serve: bool, as_json: bool) -> int:
    """Run driftloop on real bundled data: flights of 2013 and a stream of images.

    A year of weekly windows of two monitors goes through the same code as in production; what
    there is to open afterwards is printed.
    """
    folder = folder.absolute()
    made = _with_progress(folder)
    if as_json:
        print_json(
            {
                "schema": 1,
                "folder": str(made.folder),
                "config": str(made.config),
                "windows": made.windows,
                "reports": [str(path) for path in made.reports],
                "mails": [str(path) for path in made.mails],
                "queues": [str(path) for path in made.queues],
            }
        )
    else:
        _print(made)
    if serve:
        from monitor.cli.serve_command import command as serve_command

        context.invoke(serve_command, config_path=str(made.config))
    return 0


def _with_progress(folder: Path) -> Demo:
    from rich.console import Console

    from monitor.demo import run

    console = Console(stderr=True)
    with console.status("starting") as status:

        def show(text: str) -> None:
            status.update(text)

        return run(folder, show if console.is_terminal else say)


def _print(made: Demo) -> None:
    click.echo(f"{made.windows} weekly windows of {len(made.reports)} monitors\n")
    for title, paths in (
        ("Newest weekly reports", made.reports),
        ("Alert mails", made.mails),
        ("Relabel queue, for Label Studio", made.queues),
        ("Config", (made.config,)),
    ):
        click.echo(f"{title}:")
        for path in paths:
            click.echo(f"  {path}")
    click.echo(f"\nNext: driftloop serve -c {made.config}")
