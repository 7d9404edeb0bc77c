"""`driftloop alarms list|verdict|ack|mute|unmute`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from monitor.cli.alarm_lines import lines_of, mails_of, said
from monitor.cli.common import (
    config_option,
    group_config_option,
    json_option,
    print_json,
    safe,
    say,
)

if TYPE_CHECKING:
    from monitor.pipeline import Pipeline
    from monitor.store.alarm_records import NewNote

_F = TypeVar("_F", bound=Callable[..., Any])
#: A mute that nobody ends ends by itself.
_MUTED = "7d"


def _said_option(function: _F) -> _F:
    function = click.option("--by", help="Who says so; default: the user of this computer.")(
        function
    )
    return click.option("--note", default="", help="Why, in a sentence.")(function)


def _end_option(what: str) -> Callable[[_F], _F]:
    def decorate(function: _F) -> _F:
        function = click.option("--until", metavar="TIME", help="The same as a date or time.")(
            function
        )
        return click.option("--for", "length", metavar="TIME", help=what)(function)

    return decorate


@click.group()
@group_config_option
def command() -> None:
    """Alarms: what is open, what it was, who knows of it, and what is muted."""


@command.command("list")
@click.argument("monitor", required=False)
@click.option("--all", "every", is_flag=True, help="Closed ones too.")
@json_option
@config_option
@click.pass_context
def list_(
    context: click.Context,
    monitor: str | None,
    *,
    every: bool,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Open alarms of MONITOR, or of all, with their budget and what people said."""
    with _opened(context, config_path) as pipeline:
        names = [one.name for one in pipeline.config.monitors]
        if monitor is not None:
            names = [pipeline.config.monitor(monitor).name]
        lines = [line for name in names for line in lines_of(pipeline, name, every=every)]
        told = {name: mails_of(pipeline, name) for name in names} if as_json else {}
    if as_json:
        print_json({"schema": 1, "alarms": [line.document() for line in lines], "mails": told})
        return 0
    for line in lines:
        click.echo(safe(line.text()))
    if not lines:
        say("no alarm is open" if not every else "there was no alarm yet")
    return 0


@command.command()
@click.argument("monitor")
@click.argument("alarm")
@click.argument("verdict", type=click.Choice(["real", "expected", "false"]))
@_said_option
@json_option
@config_option
@click.pass_context
def verdict(
    context: click.Context,
    monitor: str,
    alarm: str,
    verdict: str,
    *,
    note: str,
    by: str | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Say what ALARM (its key, or its number in `list`) of MONITOR was."""
    from monitor.store.alarm_records import NewNote

    with _opened(context, config_path) as pipeline:
        name = pipeline.config.monitor(monitor).name
        found = pipeline.store.alarms.find(name, alarm)
        new = NewNote(
            kind="verdict",
            key=found.key,
            opened=found.opened.start,
            verdict=verdict,  # type: ignore[arg-type]  # a click.Choice of the three
            by=_who(by),
            note=note,
        )
        return _written(pipeline, name, [new], as_json=as_json)


@command.command()
@click.argument("monitor")
@click.argument("alarm", required=False)
@_end_option("How long, such as 3d; default: until it closes.")
@_said_option
@json_option
@config_option
@click.pass_context
def ack(
    context: click.Context,
    monitor: str,
    alarm: str | None,
    *,
    length: str | None,
    until: str | None,
    note: str,
    by: str | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Say that you know of ALARM, or of all open alarms of MONITOR: no reminder is sent."""
    from monitor.core.errors import UsageError
    from monitor.store.alarm_records import NewNote

    with _opened(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        alarms = pipeline.store.alarms
        found = [alarms.find(chosen.name, alarm)] if alarm else None
        found = found or list(alarms.list(chosen.name, open_only=True))
        if not found or found[0].state == "closed":
            what = f"Alarm {alarm!r} is closed" if alarm else f"No alarm of {monitor!r} is open"
            msg = f"{what}, so there is nothing to acknowledge."
            raise UsageError(msg)
        end = _end(length, until, chosen.zone)
        who = _who(by)
        new = [
            NewNote(kind="ack", key=one.key, opened=one.opened.start, until=end, by=who, note=note)
            for one in found
        ]
        return _written(pipeline, chosen.name, new, as_json=as_json)


@command.command()
@click.argument("monitor")
@click.argument("alarm", required=False)
@click.option("--column", help="All alarms about this column.")
@_end_option(f"How long, such as 12h or 3d; default: {_MUTED}.")
@_said_option
@json_option
@config_option
@click.pass_context
def mute(
    context: click.Context,
    monitor: str,
    alarm: str | None,
    *,
    column: str | None,
    length: str | None,
    until: str | None,
    note: str,
    by: str | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Send no mail about ALARM, a column, or all of MONITOR; they are shown all the same."""
    with _opened(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        end = _end(length or (None if until else _MUTED), until, chosen.zone)
        new = _of_place(pipeline, chosen.name, "mute", alarm, column)
        new = _replaced(new, until=end, by=_who(by), note=note)
        return _written(pipeline, chosen.name, [new], as_json=as_json)


@command.command()
@click.argument("monitor")
@click.argument("alarm", required=False)
@click.option("--column", help="The column that was muted.")
@_said_option
@json_option
@config_option
@click.pass_context
def unmute(
    context: click.Context,
    monitor: str,
    alarm: str | None,
    *,
    column: str | None,
    note: str,
    by: str | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Send mails again about what `mute` named."""
    with _opened(context, config_path) as pipeline:
        name = pipeline.config.monitor(monitor).name
        new = _of_place(pipeline, name, "unmute", alarm, column)
        return _written(pipeline, name, [_replaced(new, by=_who(by), note=note)], as_json=as_json)


@contextmanager
def _opened(context: click.Context, config_path: str | None) -> Iterator[Pipeline]:
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        yield pipeline


def _of_place(
    pipeline: Pipeline, monitor: str, kind: str, alarm: str | None, column: str | None
) -> NewNote:
    from monitor.core.errors import UsageError
    from monitor.store.alarm_records import NewNote

    if alarm is not None and column is not None:
        msg = "Name an alarm or a column, not both; a column means all alarms about it."
        raise UsageError(msg)
    key = column or ""
    if alarm is not None:
        key = pipeline.store.alarms.find(monitor, alarm).key
    scope = "alarm" if alarm is not None else "column" if column is not None else "monitor"
    return NewNote(kind=kind, scope=scope, key=key)  # type: ignore[arg-type]  # "mute", "unmute"


def _replaced(new: NewNote, **values: Any) -> NewNote:
    from dataclasses import replace

    return replace(new, **values)


def _end(length: str | None, until: str | None, zone: Any) -> datetime | None:
    from monitor.cli.run_command import time_of
    from monitor.config.cadence import parse_duration
    from monitor.core.errors import UsageError

    if length is not None and until is not None:
        msg = "Name --for or --until, not both."
        raise UsageError(msg)
    try:
        if length is not None:
            return datetime.now(UTC) + parse_duration(length)
        return None if until is None else time_of(until, zone)
    except (ValueError, OverflowError):
        given = f"--for {length!r}" if length is not None else f"--until {until!r}"
        msg = f"{given} is no time; write --for 12h, --for 3d, or --until 2024-01-31."
        raise UsageError(msg) from None


def _who(by: str | None) -> str:
    import getpass

    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a user without a name
        return ""


def _written(pipeline: Pipeline, monitor: str, new: list[NewNote], *, as_json: bool) -> int:
    notes = [pipeline.store.alarms.notes.add(monitor, one) for one in new]
    if as_json:
        written = [{"monitor": monitor, **(said(note) or {})} for note in notes]
        print_json({"schema": 1, "notes": written})
        return 0
    for note in notes:
        end = f" until {note.until:%Y-%m-%d %H:%M} UTC" if note.until else ""
        target = note.key or "all alarms"
        words = {"ack": "acknowledged", "mute": "muted", "unmute": "not muted any more"}
        click.echo(safe(f"{monitor}: {target} {words.get(note.kind, note.verdict)}{end}"))
    return 0
