"""The check `quality.errors`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.core.finding import Finding


class QualityErrors:
    """Columns that could not be profiled, while the others were.

    **Raises a finding** for each, with the reason. It is `drifted` when the column has no profile
    at all although the reference has one: something broke. Where only some values could not be
    read, they count as missing, and this is a warning.
    """

    name = "quality.errors"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`quality.errors` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each column with an error, in the window or in the reference."""
        before, now = context.reference.errors, context.current.errors
        for name, reason in sorted({**before, **now}.items()):
            new = name in now and name not in before and name not in context.current.columns
            where = "this window" if name in now else "the reference"
            column = context.column(name)
            yield Finding(
                check=self.name,
                column=column.owner if column else name,
                statistic="profile_error",
                value=1.0,
                n_current=context.current.rows,
                severity="critical" if new else "warning",
                drifted=new,
                message=f"In {where}: {reason[:300]}",
            )


plugin = QualityErrors
