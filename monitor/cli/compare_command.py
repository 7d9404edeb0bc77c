"""`driftloop compare REFERENCE CURRENT`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.common import (
    alarm_exit,
    fail_on_alarm_option,
    json_option,
    print_json,
    safe,
    say,
    writing,
)

if TYPE_CHECKING:
    from monitor.api import Comparison

_SHOWN = 25


@click.command()
@click.argument("reference")
@click.argument("current")
@click.option("--html", "html_path", type=click.Path(dir_okay=False), help="Write the report here.")
@json_option
@fail_on_alarm_option
@click.option("--label", metavar="C", help="Column with the truth.")
@click.option("--prediction", metavar="C", help="Column with what the model said.")
@click.option("--score", metavar="C", multiple=True, help="Column(s) with the model's scores.")
@click.option("--id", "id_", metavar="C", help="Column that names a row.")
@click.option("--timestamp", metavar="C", help="Column with the time of a row.")
@click.option("--model-version", metavar="C", help="Column with the version of the model.")
@click.option("--embedding", metavar="C", multiple=True, help="Column(s) with embeddings.")
@click.option("--segment", metavar="C", multiple=True, help="Column(s) that make subgroups.")
@click.option("--ignore", metavar="C", multiple=True, help="Column(s) to leave out.")
def command(
    reference: str,
    current: str,
    *,
    html_path: str | None,
    as_json: bool,
    fail_on_alarm: bool,
    label: str | None,
    prediction: str | None,
    score: tuple[str, ...],
    id_: str | None,
    timestamp: str | None,
    model_version: str | None,
    embedding: tuple[str, ...],
    segment: tuple[str, ...],
    ignore: tuple[str, ...],
) -> int:
    """Compare two files, folders or URLs (Parquet, CSV, JSON lines, Arrow); no config needed.

    Column kinds are inferred and shown; roles that are not named are guessed cautiously.
    """
    from monitor.api import compare

    found = compare(
        reference,
        current,
        label=label,
        prediction=prediction,
        score=score,
        id=id_,
        timestamp=timestamp,
        model_version=model_version,
        embedding=embedding,
        segment=segment,
        ignore=ignore,
    )
    if html_path is not None:
        with writing(Path(html_path)):
            found.save_html(html_path)
    document = found.to_dict(report=html_path)
    if as_json:
        print_json(document)
    else:
        _print(found)
    if html_path:
        say(f"report: {Path(html_path).absolute()}")
    return alarm_exit([document], fail_on_alarm=fail_on_alarm)


def _print(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(safe(found.verdict), style="bold"))
    console.print(
        f"{found.rows_reference:,} rows in the reference, {found.rows_current:,} now", style="dim"
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("column", "kind", "role", "", "what is said of it"):
        table.add_column(heading)
    lines = sorted(found.view.columns, key=lambda column: not column.drifted)
    told = [line for line in lines if not line.parent]
    for line in told[:_SHOWN]:
        mark = Text("differs", style="bold red") if line.drifted else Text("")
        table.add_row(Text(safe(line.name)), line.kind, line.role, mark, Text(line.statement))
    console.print(table)
    if len(told) > _SHOWN:
        console.print(f"… and {len(told) - _SHOWN} more columns; --html or --json show them all.")
    others = [f for f in found.findings if f.drifted and f.column is None]
    for finding in others:
        console.print(Text(f"• {finding.message}"))
