from __future__ import annotations

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.labeling.csv import COLUMNS, neutral, plugin, restore
from monitor.labeling.items import Item
from monitor.labeling.spec import LabelSpec


def written(items):
    out = io.BytesIO()
    count = plugin().write(items, LabelSpec(), out)
    return out.getvalue(), count


def rows(items):
    content, _ = written(items)
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_an_item_is_one_row(item):
    [row] = rows([item()])

    assert tuple(row)[: len(COLUMNS)] == COLUMNS
    assert row["window"] == "2013-03-04T00:00:00+00:00/2013-03-11T00:00:00+00:00"
    assert (row["id"], row["score"], row["inclusion_probability"]) == ("17", "1.75", "0.02")
    assert (row["data.carrier"], row["data.temp"]) == ("UA", "31.5")


@pytest.mark.parametrize(
    "opening", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\ufeff=", "＝", "\x00="]
)
def test_formulas_are_neutralised_in_cells_and_headers(item, opening):
    formula = opening + "cmd|' /C calc'!A0"
    content, _ = written(
        [item(id=formula, reason_text=formula, model_version=formula, data={"x": formula})]
    )
    header, cells = csv.reader(io.StringIO(content.decode(), newline=""))

    for cell in header + cells:
        assert cell.lstrip(" \ufeff\x00")[:1] not in set("=+-@\t\r\n＝")
    assert [restore(cell) for cell in cells].count(formula) == 4


def test_a_header_with_a_formula_is_neutral(item):
    content, _ = written([item(data={"=1": 1})])

    # The prefix `data.` does it already; the name itself comes back.
    assert b"data.=1" in content.splitlines()[0]


@given(st.text())
def test_what_was_neutralised_comes_back(text):
    assert restore(neutral(text)) == text


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_stay_numbers(number):
    made = Item(
        id=number, monitor="m", window_start="a", window_end="b", reason="random",
        reason_text="x", score=1.0, inclusion_probability=None, data={"x": number},
    )  # fmt: skip
    [row] = rows([made])

    assert float(row["id"]) == float(row["data.x"]) == float(number)


def test_columns_are_the_union_over_all_items(item):
    first, second = rows([item(data={"a": 1}), item(data={"b": [1, {"c": None}]})])

    assert (first["data.a"], first["data.b"]) == ("1", "")
    assert (second["data.a"], second["data.b"]) == ("", '[1, {"c": null}]')


def test_a_row_that_names_its_column_like_ours_keeps_both(item):
    [row] = rows([item(data={"id": "x", "data.id": "y"})])

    assert (row["id"], row["data.id"], row["data.data.id"]) == ("17", "x", "y")


def test_gaps_are_empty_and_pandas_reads_them_so(item):
    content, _ = written([item(data={"temp": float("inf"), "hum": 3}), item(data={"temp": 2.5})])

    frame = pd.read_csv(io.BytesIO(content))

    assert frame["data.temp"].isna().tolist() == [True, False]
    assert frame["score"].dtype == float


def test_bytes_are_left_out_and_counted(item, png):
    content, count = written(
        [item(image=png, data={"raw": b"x", "n": 1}), item(data={"raw": b"y"})]
    )

    assert count.dropped_values == {"image": 1, "raw": 2}
    assert b"raw" not in content


def test_no_items_give_a_header():
    content, count = written([])

    assert content.decode().strip().split(",") == list(COLUMNS)
    assert count.written == 0


def test_line_breaks_stay_inside_their_cell(item):
    hostile = 'a"b,\r\nc\rd;=1'
    [row] = rows([item(data={"x": hostile})])

    assert row["data.x"] == hostile


def test_the_time_that_a_label_took_comes_back():
    source = io.BytesIO(b"id,label,lead_time\nr1,late,4.5\nr2,late,\n")

    returned = plugin().read(source, LabelSpec(classes=("late",)))

    assert [one.lead_time for one in returned.labels] == [4.5, None]
