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
        "+0.83 sd (95 %: +0.77 to +0.89 sd), since the week of",
        "Allowed: 1 false mail a year, shared over 22 columns and 52 windows",
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


def test_a_mail_says_each_sentence_once():
    moved = "Mean moved up by 0.3 sd (chance would show this about once in 9 years)."
    gaps = "Missing values went from 1 % to 8 % of the rows."
    view = replace(
        views.fewest(),
        columns=(v.ColumnView(name="temp", drifted=True, statement=moved),),
        alarms=(v.AlarmView(key="column:temp", title="`temp` differs", what=(moved, gaps)),),
        quality=(v.QualityView(check="quality.missing", column="temp", message=gaps),),
    )
    mail = reports.mail(view)

    for body in (mail.text, Page(mail.html).text.replace("\N{NO-BREAK SPACE}", " ")):
        assert body.count(moved) == 1
        assert body.count(gaps) == 1


def test_scores_of_one_model_are_told_by_the_first_of_them():
    scores = tuple(
        v.ColumnView(name=f"score_{i}", role="score", drifted=True, effect=0.1 * (9 - i), gate=0.05)
        for i in range(9)
    )
    alarms = tuple(
        v.AlarmView(
            key=f"column:{one.name}",
            title=f"`{one.name}` differs",
            state="open" if one is scores[0] else "opened",
            columns=(one.name,),
            what=("It moved.",),
        )
        for one in scores
    )
    mail = reports.mail(replace(views.fewest(), columns=scores, alarms=alarms))

    assert mail.text.count("*") == 1
    assert "* [new] 9 scores of the model differ, 8 of them new" in mail.text
    for body in (mail.text, Page(mail.html).text):
        assert "So do 8 more scores of the model: score_" in body
        assert "score_8" in body
    assert "WHAT DIFFERS (9 of 9 columns)" in mail.text


def test_another_mail_about_one_event_says_why():
    mail = reports.mail(views.flights(), occasion="A reminder: it is still open.")

    assert "A reminder: it is still open." in mail.text
    assert "A reminder: it is still open." in mail.html
