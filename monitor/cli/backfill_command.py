"""`driftloop backfill MONITOR`."""

from __future__ import annotations

from typing import Any

import click

from monitor.cli.common import (
    alarm_exit,
    config_option,
    fail_on_alarm_option,
    json_option,
    print_json,
)


@click.command()
@click.argument("monitor")
@click.option(
    "--from", "start", metavar="TIME", help="ISO time; default: the end of the reference."
)
@click.option("--to", "end", metavar="TIME", help="ISO time; default: the end of the data, or now.")
@json_option
@fail_on_alarm_option
@config_option
@click.pass_context
def command(
    context: click.Context,
    monitor: str,
    *,
    start: str | None,
    end: str | None,
    as_json: bool,
    fail_on_alarm: bool,
    config_path: str | None,
) -> int:
    """Run all windows of MONITOR between two times, oldest first.

    Windows that are done already are not run again, so a backfill that was stopped goes on.
    """
    from monitor.cli.opened import pipeline_of
    from monitor.cli.run_command import print_run
    from monitor.cli.spans import span_of

    documents: list[dict[str, Any]] = []
    with pipeline_of(context, config_path, upgrade=True) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        first, last = span_of(pipeline, chosen, start, end)
        for document in pipeline.backfill(chosen, first, last):
            if as_json:
                documents.append(document)
            else:
                print_run(document)
                documents = [document]
        pipeline.deliver()
    if as_json:
        print_json({"schema": 1, "monitor": chosen.name, "runs": documents})
    return alarm_exit(documents, fail_on_alarm=fail_on_alarm)
