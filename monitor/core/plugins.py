"""Plug-ins: one file named as the config names it, or an entry point of another package.

`load("sources", "files")` imports `monitor.sources.files` and returns its `plugin`. Other
packages offer theirs in the entry-point group `driftloop.<room>`.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import pkgutil
from typing import Any

from monitor.core.errors import PluginError

_GROUP = "driftloop."
ROOMS = ("sources", "engines", "checks", "alerts", "labeling", "external")


def _module_name(name: str) -> str:
    return name.replace("-", "_").replace(".", "_")


@functools.cache
def _offered() -> dict[str, dict[str, importlib.metadata.EntryPoint]]:
    """Group -> name -> entry point, from one look at what is installed.

    Of two packages that offer one name the first on the path counts, as in `importlib.metadata`.
    Only files that name a group of ours are parsed: there are hundreds of others.
    """
    groups: dict[str, dict[str, importlib.metadata.EntryPoint]] = {}
    for package in importlib.metadata.distributions():
        if f"[{_GROUP}" in (package.read_text("entry_points.txt") or ""):
            for point in package.entry_points:
                groups.setdefault(point.group, {}).setdefault(point.name, point)
    return groups


def _entry_points(room: str) -> dict[str, importlib.metadata.EntryPoint]:
    return _offered().get(f"{_GROUP}{room}", {})


@functools.cache
def names(room: str) -> list[str]:
    """Names of all plug-ins of a room, built in and installed, sorted."""
    package = importlib.import_module(f"monitor.{room}")
    built_in = [
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if not module.ispkg and _is_plugin(room, module.name)
    ]
    return sorted({*built_in, *_entry_points(room)})


def _is_plugin(room: str, module: str) -> bool:
    return hasattr(importlib.import_module(f"monitor.{room}.{module}"), "plugin")


def load(room: str, name: str) -> Any:
    """The plug-in class of that name.

    Raises
    ------
    PluginError
        No such plug-in (the message names the nearest one), or it does not import.
    """
    points = _entry_points(room)
    try:
        if name in points:
            return points[name].load()
        module = importlib.import_module(f"monitor.{room}.{_module_name(name)}")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith(f"monitor.{room}."):
            raise PluginError(_unknown(room, name)) from None
        raise PluginError(_broken(room, name, error)) from error
    except ImportError as error:
        raise PluginError(_broken(room, name, error)) from error
    if not hasattr(module, "plugin"):
        raise PluginError(_unknown(room, name))
    return module.plugin


def _unknown(room: str, name: str) -> str:
    known = names(room)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"There is no plug-in {name!r} in {room}.{hint} Known: {', '.join(known)}."


def _broken(room: str, name: str, error: ImportError) -> str:
    return f"Plug-in {name!r} of {room} does not load: {error}. Install what it needs."
