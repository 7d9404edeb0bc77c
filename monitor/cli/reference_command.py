"""`driftloop reference list|promote|rollback|export|errors`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.pipeline import Pipeline
    from monitor.steps.promotion import Candidate


@click.group()
@group_config_option
def command() -> None:
    """Versions of the reference of a monitor, and the labels that join them."""


@command.command("list")
@click.argument("monitor")
@json_option
@config_option
@click.pass_context
def list_(context: click.Context, monitor: str, *, as_json: bool, config_path: str | None) -> int:
    """All versions, newest first."""
    from monitor.cli.opened import pipeline_of

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        versions = pipeline.store.references.versions(chosen.name)
    if as_json:
        entries = [
            {
                "version": one.version,
                "active": one.active,
                "windows": one.windows,
                "rows": one.rows,
                "created_at": one.created_at.isoformat(),
                "provenance": dict(one.provenance),
            }
            for one in versions
        ]
        print_json({"schema": 1, "monitor": chosen.name, "references": entries})
        return 0
    for one in versions:
        mark = "active" if one.active else ""
        labels = one.provenance.get("labels")
        joined = f", {labels['rows']:,} labels" if labels else ""
        click.echo(
            f"{one.version:4}  {mark:6}  {one.created_at:%Y-%m-%d %H:%M}  {one.windows} windows, "
            f"{one.rows:,} rows{joined}, {safe(str(one.provenance.get('source', '')))}"
        )
    if not versions:
        click.echo("no reference yet; the first run learns it", err=True)
    return 0


@command.command()
@click.argument("monitor")
@click.argument("version", type=int, required=False)
@click.option("--from", "start", metavar="TIME", help="Learn it from production from here …")
@click.option("--to", "end", metavar="TIME", help="… to here (exclusive).")
@click.option("--force", is_flag=True, help="Promote in spite of critical findings.")
@click.option("--dry-run", is_flag=True, help="Check and show the difference only.")
@json_option
@config_option
@click.pass_context
def promote(
    context: click.Context,
    monitor: str,
    version: int | None,
    *,
    start: str | None,
    end: str | None,
    force: bool,
    dry_run: bool,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Make the next version of the reference, after its quality was checked.

    Without VERSION and times the labels that came back join the active one. With --from and --to
    it is learned from production of that time. With VERSION a stored one is made active again.
    """
    from monitor.cli.opened import pipeline_of
    from monitor.steps import promotion

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        if version is not None:
            return _activate(pipeline, chosen, version, (start, end), as_json=as_json)
        candidate = _candidate(pipeline, chosen, start, end)
        if not as_json:
            _show(candidate)
        made = None
        if not dry_run:
            made = promotion.promote(pipeline.store, candidate, force=force)
    if as_json:
        print_json(_document(candidate, made))
    elif made is not None:
        click.echo(f"{chosen.name}: version {made} is the reference now")
    return 0


@command.command()
@click.argument("monitor")
@config_option
@click.pass_context
def rollback(context: click.Context, monitor: str, *, config_path: str | None) -> int:
    """Go back to the version that was active before; its labels leave the training set."""
    from monitor.cli.opened import pipeline_of
    from monitor.steps import promotion

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        version, labels = promotion.rollback(pipeline.store, chosen.name)
    back = f"; {labels:,} labels left it" if labels else ""
    click.echo(f"{chosen.name}: version {version} is the reference now{back}")
    return 0


@command.command()
@click.argument("monitor")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The Parquet file to write.",
)
@json_option
@config_option
@click.pass_context
def export(
    context: click.Context, monitor: str, *, output: Path, as_json: bool, config_path: str | None
) -> int:
    """Write the labelled rows of MONITOR to train on: row, label, weights, provenance."""
    from monitor.cli.opened import pipeline_of
    from monitor.steps import training
    from monitor.steps.consensus import labelled
    from monitor.steps.promotion import active
    from monitor.steps.setup import of_monitor

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        _, baseline = active(pipeline.references, chosen, of_monitor(chosen))
        method = chosen.queue.consensus
        found = labelled(pipeline.store, chosen.name, method)
        made = training.training_rows(pipeline.store, chosen.name, baseline, found)
        origin = training.provenance_of(chosen.name, baseline, method, datetime.now(UTC))
        with writing(output):
            training.write_parquet(made, output, origin)
    if as_json:
        left = [{"id": row_id, "why": why} for row_id, why in made.left_out]
        print_json(
            {
                "schema": 1,
                **origin,
                "path": str(output),
                "rows": len(made.rows),
                "label": made.label,
                "weight": made.weight.weight,
                "weight_note": made.note,
                "rebalancing_weights": dict(made.rebalancing),
                "left_out": left,
            }
        )
        return 0
    say(f"{chosen.name}: {len(made.rows):,} labelled rows in {output}")
    say(made.note)
    if made.left_out:
        say(f"{len(made.left_out):,} rows left out; --json names them")
    return 0


@command.command()
@click.argument("monitor")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--add", is_flag=True, help="Put them into the queue, to be labelled again.")
@json_option
@config_option
@click.pass_context
def errors(
    context: click.Context,
    monitor: str,
    *,
    limit: int,
    add: bool,
    as_json: bool,
    config_path: str | None,
) -> int:
    """Labels in the reference of MONITOR that are probably wrong (confident learning)."""
    from monitor.cli.opened import pipeline_of
    from monitor.steps import label_errors
    from monitor.steps.promotion import active
    from monitor.steps.setup import of_monitor

    with pipeline_of(context, config_path) as pipeline:
        chosen = pipeline.config.monitor(monitor)
        _, baseline = active(pipeline.references, chosen, of_monitor(chosen))
        most = min(limit, chosen.queue.similar_limit) if add else limit
        found, rows = label_errors.doubtful(baseline, limit=most)
        added = 0
        if add:
            added = label_errors.offer(pipeline.store, chosen.name, baseline, found)
    if as_json:
        listed = [
            {
                "id": one.row.row_id,
                "label": one.error.label,
                "suggested": one.error.suggested,
                "probability": one.error.probability,
                "margin": one.error.margin,
            }
            for one in found
        ]
        print_json(
            {"schema": 1, "monitor": chosen.name, "rows": rows, "errors": listed, "added": added}
        )
        return 0
    for one in found:
        click.echo(safe(f"  {one.row.row_id:>12}  {one.row.reason_text}").replace("\n", " "))
    say(
        f"{len(found):,} of {rows:,} rows are shown, the surest first; {added:,} added to the queue"
    )
    return 0


def _activate(
    pipeline: Pipeline,
    monitor: MonitorConfig,
    version: int,
    times: tuple[str | None, str | None],
    *,
    as_json: bool,
) -> int:
    from monitor.core.errors import UsageError

    if any(times):
        msg = "Give a VERSION, or --from and --to, not both."
        raise UsageError(msg)
    pipeline.store.references.promote(monitor.name, version)
    if as_json:
        print_json({"schema": 1, "monitor": monitor.name, "version": version})
    else:
        click.echo(f"{monitor.name}: version {version} is the reference now")
    return 0


def _candidate(
    pipeline: Pipeline, monitor: MonitorConfig, start: str | None, end: str | None
) -> Candidate:
    from monitor.cli.spans import span_of
    from monitor.core.errors import UsageError
    from monitor.core.window import Window
    from monitor.steps import promotion
    from monitor.steps.engine import engine_of
    from monitor.steps.setup import labels_of, of_monitor

    setup = of_monitor(monitor)
    engine = engine_of(monitor.engine, monitor.engine_options)
    if start is None and end is None:
        return promotion.with_labels(pipeline.references, monitor, setup, engine)
    if start is None or end is None:
        msg = "Give both --from and --to."
        raise UsageError(msg)
    return promotion.of_span(
        pipeline.references,
        monitor,
        setup,
        engine,
        span=Window(*span_of(pipeline, monitor, start, end)),
        labels=labels_of(pipeline.config, monitor),
    )


def _show(candidate: Candidate) -> None:
    from monitor.steps.promotion import sentence

    click.echo(f"{candidate.monitor}: {candidate.rows:,} rows after version {candidate.after}")
    for note in candidate.notes:
        click.echo(f"  {safe(note)}")
    for title, lines in (
        ("quality", [f"{one.severity}: {sentence(one)}" for one in candidate.findings]),
        ("differs from the active version", candidate.differences),
    ):
        click.echo(f"{title}:" if lines else f"{title}: nothing")
        for line in lines:
            click.echo(f"  {safe(line)}")


def _document(candidate: Candidate, made: int | None) -> dict[str, Any]:
    return {
        "schema": 1,
        "monitor": candidate.monitor,
        "version": made,
        "after": candidate.after,
        "rows": candidate.rows,
        "labels": list(candidate.row_ids),
        "critical": len(candidate.critical),
        "findings": [one.to_dict() for one in candidate.findings],
        "differences": list(candidate.differences),
        "notes": list(candidate.notes),
        "provenance": dict(candidate.new.provenance),
    }
