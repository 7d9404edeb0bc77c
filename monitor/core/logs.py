"""What a service writes down while it runs: one line for each thing, as text or as JSON.

Each line carries the time in UTC and what it is about (`monitor`, `window`, `run`), bound where the
work begins. Values come from data and from the network, so nothing in them reaches a terminal as
a command or begins a line of its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Literal

Format = Literal["text", "json"]
#: Longer values are cut: a log is read by people, and by programs with limits.
_LONGEST = 4_000


def configure(form: Format = "text") -> None:
    """Say how lines are written from now on; before it they are text."""
    import structlog  # noqa: PLC0415 - commands that write no log need not wait for it

    renderer = _as_json if form == "json" else _as_text
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            renderer,
        ],
        logger_factory=lambda *_: _Lines(),
        cache_logger_on_first_use=False,
    )


def event(said: str, **about: object) -> None:
    """Something happened; `said` is a sentence, `about` are values that go with it."""
    _logger().info(said, **about)


def security(kind: str, **about: object) -> None:
    """Something that whoever looks after an attack wants to know: `sign_in_failed`."""
    _logger().warning(kind, kind="security", **about)


def bound(**about: object) -> AbstractContextManager[None]:
    """Every line inside is about that too: `with bound(monitor="flights"):`."""
    import structlog  # noqa: PLC0415

    manager: AbstractContextManager[None] = structlog.contextvars.bound_contextvars(**about)
    return manager


def _logger() -> Any:
    import structlog  # noqa: PLC0415

    if not structlog.is_configured():
        configure()
    return structlog.get_logger()


class _Lines:
    """Writes to the standard error of now, whole lines."""

    def msg(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()

    info = warning = error = msg


def _as_json(_logger: object, _method: str, values: MutableMapping[str, Any]) -> str:
    ordered = {"time": values.pop("time"), "level": values.pop("level"), **values}
    plain = {name: _plain(value) for name, value in ordered.items()}
    return json.dumps(plain, ensure_ascii=True)


def _as_text(_logger: object, _method: str, values: MutableMapping[str, Any]) -> str:
    time = str(values.pop("time"))[:19]
    values.pop("level")
    said = _lines(str(values.pop("event")))
    known = {name: value for name, value in values.items() if name not in _SAID_ANYWAY}
    return f"{time}Z {said}{_pairs(known)}"


#: A sentence names its monitor; the rest of what is bound is for programs.
_SAID_ANYWAY = frozenset({"monitor", "window", "run", "attempt"})


def _lines(text: str) -> str:
    """Lines of one event; those after the first are indented, so that none looks like a new one."""
    return "\n  ".join(_clean(line) for line in text[:_LONGEST].splitlines())


def _pairs(values: Mapping[str, Any]) -> str:
    return "".join(f" {name}={json.dumps(_plain(value))}" for name, value in values.items())


def _plain(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)[:_LONGEST]


def _clean(line: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
