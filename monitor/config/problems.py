"""What is wrong in a config, said key by key: what stands there, and the mend.

Values are shown as they stand in the file, before `${NAME}` is filled in, so no secret can
appear in a message.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

import pydantic
from pydantic_core import ErrorDetails

Loc = tuple[str | int, ...]

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_CREDENTIALS = re.compile(r"://[^/@\s]*@")
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: `loc` is the path of keys, `message` ends the sentence."""

    loc: Loc
    message: str
    secret: bool = False  #: a variable or file that holds a secret is not there


def key_path(loc: Loc, raw: Any) -> str:
    """`("monitors", 0, "source", "path")` as a person reads it: `monitors[flights].source.path`."""
    text = ""
    for part in loc:
        raw = _step(raw, part)
        if isinstance(part, int):
            name = raw.get("name", raw.get("kind")) if isinstance(raw, Mapping) else None
            text += f"[{name if isinstance(name, str) else part + 1}]"
        else:
            shown = part if _BARE_KEY.match(part) else f'"{_short(part)}"'
            text += f".{shown}" if text else shown
    return text


def shown(value: Any) -> str:
    """A value as it may stand in a message: short, and without a password in a URL."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return _short(_CREDENTIALS.sub("://…@", repr(value)))


def nearest(key: str, known: Iterable[str], what: str = "keys there") -> str:
    """The hint for an unknown key: the nearest known one, else all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known {what}: {', '.join(known)}"


def unknown_key(loc: Loc, known: Iterable[str]) -> Problem:
    """The problem of a key that nobody reads."""
    return Problem(loc, f"is not a known key; {nearest(str(loc[-1]), known)}")


def from_pydantic(
    error: pydantic.ValidationError,
    model: type[pydantic.BaseModel],
    raw: Any,
    *,
    prefix: Loc = (),
) -> list[Problem]:
    """The problems of one validation; `raw` is what stood in the file, before filling in."""
    problems: dict[Loc, Problem] = {}
    for detail in error.errors(include_url=False, include_context=True, include_input=False):
        loc, value = _inside(detail, raw)
        if detail["type"] == "extra_forbidden":
            problem = unknown_key((*prefix, *loc), fields_at(model, loc[:-1]))
        elif detail["type"] == "missing":
            problem = Problem((*prefix, *loc), "is missing; add it")
        else:
            hidden = not loc or holds_secret(_annotation_at(model, loc))
            text = "" if hidden or isinstance(value, Mapping) else f"= {shown(value)} "
            problem = Problem((*prefix, *loc), _sentence(detail, value, text))
        problems.setdefault(problem.loc, problem)
    return list(problems.values())


def fields_at(model: type[pydantic.BaseModel], loc: Loc) -> set[str]:
    """Known keys of the table at that path."""
    annotation: Any = model
    for part in loc:
        annotation = _descend(annotation, part)
    classes = [kind for kind in _flat(annotation) if _is_model(kind)]
    return {field for kind in classes for field in kind.model_fields}


def holds_secret(annotation: Any) -> bool:
    """Whether a type is, or contains, a `SecretStr` or a kind of it."""
    kinds = (kind for kind in _flat(annotation) if isinstance(kind, type))
    return any(issubclass(kind, (pydantic.SecretStr, pydantic.SecretBytes)) for kind in kinds)


def render(problems: Sequence[Problem], path: str, raw: Any) -> str:
    """The one message with all problems."""
    lines = [f"{key_path(problem.loc, raw)} {problem.message}".strip() for problem in problems]
    lines = [line if line.endswith("?") else f"{line}." for line in lines]
    if len(lines) == 1:
        return f"{path}: {lines[0]}"
    return "\n".join([f"{path} has {len(lines)} problems:", *(f"  - {line}" for line in lines)])


def _sentence(detail: ErrorDetails, value: Any, text: str) -> str:
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if detail["type"] == "tuple_type" and isinstance(value, Mapping):
        return "is one table; write its head with two brackets, [[…]], as there may be several"
    if detail["type"] == "string_pattern_mismatch":
        return f"{text}does not have the form {detail['ctx']['pattern']}"
    if text and message.startswith(f"{value!r} "):
        return f"= {message}"
    return f"{text}{message}"


def _inside(detail: ErrorDetails, raw: Any) -> tuple[Loc, Any]:
    """The part of pydantic's path that exists in the file (it adds names of union members)."""
    loc: Loc = ()
    for part in detail["loc"]:
        below = _step(raw, part)
        if below is None:
            if detail["type"] in ("missing", "extra_forbidden"):
                loc = (*loc, part)
            break
        loc, raw = (*loc, part), below
    return loc, raw


def _step(raw: Any, part: str | int) -> Any:
    if isinstance(raw, Mapping):
        return raw.get(part)
    if isinstance(raw, list) and isinstance(part, int) and 0 <= part < len(raw):
        return raw[part]
    return None


def _annotation_at(model: type[pydantic.BaseModel], loc: Loc) -> Any:
    annotation: Any = model
    for part in loc:
        annotation = _descend(annotation, part)
    return annotation


def _descend(annotation: Any, part: str | int) -> Any:
    """The type below: of a field of a model, or of the items of a list or table."""
    for kind in _flat(annotation):
        if _is_model(kind) and part in kind.model_fields:
            return kind.model_fields[part].annotation
    return annotation if isinstance(part, int) or get_args(annotation) else None


def _flat(annotation: Any) -> list[Any]:
    """A type and all that it is made of."""
    return [annotation, *(inner for arg in get_args(annotation) for inner in _flat(arg))]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
