"""The part of a page that is about labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from report_attacks import NASTY
from report_html import ALLOWED, Page
from report_views import flights

import reports
from reports import label_view as lv
from reports import view as v

START = datetime(2026, 1, 5, tzinfo=UTC)


def shown(value=0.9, half=0.05, n=100):
    return lv.Shown(value=value, interval=(value - half, value + half), n=n)


def labels(**more):
    values = {
        "total": 1765,
        "items": 600,
        "disputed": 12,
        "joined": 80,
        "annotators": (
            lv.AnnotatorRow(
                name="Ann", labels=367, skipped=9, accuracy=shown(0.96, 0.02), gold=shown(1.0, 0.0),
                anchoring=shown(0.02, 0.1), seconds=shown(12.0, 1.0),
            ),
            lv.AnnotatorRow(
                name="Bo", labels=333, accuracy=shown(0.75), changed=True,
                change=shown(-0.26, 0.08), leaning="late 12 points more often than the others",
            ),
        ),
        "specs": (
            lv.SpecRow(
                name="class of 10, guideline 1", labels=884, items=301, alpha=shown(0.678),
                seconds=shown(11.9, 0.5), bits=shown(1.37, 0.1), bits_a_minute=6.92,
            ),
        ),
        "answers": ("Guideline 2 after 1: agreement rose by 0.10 [0.03, 0.17].",),
        "metric": "accuracy",
        "bought": (
            lv.BoughtPoint(
                window_start=START, value=0.79, interval=(0.67, 0.88), labels=49, model="m1"
            ),
            lv.BoughtPoint(
                window_start=START + timedelta(weeks=1), value=0.86, interval=None, labels=20,
                model="m2", after=True,
            ),
        ),
        "verdict": "Accuracy, before and since model m2: 79.0%, then 86.0%: better (+7.0 points).",
        "note": "Each label is weighted.",
    }  # fmt: skip
    return lv.LabelsView(**{**values, **more})


def text_of(view):
    return " ".join(Page(reports.render(view)).text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_part_says_who_labels_how_well_what_it_costs_and_what_it_bought():
    text = text_of(replace(flights(), labels=labels()))

    assert "1,765 labels of 600 rows have come back; 12 are disputed" in text
    assert "80 have joined the reference" in text
    assert "better (+7.0 points)" in text
    assert "Ann 367 9 given back 96.0 %" in text
    assert "accuracy changed by −26.0 points" in text
    assert "late 12 points more often than the others" in text
    assert "class of 10, guideline 1 884 0.678" in text
    assert "agreement rose by 0.10 [0.03, 0.17]" in text


def test_without_labels_there_is_no_such_part():
    source = reports.render(replace(flights(), labels=None))

    assert 'id="labels"' not in source
    assert '#labels"' not in source


def test_errors_of_a_regression_are_no_shares():
    points = (lv.BoughtPoint(window_start=START, value=12.5, interval=(11.0, 14.0), labels=40),)
    text = text_of(
        replace(flights(), labels=labels(metric="mean absolute error", bought=points, verdict=""))
    )

    assert "Mean absolute error" in text
    assert "12.5 11.0 to 14.0" in text or "12.5 11 to 14" in text


def test_what_the_labels_lack_and_columns_that_take_no_part_are_said():
    cell = v.LackingCell(name="class Bag", training=0.1, production=0.19, labelled=0.02)
    text = text_of(
        replace(
            flights(),
            labels_lack=(cell,),
            queue_note="Not used to choose these rows: when (a time).",
        )
    )

    assert "class Bag (19.0 % of production, 2.0 % of the labels)" in text
    assert "Not used to choose these rows: when" in text


@pytest.mark.parametrize("nasty", NASTY)
def test_hostile_names_stay_text(nasty):
    row = lv.AnnotatorRow(name=nasty, labels=1, leaning=nasty)
    spec = lv.SpecRow(name=nasty, labels=1, items=1, alpha=lv.Shown(value=float("nan"), n=1))
    point = lv.BoughtPoint(
        window_start=START, value=float("nan"), interval=(float("nan"), float("inf")), labels=0,
        model=nasty,
    )  # fmt: skip
    cell = v.LackingCell(name=nasty, training=0.0, production=float("nan"))
    part = labels(
        annotators=(row,),
        specs=(spec,),
        bought=(point,),
        answers=(nasty,),
        verdict=nasty,
        note=nasty,
    )
    view = replace(flights(), labels=part, labels_lack=(cell,), queue_note=nasty)

    page = Page(reports.render(view))

    assert not page.wrong
    assert set(page.tags) <= ALLOWED
