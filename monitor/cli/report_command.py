"""`driftloop report MONITOR`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, json_option, print_json

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.core.window import Window
    from monitor.pipeline import Pipeline


@click.command()
@click.argument("monitor")
@click.option("--week", metavar="DAY", help="A day in the window; default: the newest window.")
@click.option("--evidently", is_flag=True, help="Evidently's report of the same window instead.")
@click.option("--workspace", metavar="DIR|URL", help="Add it to an Evidently workspace.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the page here.")
@json_option
@config_option
@click.pass_context
def command(
    context: click.Context,
    monitor: str,
    *,
    week: str | None,
    evidently: bool,
    workspace: str | None,
    output: Path | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Draw a stored run of MONITOR again, without the data."""
    from monitor.cli.opened import pipeline_of
    from monitor.steps import page

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        window = _window(pipeline, chosen, week)
        if evidently or workspace:
            path = _evidently(pipeline, chosen, window, output, workspace)
        else:
            shown, of = pipeline.redraw(chosen, window)
            path = output or pipeline.report_path(chosen, of)
            page.write(shown, path)
    if as_json:
        print_json({"schema": 1, "monitor": chosen.name, "report": str(path)})
    else:
        click.echo(str(path))
    return 0


def _evidently(
    pipeline: Pipeline,
    monitor: MonitorConfig,
    window: Window | None,
    output: Path | None,
    workspace: str | None,
) -> Path:
    from monitor.external.evidently import Evidently

    tool = Evidently()
    reference, current, columns, of = pipeline.samples(monitor, window)
    path = output or pipeline.report_path(monitor, of).with_suffix(".evidently.html")
    snapshot = tool.snapshot(reference, current, columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    tool.save(snapshot, path)
    if workspace is not None:
        tool.add(snapshot, workspace, monitor.name)
    return path


def _window(pipeline: Pipeline, monitor: MonitorConfig, day: str | None) -> Window | None:
    from monitor.cli.run_command import time_of
    from monitor.core.errors import UsageError

    if day is None:
        return None
    try:
        moment = time_of(day, monitor.zone)
    except ValueError:
        msg = f"--week {day!r} is no day; write it as 2024-01-31."
        raise UsageError(msg) from None
    for summary in pipeline.store.runs.summaries(
        monitor.name, limit=1, before=moment + timedelta(microseconds=1)
    ):
        if summary.window.end > moment:
            return summary.window
    return monitor.cadence.window(moment)
