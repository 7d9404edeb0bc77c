"""One mail for the events of several monitors: small, harmless, twin bodies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import report_attacks as attacks
import report_views as views
from report_html import Page

import reports
from reports.digest import MAX_MONITORS


def entries(count: int):
    return [
        reports.in_short(replace(views.flights(), monitor=f"monitor {n}")) for n in range(count)
    ]


@pytest.mark.parametrize("count", [2, 40, 500])
def test_a_digest_is_small_and_names_them_all_or_says_how_many_more(count):
    mail = reports.digest(entries(count))
    page = Page(mail.html)

    assert len(mail.html.encode()) < 100_000
    assert len(mail.subject) <= 78
    assert mail.subject.startswith(f"{count} monitors differ: ")
    assert page.wrong == []
    assert mail.text.count("monitor ") >= min(count, MAX_MONITORS)
    assert (f"{count - MAX_MONITORS} more monitors" in mail.text) is (count > MAX_MONITORS)


def test_what_comes_from_data_runs_nowhere():
    hostile = reports.in_short(attacks.hostile())
    mail = reports.digest([hostile, hostile])
    page = Page(mail.html)

    assert page.wrong == []
    assert not {"img", "script", "svg", "link"} & set(page.tags)
    assert [value for value in page.values("href") if not value.startswith("https://")] == []
    assert "\n" not in mail.subject


def test_what_waits_for_a_digest_is_plain_json():
    entry = reports.in_short(views.flights())

    assert json.loads(json.dumps(entry)) == entry
