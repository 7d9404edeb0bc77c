"""`driftloop serve`: the clock and the web page."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, say

if TYPE_CHECKING:
    from monitor.pipeline import Pipeline
    from monitor.scheduler.clock import Clock


@click.command()
@click.option("--host", help="Where the page listens; default: [web] host, 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0: any free port; default: [web] port."
)
@click.option("--no-web", is_flag=True, help="Only the clock.")
@click.option("--once", is_flag=True, help="Run what is due now, and end.")
@click.option(
    "--every", default=30.0, show_default=True, type=click.FloatRange(0.1), metavar="SECONDS"
)
@config_option
@click.pass_context
def command(
    context: click.Context,
    *,
    host: str | None = None,
    port: int | None = None,
    no_web: bool = False,
    once: bool = False,
    every: float = 30.0,
    config_path: str | None = None,
) -> int:
    """Run every monitor on its schedule, and show what they found on a web page.

    Windows that were missed are run first, oldest first. The page has no login: keep it on
    127.0.0.1, or behind something that has one.
    """
    from monitor.cli.opened import pipeline_of
    from monitor.scheduler.clock import Clock

    with pipeline_of(context, config_path, upgrade=True) as pipeline:
        clock = Clock(pipeline, log)
        if once:
            clock.tick()
        elif no_web:
            run_clock(clock, every)
        else:
            web = pipeline.config.web
            _with_page(clock, pipeline, host or web.host, web.port if port is None else port, every)
    return 0


def run_clock(clock: Clock, every: float) -> None:
    """Tick until SIGTERM or SIGINT; the window that runs then is finished first."""
    from monitor.scheduler.clock import start

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: clock.stopping.set())
    scheduler = start(clock, seconds=every)
    say("driftloop runs; stop it with Ctrl-C")
    clock.stopping.wait()
    scheduler.shutdown(wait=True)


def _with_page(clock: Clock, pipeline: Pipeline, host: str, port: int, every: float) -> None:
    import uvicorn

    from monitor.core.errors import UsageError
    from monitor.scheduler.clock import start
    from monitor.web.app import create_app

    if not _is_loopback(host):
        say(f"warning: the page has no login, and {host} can be reached from other machines")
    try:
        listener = socket.create_server((host, port), family=_family(host))
    except OSError as error:
        msg = (
            f"The page cannot listen on {host}:{port}: {error.strerror}. Name another with --port."
        )
        raise UsageError(msg) from None
    config = uvicorn.Config(
        create_app(pipeline.config, pipeline.store), log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    # uvicorn would raise the signal again when it is done, and the exit code would be the signal's.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    scheduler = start(clock, seconds=every)
    shown = f"[{host}]" if ":" in host else host
    say(f"driftloop runs; its page is http://{shown}:{listener.getsockname()[1]}/")
    try:
        server.run(sockets=[listener])
    finally:
        clock.stopping.set()
        scheduler.shutdown(wait=True)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def log(text: str) -> None:
    """One line with the time, on standard error."""
    say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}")
