"""`config.toml` becomes a `Config`, or one error that lists everything that is wrong."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pydantic

from monitor.config import secrets
from monitor.config.models import Config, StoreConfig
from monitor.config.problems import Problem, from_pydantic, render
from monitor.config.sections import Checker
from monitor.core.errors import ConfigError, SecretError

_SQLITE = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?:///)(?P<path>[^?]+)(?P<query>.*)\Z", re.DOTALL)


def load(path: str | Path) -> Config:
    """Read, check and complete a config; every path in it becomes absolute.

    Raises
    ------
    ConfigError
        The file is missing, is no TOML, or something in it is wrong: all problems at once, each
        with its key, its value and the mend.
    SecretError
        All that is wrong is that variables or secret files are not there.
    """
    path = Path(path).absolute()
    raw = _read(path)
    problems: list[Problem] = []
    tree = secrets.fill_in(raw, problems)
    checker = Checker(path.parent, raw, problems)
    tree = checker.config(tree)
    config = None
    try:
        config = Config.model_validate({**tree, "path": path})
    except pydantic.ValidationError as error:
        known = {problem.loc for problem in problems}
        found = from_pydantic(error, Config, raw)
        problems += [problem for problem in found if problem.loc not in known]
    if config is not None:
        problems += _twice(config)
    if config is None or problems:
        kind = SecretError if all(problem.secret for problem in problems) else ConfigError
        raise kind(render(problems, str(path), raw))
    return _absolute(config)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        msg = (
            f"There is no config {path}. Write one with `driftloop init DATA -o {path.name}`, "
            "or name it with -c or DRIFTLOOP_CONFIG."
        )
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"Config {path} cannot be read: {error.strerror}."
        raise ConfigError(msg) from None
    except UnicodeDecodeError:
        msg = f"Config {path} is not UTF-8 text; save it as UTF-8."
        raise ConfigError(msg) from None
    except tomllib.TOMLDecodeError as error:
        msg = f"Config {path} is not TOML: {error}."
        raise ConfigError(msg) from None


def _twice(config: Config) -> list[Problem]:
    counts = Counter(monitor.name for monitor in config.monitors)
    return [
        Problem(("monitors",), f"has {count} monitors named {name!r}; give each its own name")
        for name, count in counts.items()
        if count > 1
    ]


def _absolute(config: Config) -> Config:
    base = config.base
    store = StoreConfig(url=_absolute_url(config.store.url, base))
    report = config.report.model_copy(update={"folder": base / config.report.folder})
    return config.model_copy(update={"store": store, "report": report})


def _absolute_url(url: str, base: Path) -> str:
    """A SQLite file is found from wherever the command is started."""
    match = _SQLITE.match(url)
    if match is None or match["path"] == ":memory:" or match["path"].startswith(("file:", "/")):
        return url
    return f"{match['scheme']}{base / match['path']}{match['query']}"
