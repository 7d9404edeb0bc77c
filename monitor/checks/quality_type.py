"""The check `quality.type`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pydantic

from monitor.checks.context import Context
from monitor.core.finding import Finding

_FAMILIES = (
    ("timestamp", "time"), ("date", "time"), ("time", "time of day"), ("duration", "duration"),
    ("bool", "boolean"), ("int", "number"), ("uint", "number"), ("float", "number"),
    ("halffloat", "number"), ("double", "number"), ("decimal", "number"),
    ("string", "text"), ("large_string", "text"), ("utf8", "text"), ("large_utf8", "text"),
    ("binary", "bytes"), ("large_binary", "bytes"), ("fixed_size_binary", "bytes"),
    ("list", "list"), ("large_list", "list"), ("fixed_size_list", "list"), ("struct", "record"),
)  # fmt: skip


class QualityType:
    """The Arrow type of a column changed.

    **Raises a finding** when a column comes in another type than in the reference. Another width
    or precision (int32 for int64, float for int, which is what a first null does in pandas) is an
    info; another sort (text for a number) is `drifted`, for it needs no statistics.
    """

    name = "quality.type"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`quality.type` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each column whose type is another."""
        for column in context.physical():
            old = _known(context.reference.types.get(column.name, ()))
            new = _known(context.current.types.get(column.name, ()))
            if not old or not new or set(new) <= set(old):
                continue
            sorts = {family(name) for name in new} - {family(name) for name in old}
            grave = bool(sorts)
            yield Finding(
                check=self.name,
                column=column.name,
                statistic="type_changed",
                value=1.0,
                n_reference=context.reference.rows,
                n_current=context.current.rows,
                severity="critical" if grave else "info",
                drifted=grave,
                message=f"The type is {_joined(new)} now; in the reference it is {_joined(old)}.",
            )


def family(name: str) -> str:
    """The sort of an Arrow type: what a person would call it.

    >>> family("int32"), family("dictionary<values=string, indices=int32, ordered=0>")
    ('number', 'text')
    """
    if name.startswith("dictionary<values="):
        return family(name.removeprefix("dictionary<values="))
    plain = re.match(r"[a-z_]*", name)[0]  # type: ignore[index]  # matches the empty string too
    return next((sort for start, sort in _FAMILIES if plain == start), plain)


def _known(names: Iterable[str]) -> tuple[str, ...]:
    """Types without "null", which a column without values has."""
    return tuple(sorted(name for name in names if name != "null"))


def _joined(names: tuple[str, ...]) -> str:
    return " and ".join(names)


plugin = QualityType
