"""`driftloop serve`: the clock and the web page."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, say

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from monitor.scheduler.clock import Clock
    from monitor.scheduler.installation import Installation

every_option = click.option(
    "--every",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    help="How often to ask which windows are due.",
)
grace_option = click.option(
    "--grace",
    default=8.0,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long a window may take to end when stopped; then it is handed back.",
)
workers_option = click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="How many windows run side by side in this process.",
)
memory_option = click.option(
    "--memory-gb",
    type=click.FloatRange(0.5),
    metavar="GB",
    help="What a window may fill before it fails; default: nine tenths of what the machine has.",
)


@click.command()
@click.option("--host", help="Where the page listens; default: [web] host, 127.0.0.1.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="0: any free port; default: [web] port, 8000."
)
@click.option("--no-web", is_flag=True, help="Only the clock.")
@click.option("--once", is_flag=True, help="Run what is due now, and end; 1 when something failed.")
@every_option
@grace_option
@workers_option
@memory_option
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
    grace: float = 8.0,
    workers: int = 1,
    memory_gb: float | None = None,
    config_path: str | None = None,
) -> int:
    """Run every monitor on its schedule, and show what they found on a web page.

    Windows that were missed are run first, oldest first. On 127.0.0.1 the page asks nobody who
    they are until there is a user (`driftloop user add`); where other machines reach it, it always
    does. SIGTERM and Ctrl-C let the window that runs end, or hand it back.
    """
    from monitor.cli.opened import installation_of
    from monitor.scheduler.clock import Clock
    from monitor.scheduler.limits import limit_memory

    with installation_of(context, config_path, upgrade=True) as home:
        speak(home)
        home.limit = lambda: limit_memory(memory_gb, home.say)
        clock = Clock(home, workers)
        if once:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # which hands the window back
            clock.tick()
            return 1 if clock.failures else 0
        if no_web:
            run_clock(clock, every=every, grace=grace)
        else:
            _with_page(clock, home, (host, port), every=every, grace=grace)
    return 0


def run_clock(clock: Clock, *, every: float, grace: float) -> None:
    """Tick until SIGTERM or SIGINT."""
    from monitor.scheduler.clock import start

    signals = _Signals(reload=clock.home.reload)
    scheduler = start(clock, seconds=every)
    say("driftloop runs; stop it with Ctrl-C")
    while not signals.count:
        time.sleep(0.1)
        signals.take_reload()
    _stop(clock, scheduler, grace, signals)


def speak(home: Installation) -> None:
    """Write down what happens, and trace it, as the config says."""
    from monitor.core import logs, tracing

    logs.configure(home.config.log.format)
    home.say = home.blocks.say = logs.event
    telemetry = home.config.telemetry
    if telemetry.otlp_endpoint is not None:
        tracing.configure(telemetry.otlp_endpoint, service=telemetry.service)


def _with_page(
    clock: Clock,
    home: Installation,
    place: tuple[str | None, int | None],
    *,
    every: float,
    grace: float,
) -> None:
    from monitor.scheduler.clock import start

    web = home.config.web
    host, port = place[0] or web.host, web.port if place[1] is None else place[1]
    server, listener = _server(home, host, port)
    signals = _Signals(lambda: setattr(server, "should_exit", True), home.reload)
    scheduler = start(clock, seconds=every)
    scheduler.add_job(signals.take_reload, "interval", seconds=1, coalesce=True)
    shown = f"[{host}]" if ":" in host else host
    say(f"driftloop runs; its page is http://{shown}:{listener.getsockname()[1]}/")
    try:
        server.run(sockets=[listener])
    except BaseException:
        clock.stopping.set()
        raise
    _stop(clock, scheduler, grace, signals)


def _server(home: Installation, host: str, port: int) -> tuple[Any, socket.socket]:
    """A server that does not run yet, and the socket that it will listen on."""
    import contextlib

    import uvicorn

    from monitor.web.app import create_app

    listener = _listen(host, port)
    hosts, is_local = names_of(host, home), _is_loopback(host)
    app = create_app(lambda: home.config, home.store, hosts=hosts, local=is_local)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=3,
        )
    )
    # uvicorn would raise the signal again when it is done, and the exit code would be the signal's.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    return server, listener


def _listen(host: str, port: int) -> socket.socket:
    from monitor.core.errors import UsageError

    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        msg = (
            f"The page cannot listen on {host}:{port}: {error.strerror}. "
            "Name another with --host and --port."
        )
        raise UsageError(msg) from None


def names_of(host: str, home: Installation) -> set[str] | None:
    """Host names that the page answers to; None: any, as others are to reach it.

    Else a page of somebody else could have its name point to 127.0.0.1, and read the reports.
    """
    from urllib.parse import urlsplit

    config = home.config
    if not _is_loopback(host):
        if config.web.login == "off":
            say(f"warning: other machines reach {host}, and the page asks nobody who they are")
        elif not home.store.access.users():
            say("nobody can sign in yet: `driftloop user add NAME` adds the first one")
        return None
    own = urlsplit(config.report.base_url or "").hostname
    return {"127.0.0.1", "localhost", "::1", host, *([own] if own else [])}


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class _Signals:
    """How many SIGTERM and SIGINT came: the first one stops, the second one hurries.

    SIGHUP has the config read again. A handler runs between any two steps of the main thread, so
    it takes no lock and does nothing but note what came.
    """

    stop: Callable[[], None] = lambda: None
    reload: Callable[[], object] = lambda: None
    count: int = 0
    to_reload: bool = False

    def __post_init__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)
        signal.signal(signal.SIGHUP, self._note)

    def take_reload(self) -> None:
        """Read the config again if that was asked for since the last look."""
        if self.to_reload:
            self.to_reload = False
            self.reload()

    def _note(self, number: int, frame: object) -> None:
        del number, frame
        self.to_reload = True

    def _handle(self, number: int, frame: object) -> None:
        del number, frame
        self.count += 1
        self.stop()


def _stop(clock: Clock, scheduler: BackgroundScheduler, grace: float, signals: _Signals) -> None:
    if not clock.stop(scheduler, seconds=grace, hurry=lambda: signals.count > 1):
        # The thread of the window that was handed back cannot be ended, and Python would wait.
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(0)
