"""`driftloop annotators`: scorecards, and what the label specs cost and give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from monitor.cli.common import config_option, json_option, print_json, safe

if TYPE_CHECKING:
    from monitor.curation.given import Figure
    from monitor.steps.annotators import Annotators


@click.command()
@click.argument("monitor", required=False)
@json_option
@config_option
@click.pass_context
def command(
    context: click.Context, monitor: str | None, *, as_json: bool, config_path: str | None
) -> int:
    """A scorecard for each annotator of MONITOR (default: of all monitors)."""
    from monitor.cli.opened import pipeline_of
    from monitor.steps.annotators import annotators, document

    with pipeline_of(context, config_path) as pipeline:
        asked = [pipeline.config.monitor(monitor)] if monitor else list(pipeline.config.monitors)
        found = {one.name: annotators(pipeline.store, one.name) for one in asked}
    if as_json:
        documents = [document(name, each) for name, each in found.items()]
        print_json({"schema": 1, "monitors": documents})
        return 0
    for name, each in found.items():
        _tell(name, each)
    return 0


def _tell(name: str, found: Annotators) -> None:
    if not found.cards:
        click.echo(f"{safe(name)}: no labels have come back yet")
        return
    click.echo(f"{safe(name)}:")
    heads = ("annotator", "labels", "accuracy", "gold", "agreement", "anchoring", "seconds")
    click.echo("  {:20} {:>7} {:>21} {:>21} {:>21} {:>24} {:>8}".format(*heads))
    for card in found.cards:
        mark = "  changed over time" if card.changed else ""
        click.echo(
            f"  {safe(card.annotator)[:20]:20} {card.labels:7,} {_share(card.accuracy):>21} "
            f"{_share(card.gold):>21} {_share(card.agreement):>21} "
            f"{_share(card.anchoring, '+'):>24} {_seconds(card.seconds):>8}{mark}"
        )
    for spec in found.specs:
        interval = spec.agreement.interval
        ends = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
        click.echo(
            f"  {safe(spec.name)}: {spec.labels:,} labels of {spec.items:,} items, "
            f"alpha {spec.agreement.value:.2f}{ends}, {_seconds(spec.seconds)} a label, "
            f"{spec.minutes:,.0f} minutes in all"
        )
    for one in found.comparisons:
        click.echo(f"  {safe(one.answer)}")


def _share(figure: Figure, sign: str = "") -> str:
    if not figure.n:
        return "–"
    if figure.interval is None:
        return f"{figure.value:{sign}.1%}"
    low, high = figure.interval
    return f"{figure.value:{sign}.1%} [{100 * low:.0f}, {100 * high:.0f}]"


def _seconds(figure: Figure) -> str:
    return f"{figure.value:.0f} s" if figure.n else "–"
