"""`driftloop status`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, json_option, print_json, safe

if TYPE_CHECKING:
    from monitor.config import MonitorConfig
    from monitor.scheduler.installation import Installation
    from monitor.store.overview import Standing


@click.command()
@click.argument("name", required=False, metavar="[BLOCK]")
@json_option
@config_option
@click.pass_context
def command(
    context: click.Context, *, name: str | None, as_json: bool, config_path: str | None
) -> int:
    """Every monitor: newest window, open alarms, windows that wait or failed.

    A `for_each` block is one line; with its name as BLOCK each of its monitors is one.
    """
    from monitor.cli.opened import installation_of
    from monitor.store.overview import overview

    with installation_of(context, config_path) as home:
        monitors = _wanted(home, name)
        standings = overview(home.store.database, [one.name for one in monitors])
        incidents = home.store.incidents.open()
        groups = _grouped(monitors, standings, together=name is None)
    if as_json:
        told = [{"title": one.title, "since": str(one.opened_at)} for one in incidents]
        print_json({"schema": 1, "monitors": groups, "incidents": told})
        return 0
    for incident in incidents:
        click.echo(click.style(f"! {safe(incident.title)}", fg="red"))
    for group in groups:
        click.echo(_line(group))
    if not groups:
        click.echo("There is no monitor yet.", err=True)
    return 0


def _wanted(home: Installation, name: str | None) -> list[MonitorConfig]:
    if name is None:
        return list(home.config.monitors)
    chosen = [one for one in home.config.monitors if name in {one.family, one.name}]
    return chosen or [home.config.monitor(name)]


def _grouped(
    monitors: Sequence[MonitorConfig], standings: dict[str, Standing], *, together: bool
) -> list[dict[str, Any]]:
    groups: dict[str, list[Standing]] = {}
    for one in monitors:
        key = one.family if together else one.name
        groups.setdefault(key, []).append(standings[one.name])
    return [_sum(name, group) for name, group in groups.items()]


def _sum(name: str, group: list[Standing]) -> dict[str, Any]:
    newest = max((one.newest for one in group if one.newest), default=None)
    ran = max((one.ran_at for one in group if one.ran_at), default=None)
    states = {
        state: sum(one.states.get(state, 0) for one in group)
        for state in ("pending", "running", "failed")
    }
    return {
        "name": name,
        "monitors": len(group),
        "differ": sum(one.alarms > 0 for one in group),
        "alarms": sum(one.alarms for one in group),
        "newest": None if newest is None else str(newest),
        "ran_at": None if ran is None else ran.isoformat(),
        **states,
        "to_label": sum(one.to_label for one in group),
    }


def _line(group: dict[str, Any]) -> str:
    many = f" ({group['monitors']:,} monitors, {group['differ']:,} differ)"
    parts = [
        f"{group['alarms']} open alarms" if group["alarms"] else "nothing differs",
        f"newest window {group['newest']}" if group["newest"] else "not run yet",
        *(f"{group[state]} {state}" for state in ("failed", "running", "pending") if group[state]),
        f"{group['to_label']:,} rows to label" if group["to_label"] else "",
    ]
    shown = "; ".join(part for part in parts if part)
    colour = "red" if group["alarms"] or group["failed"] else "green"
    mark = click.style("●", fg=colour)
    return f"{mark} {safe(group['name'])}{many if group['monitors'] > 1 else ''}: {shown}"
