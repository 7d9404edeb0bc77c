from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_html import Page

from reports import humanize, plain, svg

OVERRIDES = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12345, "12,345"),
        (0.0, "0"),
        (0.25, "0.25"),
        (3.14159, "3.14"),
        (-2.5, "−2.5"),
        (1e-9, "1e-9"),
        (2.34e12, "2.3e12"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (None, "–"),
        (999.6, "1,000"),
    ],
)
def test_number(value, said):
    assert humanize.number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.032, "3.2 %"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.0004, "0.04 %"),
        (0.9996, "99.96 %"),
        (math.nan, "–"),
    ],
)
def test_share(value, said):
    assert humanize.share(value).replace(humanize.NBSP, " ") == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.25, "sd", "+0.25 sd"),
        (-0.032, "share", "−3.2 points"),
        (0.05, "ratio", "+5.0 %"),
        (0.0, "sd", "0.00 sd"),
        (0.002, "sd", "+0.002 sd"),
        (7.0, "number", "+7"),
        (math.inf, "sd", "∞"),
    ],
)
def test_effect(value, unit, said):
    assert humanize.effect(value, unit).replace(humanize.NBSP, " ") == said


def test_an_interval_names_its_unit_once():
    assert (
        humanize.effect_interval((0.21, 0.29), "sd").replace(humanize.NBSP, " ")
        == "+0.21 to +0.29 sd"
    )
    assert humanize.share_interval((0.029, 0.036)).replace(humanize.NBSP, " ") == "2.9 to 3.6 %"
    assert humanize.number_interval((0.8, 0.824)) == "0.800 to 0.824"
    assert (
        humanize.effect_interval((0.1, math.inf), "sd").replace(humanize.NBSP, " ")
        == "+0.10 sd to ∞"
    )


@pytest.mark.parametrize(
    ("years", "said"),
    [
        (3214.0, "once in 3,000 years"),
        (12.4, "once in 12 years"),
        (1.0, "once a year"),
        (0.25, "4 times a year"),
        (math.inf, "less than once in a million years"),
        (None, ""),
    ],
)
def test_by_chance(years, said):
    assert humanize.by_chance(years) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0134, "0.013"), (1.2e-9, "1.2e-9"), (0.0, "< 1e-300"), (1.0, "1"), (None, "–")],
)
def test_p_value(value, said):
    assert humanize.p_value(value) == said


@pytest.mark.parametrize(
    ("start", "length", "said"),
    [
        (datetime(2013, 3, 4, tzinfo=UTC), timedelta(days=7), "week of 4 Mar 2013"),
        (datetime(2013, 3, 4, tzinfo=UTC), timedelta(days=1), "4 Mar 2013"),
        (datetime(2013, 3, 4, 5, tzinfo=UTC), timedelta(hours=1), "4 Mar 2013, 05:00"),
        (datetime(2013, 3, 1, tzinfo=UTC), timedelta(days=31), "March 2013"),
        (datetime(2013, 3, 4, tzinfo=UTC), timedelta(days=14), "4 Mar – 17 Mar 2013"),
    ],
)
def test_window_is_called_by_its_length(start, length, said):
    assert humanize.window(start, start + length) == said


@given(st.text(max_size=3000), st.integers(8, 400))
def test_clean_text_is_one_bounded_line_without_tricks(text, limit):
    line = plain.clean(text, limit)

    assert len(line) <= limit
    assert line.encode("utf-8").decode("utf-8") == line
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in line} & OVERRIDES


@given(st.text(max_size=800))
def test_a_name_is_one_isolated_element_with_its_text(text):
    page = Page(str(plain.name(text)))

    assert page.tags == ["bdi"]
    assert page.wrong == []
    assert len("".join(page.texts)) <= plain.NAME_LIMIT


def test_a_long_name_keeps_head_and_tail_and_has_the_rest_as_its_title():
    markup = str(plain.name("head_" + "x" * 200 + "_tail"))

    assert "head_" in markup.split(">")[1]
    assert markup.split(">")[1].split("<", maxsplit=1)[0].endswith("_tail")
    assert 'title="head_' in markup


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//host/x",
        "https://a\nb",
        "/path",
        "https://[x",
        "file:///x",
    ],
)
def test_only_web_addresses_become_links(target):
    assert plain.link(target) == ""
    assert plain.link("https://drift.example.org/a?b=c#d") == "https://drift.example.org/a?b=c#d"


@given(st.text(max_size=60))
def test_svg_escapes_every_attribute_and_text(text):
    page = Page(str(svg.drawing(10, 10, text, svg.label(1, 2, text))))

    assert page.tags == ["svg", "text"]
    assert page.wrong == []
    assert [name for _, name, _ in page.attributes if name.startswith("on")] == []


def test_what_underflowed_is_no_equation():
    assert humanize.p_phrase(0.0) == "p < 1e-300".replace(" ", humanize.NBSP)
    assert humanize.p_phrase(1e-9) == "p = 1e-9".replace(" ", humanize.NBSP)


def test_prose_sets_a_minus_before_numbers_but_not_in_names():
    said = Page(str(plain.prose("from -9.04 to `x -1` (-4 points) on 2013-08-12, id a-1"))).text

    assert said.replace("\N{NO-BREAK SPACE}", " ") == (
        "from −9.04 to x -1 (−4 points) on 2013-08-12, id a-1"
    )
