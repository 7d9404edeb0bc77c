"""`driftloop run MONITOR`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import (
    alarm_exit,
    config_option,
    fail_on_alarm_option,
    json_option,
    print_json,
)

if TYPE_CHECKING:
    from monitor.core.window import Window


@click.command()
@click.argument("monitor")
@click.option("--window", metavar="START/END", help="ISO times; default: the newest whole window.")
@json_option
@fail_on_alarm_option
@config_option
@click.pass_context
def command(
    context: click.Context,
    monitor: str,
    *,
    window: str | None,
    as_json: bool,
    fail_on_alarm: bool,
    config_path: str | None,
) -> int:
    """Run one window of MONITOR now, whether it is due or not; again, when it was run before."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path, upgrade=True) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        asked = None if window is None else window_of(window, chosen.timezone)
        document = pipeline.run(chosen, asked)
        pipeline.deliver()
    if as_json:
        print_json(document)
    else:
        print_run(document)
    return alarm_exit([document], fail_on_alarm=fail_on_alarm)


def window_of(text: str, timezone: str) -> Window:
    """START/END of the command line; times without a zone are in the monitor's.

    Raises
    ------
    UsageError
        It is no such pair.
    """
    from zoneinfo import ZoneInfo

    from monitor.core.errors import UsageError
    from monitor.core.window import Window

    start, _, end = text.partition("/")
    try:
        return Window(time_of(start, ZoneInfo(timezone)), time_of(end, ZoneInfo(timezone)))
    except ValueError:
        msg = (
            f"--window {text!r} is not START/END with END after START; "
            "write it as 2024-01-01/2024-01-08 or 2024-01-01T00:00Z/2024-01-01T01:00Z."
        )
        raise UsageError(msg) from None


def time_of(text: str, zone: Any) -> Any:
    """An ISO date or time; without a zone it is in `zone`. Raises ValueError."""
    from datetime import datetime

    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)


def print_run(document: dict[str, Any]) -> None:
    """What a run found, for a person."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    window, rows = document["window"], document["rows"]
    console.print(
        Text(document["monitor"], style="bold"),
        f"{window['start'][:16]} … {window['end'][:16]}",
        f"{rows['current']:,} rows, reference {rows['reference']:,}",
    )
    for alarm in document["alarms"]:
        style = {"opened": "bold red", "open": "yellow", "closed": "green"}[alarm["state"]]
        console.print(Text(f"  {alarm['state']:7}", style=style), Text(alarm["key"]))
        console.print(Text(f"          {alarm['title']}", style="dim"))
    drifted = sum(finding["drifted"] for finding in document["findings"])
    if not document["alarms"]:
        seen = f"; {drifted} findings differ, none is sure enough" if drifted else ""
        console.print(Text(f"  no alarm{seen}", style="green"))
    queue = document["queue"]
    console.print(f"  queue: {queue['added']} rows of {queue['candidates']:,} candidates")
    console.print(Text(f"  report: {document['report']}"), soft_wrap=True)
