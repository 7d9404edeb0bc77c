"""`driftloop queue list|history|export|push|pull|similar`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import click

from monitor.cli.common import (
    config_option,
    group_config_option,
    json_option,
    print_json,
    safe,
    say,
    writing,
)
from monitor.cli.queue_tools import pull, push, similar
from monitor.core.errors import UsageError

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.labeling.items import ExportCount
    from monitor.pipeline import Pipeline
    from monitor.store.records import QueueRow, QueueState

_SHOWN = 20
_IN_MEMORY = 8 << 20


@click.group()
@group_config_option
def command() -> None:
    """The relabel queue: rows whose labels help most, each with the reason why."""


@command.command("list")
@click.argument("monitor", required=False)
@click.option("--state", multiple=True, help="Only rows in that state; may be given repeatedly.")
@click.option("--limit", default=_SHOWN, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@config_option
@click.pass_context
def list_(
    context: click.Context,
    monitor: str | None,
    *,
    state: tuple[str, ...],
    limit: int,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Rows of one monitor, or how many rows each has."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        counts = {
            one.name: pipeline.store.queue.counts(one.name) for one in _asked(pipeline, monitor)
        }
        rows = _rows(pipeline, monitor, state, limit) if monitor else []
    if as_json:
        entries = [_entry(row) for row in rows]
        print_json({"schema": 1, "counts": counts, "rows": entries})
        return 0
    for name, states in counts.items():
        known = ", ".join(f"{count:,} {state}" for state, count in states.items() if count)
        click.echo(f"{name}: {known or 'empty'}")
    for row in rows:
        text = f"  {row.row_id:>12}  {row.reason:16} {row.state:12} {row.reason_text}"
        click.echo(safe(text).replace("\n", " "))
    return 0


@command.command()
@click.argument("monitor")
@click.argument("row")
@json_option
@config_option
@click.pass_context
def history(
    context: click.Context, monitor: str, row: str, *, as_json: bool, config_path: str | None
) -> int:
    """All states of one ROW of MONITOR's queue, oldest first: when, and who moved it."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        events = pipeline.store.queue.history(pipeline.config.monitor(monitor).name, row)
    if not events:
        msg = f"No row {row!r} is in the queue of {monitor!r}; `driftloop queue list` shows some."
        raise UsageError(msg)
    if as_json:
        entries = [
            {"at": one.at.isoformat(), "from": one.from_state, "to": one.to_state, "by": one.by}
            for one in events
        ]
        print_json({"schema": 1, "monitor": monitor, "row": row, "states": entries})
        return 0
    for one in events:
        by = f"  by {one.by}" if one.by else ""
        click.echo(safe(f"{one.at:%Y-%m-%d %H:%M:%S}  {one.to_state}{by}"))
    return 0


@command.command()
@click.argument("monitor")
@click.option("--format", "format_", default="label-studio", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--state", multiple=True, help="Default: proposed; with --mark they leave it.")
@click.option("--mark", is_flag=True, help="Note that these rows were exported.")
@config_option
@click.pass_context
def export(
    context: click.Context,
    monitor: str,
    *,
    format_: str,
    output: Path | None,
    state: tuple[str, ...],
    mark: bool,
    config_path: str | None,
) -> int:
    """Write the queue of MONITOR to standard output or a file; changes nothing without --mark."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        rows = _Seen(
            pipeline.store.queue.every(chosen.name, states=_states(state or ("proposed",)))
        )
        # What fails midway leaves the file that was there, and standard output empty.
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as made:
            count = _write(pipeline, chosen, rows, format_, cast("BinaryIO", made))
            made.seek(0)
            _hand_over(made, output)
        if mark:
            left_out = {str(skipped.id) for skipped in count.skipped}
            ids = [row_id for row_id in rows.ids if row_id not in left_out]
            marked = pipeline.store.queue.mark(chosen.name, ids, "exported", by="export")
            say(f"{len(marked.changed):,} rows are marked as exported")
    _tell(count, chosen.name)
    return 0


for _command in (push, pull, similar):
    command.add_command(_command)


class _Seen:
    """Rows on their way into a file; remembers their ids, not the rows."""

    def __init__(self, rows: Iterable[QueueRow]) -> None:
        self._rows = rows
        self.ids: list[str] = []

    def __iter__(self) -> Iterator[QueueRow]:
        for row in self._rows:
            self.ids.append(row.row_id)
            yield row


def _write(
    pipeline: Pipeline, monitor: MonitorConfig, rows: _Seen, format_: str, out: BinaryIO
) -> ExportCount:
    from monitor.profiles.types import Profile
    from monitor.steps import export

    active = pipeline.store.references.active(monitor.name)
    reference = None if active is None else Profile.from_bytes(active.profile)
    return export.write(rows, format_, export.spec_of(monitor, reference), out)


def _hand_over(made: IO[bytes], output: Path | None) -> None:
    if output is None:
        shutil.copyfileobj(made, sys.stdout.buffer)
        return
    with writing(output), output.open("wb") as file:
        shutil.copyfileobj(made, file)


def _tell(count: ExportCount, monitor: str) -> None:
    say(f"{monitor}: {count.written:,} rows written")
    for title, rows in (
        ("left out", count.skipped),
        ("without its prediction", count.without_prediction),
    ):
        for skipped in rows[:_SHOWN]:
            say(f"{title} {skipped.id}: {skipped.reason}")
        if len(rows) > _SHOWN:
            say(f"{title}: {len(rows) - _SHOWN:,} more rows, {len(rows):,} in all")
    for column, values in count.dropped_values.items():
        say(f"{values:,} values of {column} do not fit this format and were left out")


def _asked(pipeline: Pipeline, monitor: str | None) -> list[MonitorConfig]:
    if monitor is None:
        return list(pipeline.config.monitors)
    return [pipeline.config.monitor(monitor)]


def _states(names: Iterable[str]) -> list[QueueState]:
    from typing import get_args

    from monitor.core.errors import UsageError
    from monitor.store.records import QueueState

    known = get_args(QueueState)
    for name in names:
        if name not in known:
            msg = f"There is no state {name!r} of the queue; there are: {', '.join(known)}."
            raise UsageError(msg)
    return list(names)  # type: ignore[arg-type]


def _rows(pipeline: Pipeline, monitor: str, state: tuple[str, ...], limit: int) -> list[QueueRow]:
    wanted = _states(state) if state else None
    return pipeline.store.queue.rows(monitor, states=wanted, limit=limit, images=False)


def _entry(row: QueueRow) -> dict[str, object]:
    return {
        "id": row.row_id,
        "monitor": row.monitor,
        "window": {"start": row.window.start.isoformat(), "end": row.window.end.isoformat()},
        "state": row.state,
        "reason": row.reason,
        "reason_text": row.reason_text,
        "score": row.score,
        "inclusion_probability": row.inclusion_probability,
        "weight": row.weight,
        "prediction": row.prediction,
        "data": dict(row.data),
    }
