"""What the commands share: options, the one JSON document, words on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on standard output, nothing else."
)
fail_on_alarm_option = click.option(
    "--fail-on-alarm", is_flag=True, help="Exit with 3 when an alarm is open."
)


def config_option(function: Function) -> Function:
    """`-c/--config` after the command too; wins over the one before it."""
    return click.option(
        "-c", "--config", "config_path", metavar="FILE", help="The config of this installation."
    )(function)


def _remember(context: click.Context, _: click.Parameter, given: str | None) -> None:
    if given is not None:
        context.find_root().ensure_object(dict)["config"] = given


#: `-c/--config` before the commands of a group.
group_config_option = click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The config of this installation.",
    callback=_remember,
    expose_value=False,
)


def config_path_of(context: click.Context, given: str | None) -> Path:
    """The config that was named: after the command, before it, or by DRIFTLOOP_CONFIG."""
    root: dict[str, str] = context.find_root().obj or {}
    return Path(given or root.get("config", "config.toml"))


def print_json(document: Any) -> None:
    """One document, keys in the order of the contract; no NaN, which is not JSON."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    text = json.dumps(document, ensure_ascii=plain, allow_nan=False, default=str)
    sys.stdout.write(text + "\n")


def safe(text: str) -> str:
    r"""The text without what a terminal would obey; names and values in it come from data.

    >>> safe("a\x1b[2Jb\nc")
    'a�[2Jb\nc'
    """
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """A place that a person named: what is wrong with it is one sentence."""
    from monitor.core.errors import UsageError

    try:
        yield
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}. Name another place."
        raise UsageError(msg) from None


def say(text: str) -> None:
    """Words for a person, on standard error."""
    click.echo(safe(text), err=True)


def alarm_exit(documents: list[dict[str, Any]], *, fail_on_alarm: bool) -> int:
    """3 when asked for and an alarm is open in the newest of the documents."""
    if not fail_on_alarm or not documents:
        return 0
    alarms = documents[-1]["alarms"]
    return 3 if any(alarm["state"] != "closed" for alarm in alarms) else 0
