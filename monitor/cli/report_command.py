"""`driftloop report MONITOR`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, json_option, print_json, say, writing

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.core.window import Window
    from monitor.pipeline import Pipeline

_NAMED = 20


@click.command()
@click.argument("monitor")
@click.option("--week", metavar="DAY", help="A day in the window; default: the newest window.")
@click.option("--evidently", is_flag=True, help="Evidently's report of the same window instead.")
@click.option(
    "--workspace", metavar="DIR|URL", help="Add Evidently's snapshot to a workspace of Evidently."
)
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
        path: Path | None
        if evidently or workspace is not None:
            wanted = evidently or output is not None
            path = _evidently(pipeline, chosen, window, output, workspace, page=wanted)
        else:
            shown, of = pipeline.redraw(chosen, window)
            path = output or pipeline.report_path(chosen, of)
            with writing(path):
                page.write(shown, path)
    if as_json:
        there = {} if workspace is None else {"workspace": workspace}
        shown_path = None if path is None else str(path)
        print_json({"schema": 1, "monitor": chosen.name, "report": shown_path, **there})
    else:
        click.echo(workspace if path is None else str(path))
    return 0


def _evidently(
    pipeline: Pipeline,
    monitor: MonitorConfig,
    window: Window | None,
    output: Path | None,
    workspace: str | None,
    *,
    page: bool,
) -> Path | None:
    """Evidently's report as a page, in a workspace, or both; the path of the page."""
    from monitor.checks.wording import one_line
    from monitor.external import evidently_report

    reference, current, columns, of = pipeline.samples(monitor, window)
    drawn = evidently_report.draw(reference, current, columns, monitor=monitor.name, window=of)
    if drawn.left_out:
        names = one_line(", ".join(drawn.left_out[:_NAMED]))
        more = " …" if len(drawn.left_out) > _NAMED else ""
        say(f"Evidently left out {len(drawn.left_out)} columns: {names}{more}")
    if workspace is not None:
        evidently_report.add(drawn, workspace, monitor.name)
    if not page:
        return None
    path = output or pipeline.report_path(monitor, of).with_suffix(".evidently.html")
    with writing(path):
        evidently_report.save(drawn, path)
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
