"""The check `quality.rules`."""

from __future__ import annotations

from collections.abc import Iterator

import pydantic

from monitor.checks.context import Context
from monitor.checks.wording import percent
from monitor.core.finding import Finding, Severity
from monitor.profiles.rules import Rule
from monitor.profiles.types import RuleCount
from monitor.stats.rates import wilson


class QualityRules:
    """Rules that a person declared: range, set, regex, unique, not null, an expression.

    **Raises a finding** for each rule; its statistic is the name of the rule, its value the share
    of checked rows that broke it, its rows are their keys. It is `drifted` when that share is
    above the rule's `max_share`, and surely so: the lower end of its interval is above it (for
    `max_share = 0` one broken row is enough).
    """

    name = "quality.rules"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """`quality.rules` has no options; each rule has its own."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """One finding for each declared rule."""
        declared = {rule.name: rule for rule in context.rules}
        for name, count in context.current.rules.items():
            before = context.reference.rules.get(name)
            yield self._finding(name, count, before, declared.get(name))

    def _finding(
        self, name: str, count: RuleCount, before: RuleCount | None, rule: Rule | None
    ) -> Finding:
        limit = rule.max_share if rule is not None else 0.0
        share = wilson(count.broken, count.checked)
        broken = share.known and share.value > limit and share.interval[0] > limit
        failed = bool(count.error)
        severity: Severity = "critical" if broken else "warning" if failed else "info"
        return Finding(
            check=self.name,
            column=rule.column if rule is not None else None,
            statistic=name,
            value=share.value if share.known else 0.0,
            interval=share.interval if share.known else None,
            effect=share.value if share.known else None,
            threshold=limit,
            n_reference=before.checked if before is not None else None,
            n_current=count.checked,
            severity=severity,
            drifted=broken,
            message=_sentence(name, count, before, limit),
            rows=count.rows,
        )


def _sentence(name: str, count: RuleCount, before: RuleCount | None, limit: float) -> str:
    if count.error:
        return f"Rule {name!r} could not be checked: {count.error}"
    if count.checked == 0:
        return f"Rule {name!r} had no rows to check."
    if count.broken == 0:
        return f"Rule {name!r} holds in all {count.checked:,} rows."
    share = percent(count.broken / count.checked)
    usual = percent(before.broken / before.checked) if before and before.checked else None
    compared = f"; in the reference {usual}" if usual is not None else ""
    return (
        f"Rule {name!r} is broken by {count.broken:,} of {count.checked:,} rows ({share})"
        f"{compared}; {percent(limit)} may break it."
    )


plugin = QualityRules
