"""Rules that hold in the sample and that clean data keep: a first set, each easy to switch off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.config import toml
from monitor.config.facts import Facts
from monitor.core.columns import Roles

#: A rule is broken when surely more than this share of the rows break it.
_MAX_SHARE = 0.01
_LEAST_ROWS = 200
_MOST_RULES = 100
_MOST_LEVELS = 12
#: Each level of a set was seen at least so often, so that the set is complete.
_LEAST_COUNT = 20


def suggested_rules(columns: Sequence[Facts], roles: Roles) -> Iterator[str]:
    """One table of TOML for each column of which something can be said."""
    count = 0
    for facts in columns:
        lines = _lines(facts, roles)
        if not lines:
            continue
        if count == _MOST_RULES:
            yield f"# {_MOST_RULES} columns have a rule; add those that matter for the others."
            return
        share = f"max_share = {_MAX_SHARE:g}"
        yield "\n".join(["[[monitors.rules]]", f"column = {toml.text(facts.name)}", *lines, share])
        count += 1


def _lines(facts: Facts, roles: Roles) -> list[str]:
    if facts.ignored or facts.rows < _LEAST_ROWS or facts.name in _untouched(roles):
        return []
    lines = []
    if facts.name == roles.id:
        lines.append("unique = true")
    late = facts.name == roles.label  # labels may come later, gaps in them are no fault
    if facts.nulls == 0 and not late:
        lines.append("not_null = true")
    if facts.name in roles.scores:
        lines += ["min = 0", "max = 1"]
    elif _is_amount(facts, roles):
        lines += ["min = 0"] if facts.finite.min() >= 0 else []
    elif _is_closed_set(facts, roles):
        lines.append(f"values = {toml.texts(sorted(facts.levels))}")
    return lines


def _untouched(roles: Roles) -> set[str]:
    """Columns whose content is no question of rules."""
    return {*roles.images, *roles.embeddings, *roles.ignore}


def _is_amount(facts: Facts, roles: Roles) -> bool:
    counted = facts.name in (roles.id, roles.timestamp)
    return facts.kind == "numeric" and facts.is_number and len(facts.finite) > 0 and not counted


def _is_closed_set(facts: Facts, roles: Roles) -> bool:
    if facts.kind != "categorical" or facts.name in (roles.id, roles.model_version):
        return False
    least = min((count for _, count in facts.counts), default=0)
    return 2 <= facts.distinct <= _MOST_LEVELS and least >= _LEAST_COUNT
