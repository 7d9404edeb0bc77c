"""The check `bias.true_positive_rate`."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.checks.context import Context
from monitor.checks.disparity import Disparity, GroupOptions
from monitor.core.finding import Finding


class BiasTruePositiveRate:
    """Of the rows labelled positive, the share predicted positive, by group.

    Needs segments, and labels and predictions of two classes. **Raises findings** for each group
    and each intersection of two segments: `true_positive_rate` with its interval, and beside all
    other rows `true_positive_rate_difference` (for single segments `true_positive_rate_ratio`
    too; these intervals hold for all groups of a segmentation together); then the spread between
    the groups. A gap is `drifted` only when it *changed* against the reference: whether there
    should be one is no statistical question.
    """

    name = "bias.true_positive_rate"
    Options = GroupOptions

    def __init__(self, options: GroupOptions) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """What each group shows."""
        yield from Disparity(self.name, "true_positive_rate", self.options).findings(context)


plugin = BiasTruePositiveRate
