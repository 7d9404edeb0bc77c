"""`driftloop worker`: one more worker on the same store."""

from __future__ import annotations

import click

from monitor.cli.common import config_option


@click.command()
@click.option(
    "--every", default=30.0, show_default=True, type=click.FloatRange(0.1), metavar="SECONDS"
)
@config_option
@click.pass_context
def command(context: click.Context, *, every: float, config_path: str | None) -> int:
    """Take due windows off the hands of `driftloop serve`; as many workers as you like."""
    from monitor.cli.opened import pipeline_of
    from monitor.cli.serve_command import log, run_clock
    from monitor.scheduler.clock import Clock

    with pipeline_of(context, config_path) as pipeline:
        run_clock(Clock(pipeline, log), every)
    return 0
