"""The first look at data: gaps, noise, duplicates, files that disagree; likely roles."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config.datamap import data_map
from monitor.sources.files import Files
from monitor.sources.frame import Frame

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 1000
RNG = np.random.default_rng(5)
DEMO = Path(__file__).parents[2] / "monitor" / "demo" / "data"


def look(**columns):
    return data_map(Frame({name: pa.array(values) for name, values in columns.items()}))


def files(path) -> Files:
    return Files(Files.Options(path=str(path)))


def repeated(*values, rows=ROWS):
    return [values[i % len(values)] for i in range(rows)]


def noise_of(values) -> str:
    return "; ".join(look(x=values).column("x").noise)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (repeated("JFK", "LGA", " JFK"), ["blanks around 33 %", "written in several ways"]),
        (repeated("New York", "new-york", "Boston"), ["1 levels are written in several ways"]),
        (repeated("a", "b", "N/A"), ["'N/A' in 33 %", "may mean that there is none"]),
        (repeated("a", "b", ""), ["empty text in 33 %"]),
        (repeated("1", "2.5", "abc"), ["numbers (67 %) and text mixed, such as 'abc'"]),
        (repeated("1", "2", "17"), ["numbers stored as text"]),
        (repeated("2024-01-02", "02.01.2024"), ["dates in 2 formats"]),
        (repeated("München".encode().decode("cp1252"), "Bonn \ufffd"), ["decoded wrongly"]),
        (repeated("a"), ["one value only: 'a'"]),
        ([None] * 50, ["no value at all"]),
        ([*RNG.normal(50, 5, ROWS), *[-999.0] * 20], ["-999 in 2.0 % of the values"]),
        ([*RNG.uniform(0, 90, ROWS), *[9999.0] * 20], ["9999 in 2.0 % of the values"]),
        ([*RNG.exponential(9, ROWS), *[-1.0] * 20], ["-1 in 2.0 % of the values"]),
        ([*RNG.normal(size=ROWS), float("inf")], ["infinite in under 0.1 %"]),
    ],
)
def test_noise_is_named(values, words):
    found = noise_of(values)

    for word in words:
        assert word in found


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=ROWS),
        RNG.integers(0, 200, ROWS),  # 99 is a number like any other
        np.arange(-1000, 1000),
        RNG.lognormal(3, 2, ROWS).round(),
        repeated("a", "b", "c"),
        [f"user {i}" for i in range(ROWS)],
        [True, False] * 50,
        [START + timedelta(days=i) for i in range(50)],
        [[1.0, 2.0, 3.0, 4.0]] * 50,
        [b"\x00\xff"] * 50,
        [{"a": 1}] * 50,
    ],
)
def test_clean_columns_have_none(values):
    assert noise_of(values) == ""


def test_gaps_levels_and_duplicates_are_counted():
    found = look(
        x=[1.0, None, float("nan"), 4.0], c=["a", "a", "b", None], n=pa.nulls(4), d=[1, 1, 1, 1]
    )

    assert found.column("x").missing == 0.5
    assert (found.column("x").minimum, found.column("x").maximum) == (1.0, 4.0)
    assert found.column("c").top == (("a", pytest.approx(2 / 3)), ("b", pytest.approx(1 / 3)))
    assert found.column("n").missing == 1.0
    assert found.duplicates == 0.0
    assert look(x=[1, 1, 2, 2], y=["a", "a", "b", "c"]).duplicates == 0.25


def test_files_that_disagree_are_noted(tmp_path):
    pq.write_table(pa.table({"x": [1, 2], "y": [1, 2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["a", "b"]}), tmp_path / "b.parquet")

    kinds = {note.kind for note in data_map(files(tmp_path)).notes}

    assert kinds == {"type_differs", "column_missing_in_file"}


def test_roles_of_the_flights_demo():
    found = data_map(files(DEMO / "flights" / "*.parquet"))

    roles = found.roles
    assert (roles.timestamp, roles.id, roles.label) == ("ts", "id", "late15")
    assert (roles.prediction, roles.scores, roles.model_version) == ("pred", ("score",), "model")
    assert roles.segments == ("carrier", "origin")
    assert dict(found.balance).keys() == {"true", "false"}
    assert found.extent.start.year == 2013
    assert all(guess.reason for guess in found.guesses)


def test_roles_of_the_fashion_demo():
    roles = data_map(files(DEMO / "fashion" / "weeks")).roles

    assert roles.images == ("image",)
    assert roles.embeddings == ("embedding",)
    assert len(roles.scores) == 9
    assert roles.scores[0] == "score_ankle_boot"


def test_names_alone_do_not_make_a_role():
    roles = look(
        id=[1.5, 2.5] * 100,  # no id: repeated, and no whole numbers
        timestamp=[3, 4] * 100,  # no times since 1970
        score=[-5.0, 7.0, 6.0, 2.0] * 50,  # not within 0 and 1
        label=[f"text number {i}, which nobody would call a class" for i in range(200)],
        country=[f"c{i}" for i in range(200)],  # as many groups as rows
    ).roles

    assert (roles.id, roles.timestamp, roles.scores) == (None, None, ())
    assert (roles.label, roles.segments) == (None, ())


def test_ids_times_and_labels_are_found_by_content_too():
    rows = range(300)
    found = look(
        Key2=[str(uuid.UUID(int=i * 7919)) for i in rows],
        eventTime=[1_700_000_000_000 + i * 60_000 for i in rows],
        churned=repeated("yes", "no", rows=300),
        churned_pred=repeated("no", "yes", "yes", rows=300),
        comment=[f"the parcel number {i} came late and was open" for i in rows],
    )

    assert found.roles.id == "Key2"
    assert found.roles.timestamp == "eventTime"
    assert found.guesses[0].timestamp_unit == "ms"
    assert found.roles.label == "churned"
    assert found.roles.texts == ("comment",)


def test_times_of_another_form_are_found_when_the_form_is_sure():
    sure = look(date=[f"{i % 28 + 1:02}.01.2024" for i in range(300)])
    unsure = look(date=[f"0{i % 9 + 1}/0{i % 9 + 1}/2024" for i in range(300)])

    assert sure.guesses[0].timestamp_format == "%d.%m.%Y"
    assert unsure.roles.timestamp is None


def test_a_map_is_json():
    found = data_map(files(DEMO / "flights" / "2013-01.parquet"))

    assert json.loads(json.dumps(found.to_dict(), default=str))["columns"][0]["name"] == "id"


def test_real_data_of_every_kind_are_mapped(real_data):
    for path in sorted(real_data.glob("*.parquet")):
        found = data_map(files(path), rows=2_000)

        assert len(found.columns) == len(pq.read_schema(path).names)
    acs = data_map(files(real_data / "acs_employment_ma_2015_2018.parquet"), rows=5_000)
    assert (acs.roles.label, acs.roles.prediction) == ("employed", "prediction")
    assert acs.roles.segments == ("sex", "race")
