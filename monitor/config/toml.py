"""TOML written by hand, for the sake of its comments; nothing in the data can break out of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, time

_VARIABLE = re.compile(r"\$\{(?=[A-Za-z_][A-Za-z0-9_]*\})")


def quoted(text: str) -> str:
    r"""A basic string; what does not print is escaped, lone surrogates become U+FFFD.

    Examples
    --------
    >>> print(quoted('say "hi"\n'))
    "say \"hi\"\n"
    """
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(
        char if char.isprintable() or char == " " else _escaped(char)
        for char in json.dumps(plain, ensure_ascii=False)
    )


def text(value: str) -> str:
    """A text value; `${NAME}` in it stays text."""
    return quoted(_VARIABLE.sub("$${", value))


def texts(values: Iterable[str]) -> str:
    """A list of text values."""
    return f"[{', '.join(text(value) for value in values)}]"


def moment(value: datetime) -> str:
    """A date where it is midnight in UTC, else a time with its zone."""
    value = value.astimezone(UTC)
    return value.date().isoformat() if value.time() == time() else value.isoformat()


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def comment(words: str) -> str:
    """A comment of one line, whatever stands in it."""
    plain = words.encode("utf-8", "replace").decode("utf-8")
    return "# " + "".join(c if c.isprintable() else _escaped(c) for c in plain)
