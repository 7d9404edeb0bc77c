"""`driftloop check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from monitor.cli.common import config_option, config_path_of, json_option, print_json, safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.config import Config, MonitorConfig
    from monitor.core.ports import Source


@click.command()
@json_option
@config_option
@click.pass_context
def command(context: click.Context, *, as_json: bool, config_path: str | None) -> int:
    """Validate the config, and open every source and channel; migrates and sends nothing."""
    from monitor.config import load

    config = load(config_path_of(context, config_path))
    results = [_tried("store", lambda: _store(config))]
    for monitor in config.monitors:
        results += _monitor(config, monitor)
    results += _channels(config)
    failed = [result for result in results if not result["ok"]]
    if as_json:
        print_json({"schema": 1, "config": str(config.path), "checked": results})
    else:
        for result in results:
            mark = (
                click.style("ok  ", fg="green") if result["ok"] else click.style("FAIL", fg="red")
            )
            click.echo(f"{mark} {safe(result['name'])}: {safe(result['message'])}")
    return 1 if failed else 0


def _tried(name: str, action: Callable[[], str]) -> dict[str, Any]:
    from monitor.core.errors import DriftloopError

    try:
        return {"name": name, "ok": True, "message": action()}
    except DriftloopError as error:
        return {"name": name, "ok": False, "message": str(error)}


def _store(config: Config) -> str:
    from pathlib import Path

    from monitor.store.engine import parse_url
    from monitor.store.store import Store

    url = parse_url(config.store.url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return f"{url.database} is not there yet; the first run creates it"
    with Store.open(config.store.url) as store:
        return f"{store.database.name}, schema up to date"


def _monitor(config: Config, monitor: MonitorConfig) -> list[dict[str, Any]]:
    from monitor.checks.run import build_checks
    from monitor.steps import second_opinions
    from monitor.steps.baseline import check_roles
    from monitor.steps.engine import engine_of
    from monitor.steps.places import Places
    from monitor.steps.references import reference_source
    from monitor.steps.setup import labels_of

    def source() -> str:
        place = Places(config.base).source(monitor)
        schema = check_roles(place, monitor.columns.roles(), labels_of(config, monitor))
        return f"{place.describe()}, {len(schema.names)} columns{_seen(place, monitor)}"

    def reference() -> str:
        place = reference_source(Places(config.base), monitor)
        check_roles(place, monitor.columns.roles(), labels_of(config, monitor))
        return place.describe()

    def engine() -> str:
        second_opinions.check(monitor.tests)
        engine_of(monitor.engine, monitor.engine_options)
        checks = build_checks(monitor.checks.off, monitor.checks.options)
        return f"engine {monitor.engine}, {len(checks)} checks"

    name = f"monitor {monitor.name}"
    tried = [
        _tried(f"{name}, source", source),
        _tried(f"{name}, reference", reference),
        _tried(name, engine),
    ]
    if monitor.queue.tool is not None:
        tried.append(_tried(f"{name}, annotation tool", lambda: _tool(monitor)))
    return tried


def _tool(monitor: MonitorConfig) -> str:
    from monitor.steps.tool import tool_of

    with tool_of(monitor) as tool:
        return tool.check()


def _seen(place: Source, monitor: MonitorConfig) -> str:
    """Rows, times and version of a table, which answers that without being read."""
    from monitor.core.ports import Pinned

    if not isinstance(place, Pinned):
        return ""
    pinned = "".join(f", {key} {value}" for key, value in place.pinned().items())
    if monitor.columns.timestamp is None:
        return pinned
    extent, rows = place.extent(monitor.columns.timestamp)
    times = (
        f" from {extent.start:%Y-%m-%d %H:%M} to {extent.end:%Y-%m-%d %H:%M} UTC" if extent else ""
    )
    return f", {rows:,} rows{times}{pinned}"


def _channels(config: Config) -> list[dict[str, Any]]:
    from monitor.steps.deliver import channels_of

    return [
        _tried(f"alerts {name}", channel.check) for name, channel in channels_of(config).items()
    ]
