"""`driftloop init DATA`."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.common import say, writing


@click.command()
@click.argument("data")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="config.toml",
    show_default=True,
    help="Where the config goes; - is standard output.",
)
@click.option("--name", help="Name of the monitor; default: made from the name of the data.")
@click.option("--force", is_flag=True, help="Write over a config that is there already.")
def command(data: str, *, output: Path, name: str | None, force: bool) -> int:
    """Look at DATA (a file, folder, glob or URL), guess the roles of its columns, write a config.

    Every guess is explained in the config; correct what is wrong, then `driftloop check`.
    """
    from monitor.config.init import init_config
    from monitor.config.models import checked_name
    from monitor.core.errors import UsageError

    if not data.strip():
        msg = "DATA is empty; name a file, folder, glob or URL."
        raise UsageError(msg)
    try:
        name = name if name is None else checked_name(name)
    except ValueError as error:
        msg = f"--name {name!r} {error}."
        raise UsageError(msg) from None
    if str(output) == "-":
        click.echo(init_config(data, name=name), nl=False)
        return 0
    if output.exists() and not force:
        msg = f"There is a file {output} already; name another with -o, or add --force."
        raise UsageError(msg)
    text = init_config(data, name=name, base=output.absolute().parent)
    with writing(output):
        output.write_text(text, encoding="utf-8")
    say(f"wrote {output}; next: driftloop check -c {output}")
    return 0
