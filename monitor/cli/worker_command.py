"""`driftloop worker`: one more worker on the same store."""

from __future__ import annotations

import click

from monitor.cli.common import config_option
from monitor.cli.serve_command import every_option, grace_option, log, run_clock


@click.command()
@every_option
@grace_option
@config_option
@click.pass_context
def command(context: click.Context, *, every: float, grace: float, config_path: str | None) -> int:
    """Take due windows off the hands of `driftloop serve`; as many workers as you like.

    The store must be there: `driftloop serve` or `driftloop db upgrade` makes it.
    """
    from monitor.cli.opened import pipeline_of
    from monitor.scheduler.clock import Clock

    with pipeline_of(context, config_path) as pipeline:
        pipeline.say = pipeline.references.say = log
        run_clock(Clock(pipeline, log), every=every, grace=grace)
    return 0
