"""`${NAME}` in any text of the config, `file:PATH` where an option is a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydantic

from monitor.config.problems import Loc, Problem, holds_secret

#: `$${NAME}` stands for the text `${NAME}`.
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fill_in(value: Any, problems: list[Problem], loc: Loc = ()) -> Any:
    """The same tree with `${NAME}` taken from the environment; what is not there is a problem."""
    if isinstance(value, Mapping):
        return {key: fill_in(item, problems, (*loc, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_in(item, problems, (*loc, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return match[0][1:]
        if name not in os.environ:
            mend = (
                f"names the environment variable {name}, which is not set; set it, "
                f"or write $${{{name}}} for the text itself"
            )
            problems.append(Problem(loc, mend, secret=True))
        return os.environ.get(name, match[0])

    return _VARIABLE.sub(variable, value)


def read_files(
    options: Mapping[str, Any],
    model: type[pydantic.BaseModel],
    base: Path,
    problems: list[Problem],
    loc: Loc,
) -> dict[str, Any]:
    """Options with `file:PATH` replaced by the file's text, in fields that hold secrets."""
    fields = model.model_fields
    return {
        key: _read(value, base, problems, (*loc, key))
        if key in fields and holds_secret(fields[key].annotation)
        else value
        for key, value in options.items()
    }


def _read(value: Any, base: Path, problems: list[Problem], loc: Loc) -> Any:
    if isinstance(value, Mapping):
        return {key: _read(item, base, problems, (*loc, key)) for key, item in value.items()}
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    path = base / value.removeprefix("file://").removeprefix("file:")
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        mend = f"names the secret file {path}, which cannot be read ({reason}); create it"
        problems.append(Problem(loc, mend, secret=True))
        return value
