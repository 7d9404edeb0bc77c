from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage

import pytest
import report_attacks as attacks
import report_pictures as pictures
import report_views as views
from hypothesis import given, settings
from hypothesis import strategies as st
from report_html import Page

import reports
from reports import view as v


@pytest.mark.parametrize(
    "view", [views.flights(), views.quiet(), pictures.fashion(), attacks.hostile(), views.wide()]
)
def test_every_mail_is_small_well_formed_and_free_of_pictures(view):
    mail = reports.mail(view)
    page = Page(mail.html)

    assert len(mail.html.encode()) < 100_000
    assert len(mail.subject) <= 78
    assert page.wrong == []
    assert not {"img", "script", "svg", "link"} & set(page.tags)
    assert [value for value in page.values("href") if not value.startswith("https://")] == []


def test_mail_of_a_known_run(snapshot):
    mail = reports.mail(views.flights())

    assert (mail.subject, mail.text, mail.html) == snapshot


def test_subject_says_what_changed_and_when():
    one = reports.mail(pictures.fashion()).subject
    many = reports.mail(views.flights()).subject

    assert one == "fashion: `embedding` differs from the reference (week of 18 Mar)"
    assert many == "flights: `carrier` and 3 more differ from the reference (week of 2 Dec)"


def test_subject_names_an_alarm_that_is_about_no_column():
    volume = v.AlarmView(key="volume", title="The window had half of its usual rows")
    view = replace(views.quiet(), alarms=(volume,))

    assert (
        reports.mail(view).subject
        == "flights: The window had half of its usual rows (week of 2 Dec)"
    )


def test_both_bodies_say_the_same():
    mail = reports.mail(views.flights())
    html = Page(mail.html).text.replace("\N{NO-BREAK SPACE}", " ")
    text = " ".join(mail.text.replace("`", "").split()).replace("\N{NO-BREAK SPACE}", " ")

    for said in (
        "UA has 11.1 % of the rows, was 9.2 %.",
        "+0.83 sd (95 %: +0.77 to +0.89 sd); by chance less than once in a million years",
        "Would come by chance once in 3,000 years.",
        "driftloop alarms acknowledge flights column:temp",
        "4.1 % of the values are missing",
    ):
        assert said in html
        assert said in text
    assert "https://drift.example.org/reports/flights/2013-12-02" in text
    assert 'href="https://drift.example.org/reports/flights/2013-12-02"' in mail.html


def test_a_path_to_the_report_is_shown_but_is_no_link():
    mail = reports.mail(replace(views.flights(), report_url="reports/flights/2013-12-02.html"))

    assert "reports/flights/2013-12-02.html" in mail.text
    assert "reports/flights/2013-12-02.html" in mail.html
    assert "Open the report" not in mail.html


def test_hundreds_of_columns_are_counted_not_listed():
    columns = tuple(
        v.ColumnView(name=f"column_{i}" + "x" * 480, drifted=True, statement="y" * 900, effect=1.0)
        for i in range(500)
    )
    mail = reports.mail(replace(views.flights(), columns=columns, alarms=()))

    assert len(mail.html.encode()) < 100_000
    assert "475 columns more in the report" in mail.text
    assert "475 columns more in the report" in mail.html


@settings(deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_a_subject_is_always_one_short_line(monitor, column):
    drifted = v.ColumnView(name=column, drifted=True)
    view = replace(views.fewest(), monitor=monitor, columns=(drifted, drifted))
    subject = reports.mail(view).subject
    message = EmailMessage()
    message["Subject"] = subject

    assert len(subject) <= 78
    assert "\n" not in subject
    assert "\r" not in subject


def test_notebook_shows_the_verdict_and_what_differs():
    page = Page(reports.notebook(pictures.fashion()))

    assert page.wrong == []
    assert "embedding differs from the reference." in page.text
    assert "+1.18 sd" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert page.tags.count("svg") == 1


def test_notebook_of_an_attack_is_harmless():
    page = Page(reports.notebook(attacks.hostile()))

    assert page.wrong == []
    assert not {"script", "img"} & set(page.tags)
    assert page.values("onload") == []
