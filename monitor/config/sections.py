"""Plug-in sections: each plug-in's own `Options` check the keys that are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from monitor.config import secrets
from monitor.config.alerts import OWN_KEYS
from monitor.config.problems import Loc, Problem, from_pydantic, nearest, unknown_key
from monitor.core import plugins
from monitor.core.errors import PluginError


@dataclass(slots=True)
class Checker:
    """Replaces the raw keys of plug-in sections by checked options, and collects what is wrong."""

    base: Path
    raw: Mapping[str, Any]  #: as it stands in the file, for messages
    problems: list[Problem] = field(default_factory=list)

    def config(self, tree: dict[str, Any]) -> dict[str, Any]:
        """The whole tree with every plug-in section checked."""
        alerts = self._each(tree.get("alerts"), ("alerts",), self._alert)
        monitors = self._each(tree.get("monitors"), ("monitors",), self._monitor)
        return {
            **tree,
            **({} if alerts is None else {"alerts": alerts}),
            **({} if monitors is None else {"monitors": monitors}),
        }

    def _each(
        self, items: Any, loc: Loc, check: Callable[[dict[str, Any], Loc], dict[str, Any]]
    ) -> Any:
        if not isinstance(items, list):
            return items  # pydantic says what is wrong
        return [
            check(item, (*loc, index)) if isinstance(item, dict) else item
            for index, item in enumerate(items)
        ]

    def _alert(self, table: dict[str, Any], loc: Loc) -> dict[str, Any]:
        return self._section("alerts", table, loc, set(OWN_KEYS))

    def _monitor(self, table: dict[str, Any], loc: Loc) -> dict[str, Any]:
        checked = dict(table)
        source = table.get("source")
        kind = source.get("kind") if isinstance(source, dict) else None
        if isinstance(source, dict):
            checked["source"] = self._section("sources", source, (*loc, "source"))
        for key, own in (("reference", {"start", "end", "blocks"}), ("labels", {"id", "label"})):
            below = table.get(key)
            if isinstance(below, dict) and (key == "labels" or set(below) - own):
                section = {"kind": kind, **below} if kind is not None else below
                checked[key] = self._section("sources", section, (*loc, key), own)
        queue = table.get("queue")
        if isinstance(queue, dict) and isinstance(queue.get("tool"), dict):
            tool = self._tool(queue["tool"], (*loc, "queue", "tool"))
            checked["queue"] = {**queue, "tool": tool}
        if isinstance(table.get("checks"), dict):
            checked["checks"] = self._checks(table["checks"], (*loc, "checks"))
        return self._engine(checked, loc)

    def _tool(self, table: dict[str, Any], loc: Loc) -> dict[str, Any]:
        checked = self._section("labeling", table, loc)
        kind = checked["kind"]
        if kind in plugins.names("labeling") and not hasattr(
            plugins.load("labeling", kind), "connect"
        ):
            text = f"= {kind!r} is a file format without a server; use `driftloop queue export`"
            self.problems.append(Problem((*loc, "kind"), text))
        return checked

    def _checks(self, table: dict[str, Any], loc: Loc) -> dict[str, Any]:
        """`{off, options}`: what is switched off, and a table for each check with options."""
        given = {key: value for key, value in table.items() if key != "off"}
        off = table.get("off", [])
        known = _checks() if given or off else {}
        for name in off if isinstance(off, list) else []:
            families = {check.partition(".")[0] for check in known}
            if isinstance(name, str) and name not in known.keys() | families:
                hint = nearest(name, known, "checks")
                self.problems.append(Problem((*loc, "off"), f"= {name!r} is no check; {hint}"))
        options = {}
        for name, values in given.items():
            if name not in known:
                self.problems.append(_no_check((*loc, name), values, known))
            elif not isinstance(values, dict):
                text = f'is no table; write [monitors.checks."{name}"], and its options below'
                self.problems.append(Problem((*loc, name), text))
            elif self._options(known[name].Options, values, (*loc, name), set()) is not None:
                options[name] = values
        return {"off": off, "options": options}

    def _engine(self, table: dict[str, Any], loc: Loc) -> dict[str, Any]:
        name, given = table.get("engine", "local"), table.get("engine_options", {})
        if not isinstance(name, str) or not isinstance(given, dict):
            return table
        if name == "local" and not given:
            return {**table, "engine_options": None}
        plugin = self._plugin("engines", name, (*loc, "engine"))
        options = getattr(plugin, "Options", None)
        if options is None:
            if plugin is not None and given:
                self.problems.append(
                    Problem((*loc, "engine_options"), f"is not read by engine {name!r}; remove it")
                )
            return {**table, "engine_options": None}
        checked = self._options(options, given, (*loc, "engine_options"), set())
        return {**table, "engine_options": checked}

    def _section(
        self, room: str, table: dict[str, Any], loc: Loc, own: set[str] | None = None
    ) -> dict[str, Any]:
        """`{kind, options, own keys}` of a raw table."""
        own = own or set()
        kept = {key: value for key, value in table.items() if key in own}
        kind = table.get("kind")
        if not isinstance(kind, str):
            there = ", ".join(plugins.names(room))
            self.problems.append(
                Problem((*loc, "kind"), f"must name a plug-in of {room}; known: {there}")
            )
            return {**kept, "kind": ""}
        plugin = self._plugin(room, kind, (*loc, "kind"))
        if plugin is None:
            return {**kept, "kind": kind}
        given = {key: value for key, value in table.items() if key not in own | {"kind"}}
        model = getattr(plugin, "Options", pydantic.BaseModel)
        options = self._options(model, given, loc, own | {"kind"})
        return {**kept, "kind": kind, "options": options}

    def _plugin(self, room: str, name: str, loc: Loc) -> Any:
        try:
            return plugins.load(room, name)
        except PluginError as error:
            self.problems.append(Problem(loc, f"= {name!r}: {str(error).rstrip('.')}"))
            return None

    def _options(
        self, model: type[pydantic.BaseModel], given: dict[str, Any], loc: Loc, own: set[str]
    ) -> pydantic.BaseModel | None:
        aliases = {entry.alias for entry in model.model_fields.values() if entry.alias}
        known = {*model.model_fields, *aliases}
        unknown = [key for key in given if key not in known]
        self.problems += [unknown_key((*loc, key), known | own) for key in unknown]
        if unknown:
            return None
        count = len(self.problems)
        given = secrets.read_files(given, model, self.base, self.problems, loc)
        if len(self.problems) > count:
            return None
        try:
            return model.model_validate(given)
        except pydantic.ValidationError as error:
            raw: Any = self.raw
            for part in loc:
                raw = raw.get(part, {}) if isinstance(raw, Mapping) else raw[part]
            self.problems += from_pydantic(error, model, raw, prefix=loc)
            return None


def _checks() -> dict[str, Any]:
    """Name and class of every check; loaded only for a config that names one."""
    from monitor.checks.run import check_classes  # noqa: PLC0415 - half of the time of `check`

    return check_classes()


def _no_check(loc: Loc, values: Any, known: Iterable[str]) -> Problem:
    name = str(loc[-1])
    if isinstance(values, dict) and any(check.startswith(f"{name}.") for check in known):
        below = next(iter(values), "…")
        text = f'is a family of checks; write [monitors.checks."{name}.{below}"], quotes included'
        return Problem(loc, text)
    return Problem(loc, f"is no check, and not `off`; {nearest(name, known, 'checks')}")
