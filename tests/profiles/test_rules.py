"""Declared rules, and the language of expressions."""

from __future__ import annotations

import contextlib
import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.core.columns import Roles
from monitor.core.errors import ConfigError
from monitor.profiles.expression import parse_expression
from monitor.profiles.rules import Rule
from monitor.profiles.types import RuleCount

from .tables import plan_of, profile_of

TABLE = pa.table(
    {
        "id": ["a", "b", "c", "d", "e", "e"],
        "fare": [1.0, -2.0, float("nan"), None, 5.0, float("inf")],
        "drop off": ["x", "", None, "yy", "x1", "z"],
        "n": pa.array([1, 2, 3, 4, None, 6], pa.int8()),
        "ok": [True, False, None, True, True, True],
        "day": [dt.date(2024, 1, day) for day in range(1, 7)],
    }
)


def counted(rule: Rule, table: pa.Table = TABLE) -> RuleCount:
    plan = plan_of(TABLE, Roles(id="id"), rules=[rule])
    return profile_of(plan, table).rules[rule.name]


def broken(expression: str) -> tuple[int, int, tuple[str, ...]]:
    count = counted(Rule("r", "expression", expression=expression))
    assert count.error == ""
    return count.checked, count.broken, tuple(sorted(count.rows))


@pytest.mark.parametrize(
    ("rule", "checked", "rows"),
    [
        (Rule("r", "range", "fare", min=0), 4, "b"),
        (Rule("r", "range", "fare", min=0, max=4), 4, "bee"),
        (Rule("r", "range", "n", max=3), 5, "de"),
        (Rule("r", "set", "drop off", values=("x", "yy")), 5, "bee"),
        (Rule("r", "set", "n", values=("1", "2", "3", "4", "6")), 5, ""),
        (Rule("r", "regex", "drop off", pattern="[a-z]+"), 5, "be"),
        (Rule("r", "not_null", "drop off"), 6, "c"),
        (Rule("r", "not_null", "fare"), 6, "cd"),
        (Rule("r", "unique", "id"), 6, "ee"),
        (Rule("r", "unique", "ok"), 5, "...."),
    ],
)
def test_rules(rule, checked, rows):
    count = counted(rule)

    assert count.error == ""
    assert count.checked == checked
    assert count.broken == len(rows)
    if rule.column != "ok":
        assert set(count.rows) == set(rows)


def test_a_range_of_times():
    limit = int(dt.datetime(2024, 1, 3, tzinfo=dt.UTC).timestamp() * 1_000_000)

    assert counted(Rule("r", "range", "day", min=limit)).broken == 2


def test_a_column_that_is_not_there_is_an_error_of_the_rule_only():
    count = counted(Rule("r", "range", "nope", min=0))

    assert count.checked == 0
    assert "there is no column 'nope'" in count.error


def test_a_broken_regex_is_an_error_of_the_rule_only():
    assert "could not be applied" in counted(Rule("r", "regex", "drop off", pattern="(")).error


def test_a_regex_that_would_explode_elsewhere_takes_linear_time():
    table = TABLE.set_column(2, "drop off", pa.array(["a" * 50_000 + "!"] * 6))

    assert counted(Rule("r", "regex", "drop off", pattern="(a+)+"), table).broken == 6


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("fare > 0", (4, 1, ("b",))),
        ("0 < n <= 3", (5, 2, ("d", "e"))),
        ('col["drop off"] != ""', (5, 1, ("b",))),
        ("fare > 0 or n > 1", (6, 0, ())),
        ("not ok", (5, 4, ("a", "d", "e"))),
        ("n * 2 - 1 >= 3", (5, 1, ("a",))),
        ("n / 0 > 1", (5, 0, ())),
        ('col["drop off"] in ("x", "z")', (5, 3, ("b", "d", "e"))),
        ("n not in [1, 2]", (5, 2, ("a", "b"))),
        ('day >= "2024-01-03"', (6, 2, ("a", "b"))),
        ("ok == True", (5, 1, ("b",))),
        ("1 < 2", (6, 0, ())),
        ("-n < 0 and +n > 0", (5, 0, ())),
    ],
)
def test_expressions(expression, expected):
    assert broken(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('x')", "fare.real", "f(1)", "lambda: 1", "[x for x in fare]",
        "fare if ok else n", "(fare := 1)", "fare ** 9", "fare % 2", "col[n]", "other['x']", "",
        "a b", "x" * 3000, "1+" * 400 + "1", "n in fare", "f'{n}'", "b'x' == n", "None", "...",
        "(" * 500 + "1" + ")" * 500, "n in (n, 1)", "1j > 0", "*n", "n is 1",
    ],
)  # fmt: skip
def test_nothing_else_is_allowed(expression):
    with pytest.raises(ConfigError):
        parse_expression(expression)


def test_columns_are_named():
    assert parse_expression('a < b and col["c d"] == a').columns == ("a", "b", "c d")


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        ("fair > 1", "did you mean 'fare'"),
        ("n + 1", "no true or false"),
        ("not n", "do not fit"),
        ("n in (1,) < 2", "cannot go on"),
    ],
)
def test_errors_of_an_expression_name_the_mend(expression, what):
    columns = {name: TABLE.column(name).chunk(0) for name in TABLE.column_names}

    with pytest.raises(ValueError, match=what):
        parse_expression(expression).evaluate(columns, 6)


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_one_clear_error(text):
    with contextlib.suppress(ConfigError):
        assert parse_expression(text).tree is not None
