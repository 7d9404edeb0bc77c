"""The check `quality.schema`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.quality_type import family
from monitor.checks.wording import quoted
from monitor.core.finding import Finding, Severity

#: Notes of a source that a person should act on; the others are infos.
_GRAVE_NOTES = {"unparsable_rows", "type_differs", "unreadable_file", "column_missing_in_file"}


class QualitySchema:
    """Columns that are gone, new or renamed, and what the source noticed while reading.

    **Raises a finding** with column null for each. A column that the reference has and the window
    does not is `drifted`: it needs no statistics. A column that is new is an info; where a gone
    and a new column look alike, the finding says that it may have been renamed.
    """

    name = "quality.schema"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`quality.schema` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Gone columns, new columns, notes of the source, rows outside of the window."""
        gone = sorted(self._gone(context))
        new = sorted(set(context.current.extra) - set(context.reference.extra))
        for name in gone:
            yield self._finding(context, "column_missing", _gone_message(context, name, new))
        for name in new:
            kind = context.current.extra[name]
            message = f"Column {quoted(name)} ({kind}) is new: the reference does not have it."
            yield self._finding(context, "column_new", message)
        for note in context.notes:
            severity: Severity = "warning" if note.kind in _GRAVE_NOTES else "info"
            yield self._note(context, note.kind, note.message, note.count, severity)
        late = context.current.late
        if late:
            message = (
                f"{late:,} rows have no time, or one outside of the window; they are left out."
            )
            yield self._note(context, "rows_outside_window", message, late, "info")

    def _gone(self, context: Context) -> Iterator[str]:
        if context.current.rows == 0:
            return
        optional = {context.roles.label}  # labels come late, or from elsewhere
        for name in context.current.absent - context.reference.absent:
            if name not in optional:
                yield name

    def _finding(self, context: Context, statistic: str, message: str) -> Finding:
        grave = statistic == "column_missing"
        return Finding(
            check=self.name,
            statistic=statistic,
            value=1.0,
            n_reference=context.reference.rows,
            n_current=context.current.rows,
            severity="critical" if grave else "info",
            drifted=grave,
            message=message,
        )

    def _note(
        self, context: Context, statistic: str, message: str, count: int, severity: Severity
    ) -> Finding:
        return Finding(
            check=self.name,
            statistic=statistic,
            value=float(count),
            n_current=context.current.rows,
            severity=severity,
            message=message,
        )


def _gone_message(context: Context, name: str, new: list[str]) -> str:
    sentence = f"Column {quoted(name)} of the reference is missing in this window"
    guess = _renamed(context, name, new)
    return f"{sentence}; it may have been renamed to {quoted(guess)}." if guess else f"{sentence}."


def _renamed(context: Context, name: str, new: list[str]) -> str | None:
    """The new column of the same sort whose name is nearest, or the only one of that sort."""
    sorts = {family(kind) for kind in context.reference.types.get(name, ())}
    alike = [other for other in new if family(context.current.extra[other]) in sorts]
    near = difflib.get_close_matches(name.lower(), [other.lower() for other in alike], n=1)
    if near:
        return next(other for other in alike if other.lower() == near[0])
    gone = context.current.absent - context.reference.absent
    return alike[0] if len(alike) == 1 and len(gone) == 1 else None


plugin = QualitySchema
