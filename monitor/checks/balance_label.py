"""The check `balance.label`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.class_shares import balance
from monitor.checks.context import Context
from monitor.core.finding import Finding


class BalanceLabel:
    """Shares of the classes of the label.

    **Raises a finding** with the verdict on the class that moved most (`drifted` when it passes
    error control and the gate), and an info with the share and its interval for each class. A
    numeric label is judged by `drift.numeric`.

    **Config**

        [monitors.checks."balance.label"]
        max_classes = 20
    """

    name = "balance.label"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `balance.label`."""

        max_classes: int = pydantic.Field(
            20, ge=1, description="Shares are told for that many classes, the largest first."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The verdict and the shares."""
        for column in context.physical():
            if column.role == "label":
                yield from balance(self.name, context, column, self.options.max_classes)


plugin = BalanceLabel
