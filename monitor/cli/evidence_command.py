"""`driftloop evidence MONITOR`: which mails another budget would have caused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, json_option, print_json, safe, say

if TYPE_CHECKING:
    from datetime import datetime

    from monitor.steps.replay import Replay


@click.command()
@click.argument("monitor")
@click.option(
    "--false-alarms-per-year",
    "per_year",
    type=click.FloatRange(min=0, max=365, min_open=True),
    help="The budget to try; default: the one of the config.",
)
@click.option("--from", "start", metavar="TIME", help="First window; default: the oldest one.")
@click.option("--to", "end", metavar="TIME", help="End of the last window; default: the newest.")
@json_option
@config_option
@click.pass_context
def command(
    context: click.Context,
    monitor: str,
    *,
    per_year: float | None,
    start: str | None,
    end: str | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Replay stored windows of MONITOR under another budget, without reading data.

    Named events count; what people muted and acknowledged does not.
    """
    from monitor.cli.opened import pipeline_of
    from monitor.steps.replay import replay

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        found = replay(
            pipeline.store,
            chosen,
            pipeline.references,
            pipeline.versions,
            budget=pipeline.config.allowance(chosen) if per_year is None else per_year,
            start=_time("--from", start, chosen.zone),
            end=_time("--to", end, chosen.zone),
        )
        allowed = pipeline.config.allowance(chosen)
    if as_json:
        print_json(_document(found, allowed))
    else:
        _print(found, allowed)
    return 0


def _time(option: str, text: str | None, zone: Any) -> datetime | None:
    from monitor.cli.run_command import time_of
    from monitor.core.errors import UsageError

    if text is None:
        return None
    try:
        moment: datetime = time_of(text, zone)
    except ValueError:
        msg = f"{option} {text!r} is no date or time; write it as 2024-01-31."
        raise UsageError(msg) from None
    return moment


def _document(found: Replay, allowed: float) -> dict[str, Any]:
    return {
        "schema": 1,
        "monitor": found.monitor,
        "windows": found.windows,
        "skipped": found.skipped,
        "false_alarms_per_year": {"config": allowed, "tried": found.budget},
        "mails": [
            {
                "window": {
                    "start": mail.window.start.isoformat(),
                    "end": mail.window.end.isoformat(),
                },
                "why": mail.why,
                "would": mail.would,
                "was": mail.was,
                "alarms": list(mail.keys),
            }
            for mail in found.mails
        ],
    }


def _print(found: Replay, allowed: float) -> None:
    would = sum(mail.would for mail in found.mails)
    was = sum(mail.was for mail in found.mails)
    click.echo(
        f"{found.monitor}: {found.windows} stored windows. With a budget of {found.budget:g} false "
        f"mails a year {would} would have been sent; {was} were, with {allowed:g} in the config"
    )
    for mail in found.mails:
        mark = {(True, True): "same", (True, False): "new ", (False, True): "gone"}
        names = ", ".join(mail.keys[:6]) + (" …" if len(mail.keys) > 6 else "")
        text = f"  {mark[mail.would, mail.was]}  {mail.window.start:%Y-%m-%d %H:%M}"
        click.echo(safe(f"{text}  {mail.why:9}  {names}".replace(" 00:00", "")))
    if found.skipped:
        say(f"{found.skipped} windows have no stored profile, and were left out")
