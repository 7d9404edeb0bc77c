"""Does a column's change deserve a mail? Evidence, budget and gate together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.evidence.assessment import assess, calm, drifted
from monitor.evidence.reference import Reference
from monitor.evidence.sight import sight
from monitor.evidence.types import Budget, Observation, Verdict
from monitor.evidence.verdicts import build


def judge(
    reference: Reference,
    recent: Sequence[Observation],
    *,
    position: int,
    budget: Budget,
    shares: Mapping[str, float] | None = None,
) -> dict[str, Verdict]:
    """A verdict on each series and scalar that the newest window names.

    Parameters
    ----------
    recent : the newest `max(budget.scales)` windows, oldest first; fewer at the start. Where the
        reference was learned on shorter stretches than a window, each of them is
        `budget.step` observations here.
    position : running number of the newest window; longer scales are looked at only where
        `position` is a multiple of half their length.
    shares : see `column_shares`.

    Returns
    -------
    Verdicts by name. Series that the newest window does not name have none: they keep their state.

    Raises
    ------
    ValueError
        If `recent` is empty.
    """
    if not recent:
        msg = "there is no window to judge"
        raise ValueError(msg)
    found = assess(reference, recent, position=position, budget=budget, shares=shares)
    newest = recent[-budget.step :]
    named = Observation(
        {name: counts for one in newest for name, counts in one.counts.items()},
        {name: value for one in newest for name, value in one.scalars.items()},
    )
    return build(
        reference,
        named,
        found,
        drifted=drifted(reference, found),
        calm=calm(reference, found),
        sights=sight(reference, found.merged, found.threshold),
        budget=budget,
    )
