"""`driftloop`: the entry point. Commands are imported only when they are called."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from monitor.cli.common import say
from monitor.core.allocators import keep_freed
from monitor.core.errors import DriftloopError
from monitor.core.version import VERSION

#: command -> (module in this folder, one line for `--help`); the module's `command` is the command.
COMMANDS = {
    "demo": ("demo", "Run driftloop on real bundled data and say what to open."),
    "compare": ("compare", "Compare two files, folders or URLs; no config needed."),
    "init": ("init", "Look at the data and write a commented config."),
    "check": ("check", "Validate the config; open every source and channel."),
    "run": ("run", "Run one window of a monitor now."),
    "backfill": ("backfill", "Run all windows between two times, oldest first."),
    "serve": ("serve", "Run every monitor on its schedule, with the web page."),
    "worker": ("worker", "Add one more worker on the same store."),
    "alarms": ("alarms", "Alarms: list, verdict, ack, mute, unmute."),
    "evidence": ("evidence", "What another budget would have mailed, from stored windows."),
    "report": ("report", "Draw a stored run again, without the data."),
    "queue": ("queue", "The relabel queue: list, export, similar …"),
    "status": ("status", "Every monitor: newest window, open alarms, what waits or failed."),
    "outbox": ("outbox", "Messages on their way: list, retry, drop."),
    "annotators": ("annotators", "Scorecards of the annotators, and what the labels cost."),
    "reference": ("reference", "Versions of the reference: list, promote, rollback."),
    "user": ("user", "People who may open the page: add, password, remove, list."),
    "token": ("token", "API tokens of programs: create, list, revoke."),
    "db": ("db", "The database: upgrade, backup, restore, vacuum."),
}


class LazyGroup(click.Group):
    """A group whose commands are modules, loaded by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order in which a newcomer needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"monitor.cli.{COMMANDS[cmd_name][0]}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, without importing any of them."""
        rows = [(name, COMMANDS[name][1]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="driftloop")
@click.option(
    "-c",
    "--config",
    "config_path",
    envvar="DRIFTLOOP_CONFIG",
    default="config.toml",
    show_default=True,
    metavar="FILE",
    help="The config; also DRIFTLOOP_CONFIG.",
)
@click.pass_context
def cli(ctx: click.Context, config_path: str) -> None:
    """Tell a team only when something really changed in a model's data."""
    ctx.obj = {"config": config_path}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 fine, 1 error, 2 usage, 3 alarm)."""
    # The kernel brings a thread for each core; BLAS threads beside them only get in their way.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    # Nobody's pydantic plug-ins are wanted, and looking for them reads every distribution.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    keep_freed()
    # What start-up makes stays: looking for garbage in it again and again is a tenth of its time.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)  # nor is there any sense in looking through it before it goes
    try:
        result = cli.main(args=arguments, prog_name="driftloop", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        return 130
    except DriftloopError as error:
        say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output has gone; that is no error, and Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("DRIFTLOOP_DEBUG"):
            raise
        kind = type(error).__name__
        say(
            f"error: driftloop failed in a way that it should not: {kind}: {error}\n"
            "Please report it, with the traceback that DRIFTLOOP_DEBUG=1 shows."
        )
        return 1
    return result if isinstance(result, int) else 0
