"""Roles that nobody named, guessed from names and content."""

from __future__ import annotations

from dataclasses import replace

from monitor.config.datamap import facts_of
from monitor.config.guess import guess_roles
from monitor.core.columns import Roles
from monitor.core.ports import Source

_ROWS = 5_000


def completed(source: Source, named: Roles) -> Roles:
    """The named roles, and those of id, label, prediction and score that are hard to mistake.

    An id is one by its name and by being unique; the others go by unmistakable names and remain
    judged, so that a wrong guess hides nothing. What somebody named keeps its role.
    """
    taken = {column for _, column in named.named()}
    facts = [one for one in facts_of(source.sample(_ROWS)) if one.name not in taken]
    guessed, _ = guess_roles(facts)
    return replace(
        named,
        id=named.id or guessed.id,
        label=named.label or guessed.label,
        prediction=named.prediction or guessed.prediction,
        scores=named.scores or guessed.scores,
    )
