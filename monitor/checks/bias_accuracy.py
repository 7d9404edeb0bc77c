"""The check `bias.accuracy`."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.checks.context import Context
from monitor.checks.disparity import Disparity, GroupOptions
from monitor.core.finding import Finding


class BiasAccuracy:
    """Share of rows whose prediction is their label, by group.

    Needs segments, and labels and predictions. **Raises findings** for each group and
    each intersection of two segments: `accuracy` with its interval, and beside all other
    rows `accuracy_difference` (for single segments `accuracy_ratio` too; these
    intervals hold for all groups of a segmentation together); then the spread between the groups.
    A gap is `drifted` only when it *changed* against the reference: whether there should be one is
    no statistical question.
    """

    name = "bias.accuracy"
    Options = GroupOptions

    def __init__(self, options: GroupOptions) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """What each group shows."""
        yield from Disparity(self.name, "accuracy", self.options).findings(context)


plugin = BiasAccuracy
