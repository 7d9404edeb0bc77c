"""`driftloop queue push|pull|similar`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, json_option, print_json, safe, say, writing

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.pipeline import Pipeline
    from monitor.steps.pull import Pulled
    from monitor.steps.push import Pushed
    from monitor.steps.similar import Found

_SHOWN = 20


@click.command()
@click.argument("monitor", required=False)
@click.option("--limit", type=click.IntRange(1), help="So many rows at most; default: all.")
@json_option
@config_option
@click.pass_context
def push(
    context: click.Context,
    monitor: str | None,
    *,
    limit: int | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Push the queue into the annotation tool; rows that are there are not pushed again."""
    from monitor.cli.opened import pipeline_of
    from monitor.steps import tool

    documents = []
    with pipeline_of(context, config_path) as pipeline:
        for one in _asked(pipeline, monitor):
            done = tool.push(
                pipeline.store, one, limit=limit, worker=pipeline.worker, say=pipeline.say
            )
            documents.append(_pushed(one.name, done))
            if not as_json:
                _tell_pushed(one.name, done)
    if as_json:
        print_json({"schema": 1, "monitors": documents})
    return 0


@click.command()
@click.argument("monitor", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Labels out of a file instead of the tool.",
)
@click.option("--format", "format_", help="Of that file: jsonl, csv, coco, cvat, doccano …")
@json_option
@config_option
@click.pass_context
def pull(
    context: click.Context,
    monitor: str | None,
    *,
    file: Path | None,
    format_: str | None,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Bring back what annotators did: labels, edits, deletions and skips."""
    from monitor.cli.opened import pipeline_of
    from monitor.core.errors import UsageError
    from monitor.steps import tool

    if (file is None) != (format_ is None):
        msg = "Give --file and --format together: which file, and what it is."
        raise UsageError(msg)
    documents = []
    with pipeline_of(context, config_path) as pipeline:
        if file is not None and format_ is not None:
            if monitor is None:
                msg = "Name the monitor whose labels are in the file."
                raise UsageError(msg)
            asked = [pipeline.config.monitor(monitor)]
        else:
            asked = _asked(pipeline, monitor)
        for one in asked:
            if file is not None and format_ is not None:
                done = _from_file(pipeline, one, file, format_)
            else:
                done = tool.pull(pipeline.store, one, worker=pipeline.worker, say=pipeline.say)
            documents.append(_pulled(one.name, done))
            if not as_json:
                _tell_pulled(one.name, done)
    if as_json:
        print_json({"schema": 1, "monitors": documents})
    return 0


@click.command()
@click.argument("monitor")
@click.option("--to", "to", required=True, multiple=True, help="Row ids, with commas between.")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option(
    "--windows", default=4, show_default=True, type=click.IntRange(1, 500),
    help="How many windows to search, the newest first.",
)  # fmt: skip
@click.option("--export", is_flag=True, help="Write them as a file too, as `queue export` does.")
@click.option("--format", "format_", default="label-studio", show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show them, and add nothing to the queue.")
@json_option
@config_option
@click.pass_context
def similar(
    context: click.Context,
    monitor: str,
    *,
    to: tuple[str, ...],
    count: int,
    windows: int,
    export: bool,
    format_: str,
    output: Path | None,
    dry_run: bool,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Add rows to the queue that are like some that you name (reason "similar")."""
    from monitor.cli.opened import pipeline_of
    from monitor.core.errors import UsageError
    from monitor.steps import similar as searching

    if export and as_json and output is None:
        msg = "--export and --json both write to standard output; give the export a file with -o."
        raise UsageError(msg)
    ids = [one for text in to for one in text.split(",") if one]
    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        found, left_out = searching.search(
            pipeline.store, pipeline.references, chosen, ids, count=count, windows=windows
        )
        added = 0 if dry_run else searching.ask_for(pipeline.store, chosen.name, found)
        if export:
            _export(pipeline, chosen, found, format_, output)
    if as_json:
        print_json(
            {
                "schema": 1,
                "monitor": monitor,
                "added": added,
                "left_out": left_out,
                "rows": [_found(one) for one in found],
            }
        )
        return 0
    for one in found:
        text = f"{one.row.row_id:>12}  {one.similarity:6.3f}  like {one.like}  {one.window}"
        click.echo(safe(text).replace("\n", " "), err=export)
    if left_out:
        say(f"{left_out:,} more were found; [monitors.queue] similar_limit is reached")
    say(f"{added:,} rows added to the queue of {monitor}")
    return 0


def _asked(pipeline: Pipeline, monitor: str | None) -> list[MonitorConfig]:
    """That monitor, or all that have a tool."""
    from monitor.core.errors import UsageError

    if monitor is not None:
        return [pipeline.config.monitor(monitor)]
    found = [one for one in pipeline.config.monitors if one.queue.tool is not None]
    if not found:
        msg = "No monitor names an annotation tool. Add [monitors.queue.tool] to the config."
        raise UsageError(msg)
    return found


def _from_file(pipeline: Pipeline, monitor: MonitorConfig, file: Path, format_: str) -> Pulled:
    from monitor.steps import pull as pulling
    from monitor.steps import tool
    from monitor.steps.export import importer

    with file.open("rb") as source:
        pulled = pulling.read_file(
            pipeline.store,
            monitor.name,
            importer(format_),
            source,
            tool.spec_for(pipeline.store, monitor),
            overlap=tool.overlap_of(monitor),
        )
    return tool.escalated(pipeline.store, monitor, pulled)


def _export(
    pipeline: Pipeline,
    monitor: MonitorConfig,
    found: Sequence[Found],
    format_: str,
    output: Path | None,
) -> None:
    from monitor.steps import export as exporting
    from monitor.steps import tool

    spec = tool.spec_for(pipeline.store, monitor)
    items = [exporting.new_item(monitor.name, one.window, one.row) for one in found]
    if output is None:
        exporting.exporter(format_).write(items, spec, sys.stdout.buffer)
        return
    with writing(output), output.open("wb") as file:
        exporting.exporter(format_).write(items, spec, file)


def _pushed(monitor: str, done: Pushed) -> dict[str, Any]:
    return {
        "monitor": monitor,
        "planned": done.planned,
        "pushed": done.arrived,
        "found_there": done.found,
        "duplicates_removed": done.removed,
        "refused": [{"id": row, "reason": reason} for row, reason in done.refused],
        "without_prediction": [
            {"id": row, "reason": reason} for row, reason in done.without_prediction
        ],
        "projects": [{"id": one, "stage": stage} for one, stage in done.projects.items()],
    }


def _pulled(monitor: str, done: Pulled) -> dict[str, Any]:
    return {
        "monitor": monitor,
        "new": done.new,
        "edited": done.edited,
        "deleted": done.deleted,
        "unchanged": done.unchanged,
        "skipped": done.skipped,
        "unlabelled": done.unlabelled,
        "refused": [{"id": row, "reason": reason} for row, reason in done.refused],
        "unknown": done.unknown,
        "foreign": done.foreign,
        "gone": done.gone,
        "states": done.states,
    }


def _found(one: Found) -> dict[str, Any]:
    return {
        "id": one.row.row_id,
        "window": {
            "start": one.window.start.isoformat(),
            "end": one.window.end.isoformat(),
        },
        "like": one.like,
        "similarity": one.similarity,
        "reason": one.row.reason,
        "inclusion_probability": one.row.inclusion_probability,
    }


def _tell_pushed(monitor: str, done: Pushed) -> None:
    places = ", ".join(f"project {one} ({stage})" for one, stage in done.projects.items())
    click.echo(f"{monitor}: {done.arrived:,} rows pushed" + (f" to {places}" if places else ""))
    if done.found:
        click.echo(f"{done.found:,} of them were there already, from a push that was cut off")
    if done.removed:
        click.echo(f"{done.removed:,} duplicate tasks without an answer were removed")
    _tell("refused", done.refused)
    _tell("without its prediction", done.without_prediction)


def _tell_pulled(monitor: str, done: Pulled) -> None:
    click.echo(
        f"{monitor}: {done.new:,} new labels, {done.edited:,} edited, {done.deleted:,} deleted, "
        f"{done.skipped:,} skipped, {done.unchanged:,} as before"
    )
    for state, count in done.states.items():
        click.echo(f"{count:,} rows are {state.replace('_', ' ')} now")
    _tell("does not fit the label spec", done.refused)
    _tell("not in the queue", [(one, "") for one in done.unknown])
    _tell("its task was deleted there", [(one, "") for one in done.gone])
    if done.unlabelled:
        say(f"{done.unlabelled:,} items of the file came back without a label")
    if done.foreign:
        say(f"{done.foreign:,} answers belong to tasks that driftloop did not make")


def _tell(title: str, rows: Sequence[tuple[str, str]]) -> None:
    for row_id, reason in rows[:_SHOWN]:
        say(f"{title} {row_id}: {reason}" if reason else f"{title}: {row_id}")
    if len(rows) > _SHOWN:
        say(f"{title}: {len(rows) - _SHOWN:,} more rows, {len(rows):,} in all")
