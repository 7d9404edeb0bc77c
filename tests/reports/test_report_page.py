from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources

import pytest
import report_attacks as attacks
import report_pictures as pictures
import report_views as views
from hypothesis import given, settings
from hypothesis import strategies as st
from report_html import ALLOWED, Page

import reports
from reports import view as v

VIEWS = {
    "flights": views.flights,
    "quiet": views.quiet,
    "fashion": pictures.fashion,
    "hostile": attacks.hostile,
    "wide": views.wide,
}
START = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture(scope="module", params=VIEWS)
def source(request) -> str:
    return reports.render(VIEWS[request.param]())


@pytest.fixture(scope="module")
def page(source) -> Page:
    return Page(source)


def known() -> v.ReportView:
    points = tuple(
        v.HistoryPoint(
            window_start=START + i * WEEK,
            effect=effect,
            drifted=effect > 0.2,
            strength=effect / 0.05,
            interval=(effect - 0.04, effect + 0.04),
        )
        for i, effect in enumerate((0.01, 0.02, 0.31))
    )
    temp = v.ColumnView(
        name="temp",
        drifted=True,
        severity="warning",
        statement="`temp` is 0.31 sd higher: 12.4 °C, was 9.3 °C.",
        statistic="location",
        effect=0.31,
        interval=(0.27, 0.35),
        gate=0.05,
        p_value=3e-9,
        threshold=2e-5,
        once_in_years=2_900,
        n_reference=8_000,
        n_current=1_000,
        missing_reference=0.001,
        missing_current=0.0,
        distances={"psi": 0.11, "ks": 0.12},
        sight="Shifts above 0.12 sd can be seen.",
        since=START + 2 * WEEK,
        bins=v.Bins(
            labels=("cold", "mild", "warm"),
            edges=(-5.0, 5.0, 15.0, 25.0),
            reference=(0.3, 0.5, 0.2),
            current=(0.2, 0.5, 0.3),
        ),
        history=points,
    )
    kind = v.ColumnView(
        name="kind",
        kind="categorical",
        statistic="level a",
        effect=0.002,
        unit="share",
        gate=0.005,
        bins=v.Bins(labels=("a", "b"), reference=(0.6, 0.4), current=(0.602, 0.398)),
    )
    return v.ReportView(
        monitor="weather",
        generated_at=datetime(2024, 1, 22, 6, tzinfo=UTC),
        version="0.0",
        window_start=START + 2 * WEEK,
        window_end=START + 3 * WEEK,
        rows_reference=8_008,
        rows_current=1_000,
        reference_label="Oct – Dec 2023",
        columns=(kind, temp),
        queue_total=1,
        alarms=(
            v.AlarmView(
                key="column:temp",
                title="`temp` differs",
                since=START + 2 * WEEK,
                columns=("temp",),
                what=("It is warmer.",),
            ),
        ),
        queue=(
            v.QueueCard(
                row_id="7", reason="random", inclusion_probability=0.05, fields=(("temp", "12"),)
            ),
        ),
    )


def test_page_of_a_known_run(snapshot):
    assert reports.render(known()) == snapshot


def test_page_is_well_formed_html(page):
    assert page.wrong == []
    assert page.repeated_ids == []


def test_page_holds_only_tags_that_cannot_do_anything(page):
    assert set(page.tags) <= ALLOWED
    assert [name for _, name, _ in page.attributes if name.startswith("on")] == []


def test_page_reaches_nothing_outside(page, source):
    loads = [
        value for tag, name, value in page.attributes if name in {"src", "href"} and tag != "a"
    ]
    assert all(load.startswith("data:image/png;base64,") or load == "data:," for load in loads)
    assert all(
        link.startswith(("#", "https://")) for link in page.values("href") if link not in loads
    )
    assert "@import" not in source
    assert "url(" not in source


def test_page_forbids_scripts_and_outside_files_by_its_policy(page):
    policy = next(value for value in page.values("content") if "default-src" in value)

    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_links_within_the_page_have_a_target(page):
    targets = {link[1:] for link in page.values("href") if link.startswith("#")}

    assert targets <= set(page.values("id"))


def test_every_picture_has_a_text_alternative(page):
    drawings = page.tags.count("svg")
    labels = [
        value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"
    ]
    assert len(labels) == drawings
    assert all(labels)
    assert len(
        [1 for tag, name, _ in page.attributes if (tag, name) == ("img", "alt")]
    ) == page.tags.count("img")


def test_fifty_columns_and_a_year_stay_under_500_kb():
    source = reports.render(views.wide(columns=50, weeks=52))

    assert len(source.encode()) < 500_000
    assert "feature_039" in source


def test_a_page_of_hundreds_of_columns_names_them_all_and_says_what_it_leaves_out():
    page = Page(reports.render(views.wide(columns=300, weeks=12)))

    assert all(f"feature_{i:03d}" in page.text for i in range(290))
    assert "Evidence is drawn for the first 80 columns" in page.text


def test_what_is_new_leads():
    text = Page(reports.render(views.flights())).text

    assert "carrier and 3 more columns differ from the reference." in text
    assert text.index("4 columns that differ") < text.index("18 columns without a difference")
    assert "2 columns not judged" in text


def test_a_quiet_week_says_so():
    text = Page(reports.render(views.quiet())).text

    assert "Nothing changed in the 30 columns that are watched." in text
    assert "Nothing has differed in any of the 40 windows shown." in text
    assert "▲" not in text


def test_a_single_comparison_says_what_it_cannot_know():
    view = replace(known(), one_window=True, window_start=None, window_end=None)

    assert "ordinary variation between windows is not known" in reports.render(view)


def test_a_comparison_lists_as_alarms_only_what_its_columns_do_not_tell():
    accuracy = v.AlarmView(key="performance:accuracy", title="accuracy differs", subject="accuracy")
    view = replace(known(), one_window=True, window_start=None, window_end=None)
    without = Page(reports.render(view)).text
    found = Page(reports.render(replace(view, alarms=(accuracy, *view.alarms)))).text

    assert "Alarms" not in without
    assert "temp differs from the reference." in without
    assert "Alarms" in found
    assert "accuracy differs" in found
    assert "temp differs" not in found.split("Alarms")[1].replace("temp differs from", "")


@pytest.mark.parametrize("years", [math.nan, None])
def test_what_is_not_known_of_chance_is_not_said(years):
    view = known()
    columns = tuple(replace(column, once_in_years=years) for column in view.columns)

    assert "by chance" not in reports.mail(replace(view, columns=columns)).text


def test_a_derived_column_is_drawn_inside_of_its_parent():
    source = reports.render(pictures.fashion())

    assert Page(source).text.count("Made from embedding") == 1
    assert '<details class="child" open><summary>' in source


def test_an_estimate_is_told_from_a_measurement():
    text = Page(reports.render(views.flights())).text

    assert "estimated accuracy estimated, no labels" in text
    assert "accuracy measured" in text


def test_a_thumbnail_travels_inside_and_a_false_one_does_not():
    source = reports.render(
        replace(
            known(),
            queue=tuple(
                v.QueueCard(row_id="1", reason="random", image_png=content)
                for content in (b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n" + b"0" * 50_000)
            ),
        )
    )

    assert "<img" not in source
    assert reports.render(pictures.fashion()).count("data:image/png;base64,") == 20


def test_text_of_an_attack_is_shown_and_not_obeyed():
    source = reports.render(attacks.hostile())

    assert "<script>" not in source
    assert "&lt;script&gt;" in source
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", source
    )
    assert "7*7" in source


def test_a_view_with_nothing_in_it_still_makes_a_page():
    view = v.ReportView(monitor="empty", generated_at=START, version="0.0")
    page = Page(reports.render(view))

    assert page.wrong == []
    assert "There is no column to watch." in page.text


texts = st.text(st.characters(exclude_characters="`"), max_size=80)


@settings(deadline=None, max_examples=60)
@given(texts)
def test_no_text_changes_the_structure_of_the_page(text):
    """Whatever a column, a level or a row is called, the page has the same tags."""

    def page(word: str) -> Page:
        view = known()
        column = replace(
            view.columns[0],
            name=word,
            statement=word,
            sight=word,
            bins=v.Bins(labels=(word, "b"), reference=(0.6, 0.4), current=(0.6, 0.4)),
        )
        card = v.QueueCard(
            row_id=word, reason="random", prediction="p" + word, fields=((word, word),)
        )
        return Page(reports.render(replace(view, columns=(column, view.columns[1]), queue=(card,))))

    said, plain = page("x" + text), page("x")

    assert said.tags == plain.tags
    assert said.wrong == []


def _luminance(colour: str) -> float:
    full = colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
    channels = [int(full[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_in_both_themes(theme):
    css = (resources.files("reports") / "templates" / "page.css").read_text("utf-8")
    colours = dict(
        re.findall(r"--(\w+):(#[0-9a-f]{3,6})", css.split(":root{")[1 + theme].split("}")[0])
    )
    pairs = [
        (text, ground)
        for text in ("ink", "dim", "cur", "hot")
        for ground in ("bg", "paper", "soft")
    ]

    weak = {
        pair: round(_contrast(colours[pair[0]], colours[pair[1]]), 2)
        for pair in [*pairs, ("hot", "wash")]
        if _contrast(colours[pair[0]], colours[pair[1]]) < 4.5
    }
    assert weak == {}


def test_two_columns_of_one_name_keep_their_own_evidence():
    view = known()
    page = Page(reports.render(replace(view, columns=(*view.columns, view.columns[0]))))

    assert page.repeated_ids == []


def test_a_comparison_has_no_column_of_history():
    view = known()
    columns = tuple(replace(column, history=()) for column in view.columns)

    assert "columnheader" in reports.render(view)
    assert ">History</th>" in reports.render(view)
    assert ">History</th>" not in reports.render(replace(view, columns=columns, one_window=True))


def test_a_histogram_of_times_is_labelled_with_days():
    day = 86_400e6
    edges = tuple(1_704_067_200e6 + i * 30 * day for i in range(4))
    column = replace(known().columns[1], kind="datetime")
    column = replace(column, bins=replace(column.bins, edges=edges))

    assert "1 Jan 2024" in Page(reports.render(replace(known(), columns=(column,)))).text


def lingering() -> v.AlarmView:
    return v.AlarmView(
        key="column:kind",
        title="`kind` is not surely back",
        subject="`kind`",
        state="open",
        certain=False,
        closes_after=2,
        since=START,
        windows_open=3,
        columns=("kind",),
        what=("Like the reference: value 'a' went from 60.0 % to 60.2 % of the rows.",),
    )


def test_an_alarm_of_which_nothing_shows_any_more_says_so():
    calm = replace(known(), columns=(known().columns[0],), alarms=(lingering(),))
    text = Page(reports.render(calm)).text

    assert "kind was different since the week of 1 Jan 2024 and is not surely back." in text
    assert "In this window it cannot be told from the reference." in text
    assert "The alarm closes after 2 calm windows in a row." in text
    assert "Like the reference: value" not in text.split("Week by week")[0].split("Columns")[0]
    assert "▲" not in text
    assert reports.mail(calm).subject == "weather: `kind` is not surely back (week of 15 Jan)"


def test_what_differs_now_leads_before_what_is_not_surely_back():
    view = replace(known(), alarms=(lingering(), *known().alarms))

    assert "temp differs from the reference." in Page(reports.render(view)).text


def test_many_alarms_are_one_card_and_a_line_each():
    names = [f"score_{i}" for i in range(9)]
    columns = tuple(v.ColumnView(name=name, role="score", drifted=True) for name in names)
    alarms = tuple(
        v.AlarmView(
            key=f"column:{name}",
            title=f"`{name}` differs",
            subject=f"`{name}`",
            state="open",
            columns=(name,),
            what=(f"{name} moved.",),
            once_in_years=float(i + 2),
        )
        for i, name in enumerate(names)
    )
    accuracy = v.AlarmView(key="performance:accuracy", title="accuracy differs", subject="accuracy")
    view = replace(known(), columns=(*known().columns, *columns))
    page = Page(reports.render(replace(view, alarms=(*alarms, accuracy, *known().alarms))))

    assert page.tags.count("article") == 1
    assert "temp and 9 more columns differ from the reference, and so does accuracy." in page.text
    assert "9 scores of the model" in page.text
    assert "Most of all score_8" in page.text
    assert page.text.index("accuracy") < page.text.index("9 scores of the model")


def test_groups_beyond_the_first_are_folded_away_but_there():
    groups = tuple(
        v.BiasGroup(metric="accuracy", segment="carrier", group=f"G{i:02d}", n=90, value=0.5)
        for i in range(16)
    )
    source = reports.render(replace(known(), bias=groups))

    assert "11 more groups" in source
    assert all(f"G{i:02d}" in source for i in range(16))


def test_what_the_training_set_lacks_is_listed_with_its_shares():
    cell = v.LackingCell(name="class Bag", training=0.0, production=0.19, queue=0.74)
    text = Page(reports.render(replace(known(), lacking=(cell,), cells_compared=10))).text

    assert "What the training set lacks" in text
    assert "class Bag 0 % 19.0 % 74.0 %" in " ".join(
        text.replace("\N{NO-BREAK SPACE}", " ").split()
    )


def test_a_window_at_the_end_of_a_month_is_not_called_by_that_month():
    starts = [datetime(2013, 2, 25, tzinfo=UTC) + i * WEEK for i in range(20)]
    points = tuple(v.HistoryPoint(window_start=start, effect=0.1) for start in starts)
    column = replace(known().columns[1], history=points)
    source = reports.render(replace(known(), columns=(column,)))

    assert ">Mar</text>" in source
    assert ">Feb</text>" not in source


def test_a_line_over_time_has_a_unit_of_its_own():
    """The missing share may decide while the line shows where the mean is."""
    column = replace(
        known().columns[1], unit="share", gate=0.01, history_unit="sd", history_gate=0.05
    )
    source = reports.render(replace(known(), columns=(column,)))

    assert "Effect window by window, in reference sd" in source
    assert "the newest is +0.31\N{NO-BREAK SPACE}sd" in source
