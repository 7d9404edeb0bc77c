"""`driftloop worker`: one more worker on the same store."""

from __future__ import annotations

import click

from monitor.cli.common import config_option
from monitor.cli.serve_command import (
    every_option,
    grace_option,
    memory_option,
    run_clock,
    speak,
    workers_option,
)


@click.command()
@every_option
@grace_option
@workers_option
@memory_option
@config_option
@click.pass_context
def command(
    context: click.Context,
    *,
    every: float,
    grace: float,
    workers: int,
    memory_gb: float | None,
    config_path: str | None,
) -> int:
    """Take due windows off the hands of `driftloop serve`; as many workers as you like.

    The store must be there: `driftloop serve` or `driftloop db upgrade` makes it.
    """
    from monitor.cli.opened import installation_of
    from monitor.scheduler.clock import Clock
    from monitor.scheduler.limits import limit_memory

    with installation_of(context, config_path) as home:
        speak(home)
        home.limit = lambda: limit_memory(memory_gb, home.say)
        run_clock(Clock(home, workers), every=every, grace=grace)
    return 0
