"""What the config says becomes what a run needs."""

from __future__ import annotations

import pytest

from monitor.config import MonitorConfig, OverrideConfig, PluginConfig, RuleConfig
from monitor.steps.setup import fingerprint, of_monitor, rules_of


def monitor(**values) -> MonitorConfig:
    return MonitorConfig(name="m", source=PluginConfig(kind="files", options=None), **values)


def test_one_declaration_becomes_a_rule_for_each_thing_it_says():
    rules = rules_of(
        [RuleConfig(column="x", min=0, max=5, not_null=True), RuleConfig(expression="a < b")]
    )

    assert [(rule.name, rule.kind) for rule in rules] == [
        ("x: range", "range"),
        ("x: not null", "not_null"),
        ("a < b", "expression"),
    ]


def test_rules_of_one_name_stay_apart_and_disabled_ones_go():
    rules = rules_of(
        [
            RuleConfig(column="x", min=0),
            RuleConfig(column="x", max=9),
            RuleConfig(column="x", unique=True, enabled=False),
            RuleConfig(column="y", unique=True),
        ],
        [OverrideConfig(column="y", rules=False)],
    )

    assert [rule.name for rule in rules] == ["x: range", "x: range'"]


def test_levels_of_a_set_are_named_as_profiles_name_them():
    (rule,) = rules_of([RuleConfig(column="x", values=("a", 3, 2.0, 2.5, True))])

    assert rule.values == ("a", "3", "2", "2.5", "true")


@pytest.mark.parametrize(
    ("window", "scales"),
    [("1h", (1, 4, 24, 168)), ("1d", (1, 2, 7, 28)), ("7d", (1, 2, 4, 8)), ("1mo", (1, 2, 4, 8))],
)
def test_slow_drift_is_looked_for_at_scales_that_fit_the_window(window, scales):
    budget = of_monitor(monitor(window=window)).budget(2.0)

    assert budget.scales == scales
    assert budget.per_year == 2.0


def test_the_fingerprint_changes_with_the_reference_and_not_with_the_mails():
    plain = fingerprint(monitor())

    assert fingerprint(monitor(recipients=("a@example.com",))) == plain
    assert fingerprint(monitor(window="1d")) != plain
    assert fingerprint(monitor(rules=(RuleConfig(column="x", min=0),))) != plain
