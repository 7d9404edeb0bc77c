"""The check `quality.model_version`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.wording import listed, percent
from monitor.core.finding import Finding
from monitor.evidence.reference import FEWEST_WINDOWS
from monitor.profiles.types import Profile
from monitor.stats.rates import wilson


class QualityModelVersion:
    """Which versions of the model made the predictions.

    **Raises an info finding** for versions that the reference does not know. A deployment is no
    drift: when most rows come from a new version, predictions, scores and what is computed from
    them are compared with the first windows of that version. Until there are six of these they
    are measured and shown, but not judged.
    """

    name = "quality.model_version"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`quality.model_version` has no options."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """The share of rows of new versions, where there are any."""
        known, now = context.reference.versions, context.current.versions
        new = sorted((name for name in now if name not in known), key=lambda name: -now[name])
        if not known or not new:
            return
        share = wilson(sum(now[name] for name in new), context.current.rows)
        yield Finding(
            check=self.name,
            column=context.roles.model_version,
            statistic="new_version_share",
            value=share.value,
            interval=share.interval,
            n_reference=context.reference.rows,
            n_current=context.current.rows,
            message=(
                f"Model {listed(new)} is new, with {percent(share.value)} of the rows. "
                f"{_told(context)}"
            ),
        )


def _told(context: Context) -> str:
    own = context.own_windows
    if not is_deployment(context.reference, context.current):
        return "Predictions and scores are judged all the same, as most rows are not theirs."
    if own is None:
        return "A deployment is no drift: predictions and scores are shown, but not judged."
    if own < FEWEST_WINDOWS:
        return (
            "A deployment is no drift: predictions and scores are shown, and judged when it has "
            f"{FEWEST_WINDOWS} windows of its own to compare with; it has {own} so far."
        )
    return f"Predictions and scores are compared with its own first {own} windows."


def is_deployment(reference: Profile, current: Profile) -> bool:
    """Whether most rows come from model versions that the reference does not know."""
    new = sum(n for version, n in current.versions.items() if version not in reference.versions)
    return bool(reference.versions) and new > current.rows / 2


plugin = QualityModelVersion
