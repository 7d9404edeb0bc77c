"""What a person declares about columns, and how often it was broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RuleKind = Literal["range", "set", "regex", "unique", "not_null", "expression"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One declared rule. `column` is None only for an expression."""

    name: str
    kind: RuleKind
    column: str | None = None
    min: float | None = None  #: range: least allowed value (datetime: microseconds since 1970)
    max: float | None = None  #: range: greatest allowed value
    values: tuple[str, ...] = ()  #: set: names of the allowed levels
    pattern: str | None = None  #: regex (RE2), must match the whole value
    expression: str | None = None  #: must be true; null is not checked
    max_share: float = 0.0  #: share of the checked rows that may break it
