"""What `init` writes loads and runs, whatever the data are called."""

from __future__ import annotations

import os
import tomllib
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from pyarrow import csv

from monitor.config import load, toml
from monitor.config.init import init_config, monitor_name
from monitor.pipeline import Pipeline
from monitor.store.store import Store

START = datetime(2024, 1, 1, tzinfo=UTC)
HOSTILE = [
    'x"\n[[alerts]]\nkind = "apprise"',
    "${HOME}",
    "$${HOME}",
    "a.b = 1 # c",
    "\x7f\x01\u202e\u2028'''",
    "😀 " * 100,
    "file:/etc/passwd",
]


def table(rows: int, hours: float, **more) -> pa.Table:
    rng = np.random.default_rng(3)
    times = [START + timedelta(hours=hours * i) for i in range(rows)]
    columns = {
        "id": np.arange(rows),
        "created_at": pa.array(times, pa.timestamp("us", "UTC")),
        "amount": rng.exponential(10, rows),
        "status": rng.choice(["new", "paid", "lost"], rows),
        "balance": rng.normal(size=rows),
        **more,
    }
    return pa.table(columns)


def written(path, base):
    config = base / "config.toml"
    config.write_text(init_config(str(path), base=base), encoding="utf-8")
    return load(config)


@pytest.mark.parametrize(
    ("rows", "hours", "window", "windows"),
    [
        (20_000, 0.5, "7d", 14),  # 59 weeks
        (5_000, 0.2, "1d", 10),  # 41 days
        (3_000, 12, "7d", 12),  # 214 weeks, 14 rows each: months are better, see below
        (20_000, 0.002, "1h", 9),  # 39 whole hours
    ],
)
def test_the_window_is_chosen_from_the_time_that_the_data_cover(
    rows, hours, window, windows, tmp_path
):
    pq.write_table(table(rows, hours), tmp_path / "t.parquet")

    monitor = written(tmp_path / "t.parquet", tmp_path).monitors[0]
    reference = monitor.reference_window

    if rows == 3_000:
        window, windows = "1mo", 12
    assert monitor.window == window
    assert len(list(monitor.cadence.tile(reference.start, reference.end))) == windows
    assert monitor.cadence.window(reference.start).start == reference.start
    assert monitor.schedule is not None


def test_without_enough_time_the_rows_are_their_own_reference_in_blocks(tmp_path):
    csv.write_csv(table(500, 0.001), tmp_path / "t.csv")

    monitor = written(tmp_path / "t.csv", tmp_path).monitors[0]

    assert monitor.reference.blocks == 8
    assert monitor.reference.options.path == ("t.csv",)
    assert monitor.columns.timestamp is None


def test_rules_hold_in_the_data_that_they_come_from(tmp_path):
    more = {"gap": [None, 1.0] * 500, "code": [f"c{i % 3}" for i in range(999)] + ["rare"]}
    pq.write_table(table(1000, 6, **more), tmp_path / "t.parquet")

    rules = {
        rule.column: rule for rule in written(tmp_path / "t.parquet", tmp_path).monitors[0].rules
    }

    assert rules["id"].unique
    assert (rules["amount"].min, rules["amount"].not_null) == (0, True)
    assert rules["balance"].min is None
    assert rules["status"].values == ("lost", "new", "paid")
    assert rules["code"].values is None  # a level seen once: the set may not be complete
    assert not rules["gap"].not_null
    assert all(rule.max_share > 0 for rule in rules.values())


def test_times_since_1970_and_odd_texts_get_their_option(tmp_path):
    seconds = pa.table({"ts": [1_700_000_000 + i * 3600 for i in range(3000)], "x": range(3000)})
    pq.write_table(seconds, tmp_path / "a.parquet")
    days = [f"{START + timedelta(hours=i):%d.%m.%Y %H:%M}" for i in range(3000)]
    csv.write_csv(pa.table({"date": days, "x": range(3000)}), tmp_path / "b.csv")

    numbers = written(tmp_path / "a.parquet", tmp_path).monitors[0]
    texts = written(tmp_path / "b.csv", tmp_path).monitors[0]

    assert numbers.source.options.timestamp_unit == "s"
    assert texts.source.options.timestamp_format == "%d.%m.%Y %H:%M"
    assert numbers.reference_window is not None
    assert texts.reference_window is not None


def test_hostile_names_and_values_stay_data(tmp_path):
    rng = np.random.default_rng(1)
    columns = {name: rng.choice(HOSTILE, 1000) for name in HOSTILE}
    pq.write_table(table(1000, 6, **columns), tmp_path / "t.parquet")

    config = written(tmp_path / "t.parquet", tmp_path)

    rules = {rule.column: rule for rule in config.monitors[0].rules}
    assert [alert.kind for alert in config.alerts] == ["mail"]
    assert len(config.monitors) == 1
    assert set(HOSTILE) <= set(rules)
    assert rules[HOSTILE[0]].values == tuple(sorted(HOSTILE))


@pytest.mark.parametrize("folder", ["with space", "ä ${HOME}", 'quo"te'])
def test_paths_are_relative_to_the_config(folder, tmp_path):
    (tmp_path / folder).mkdir()
    pq.write_table(table(500, 6), tmp_path / folder / "t.parquet")
    (tmp_path / "elsewhere").mkdir()

    inside = written(tmp_path / folder / "t.parquet", tmp_path).monitors[0].source.options
    outside = written(tmp_path / folder / "t.parquet", tmp_path / "elsewhere").monitors[0]

    assert inside.path == (f"{folder}/t.parquet",)
    assert outside.source.options.path == (str(tmp_path / folder / "t.parquet"),)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/flights.csv.gz", "flights"),
        ("data/weekly/*.parquet", "weekly"),
        ("s3://bucket/prod/", "prod"),
        ("https://example.com/a/t.csv?token=x", "t"),
        ("*.csv", "monitor"),
        ("/x/größe & co.parquet", "gr-e-co"),
    ],
)
def test_a_monitor_is_named_after_its_data(path, name):
    assert monitor_name(path) == name


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_comes_back_from_toml(value):
    document = f"key = {toml.text(value)} {toml.comment(value)}\n{toml.quoted(value)} = 1\n"

    found = tomllib.loads(document)

    plain = value.encode("utf-8", "replace").decode("utf-8")
    assert list(found)[1:] == ([plain] if plain != "key" else [])
    assert found["key"].replace("$${", "${") == plain.replace("$${", "${")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(["$", "{", "}", "HOME", "x"]), max_size=12).map("".join))
def test_dollars_come_back_through_a_config(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("c")
    (folder / "config.toml").write_text(
        f'[[monitors]]\nname = "m"\nrecipients = [{toml.text(value)}]\n'
        '[monitors.source]\nkind = "files"\npath = "x"\n'
    )

    assert load(folder / "config.toml").monitors[0].recipients == (value,)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_what_init_writes_runs_and_finds_nothing_in_clean_data(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clean = table(12_000, 0.1, **{HOSTILE[0]: ["a", "b", "c"] * 4_000})
    if name == "t.csv":
        csv.write_csv(clean, name)
    else:
        pq.write_table(clean, name)
    config = written(name, tmp_path)

    with Store.open(config.store.url, upgrade=True) as store:
        document = Pipeline(config, store).run(config.monitors[0])

    assert os.fspath(tmp_path) in config.store.url
    assert document["rows"]["current"] > 100
    assert document["alarms"] == []
    broken = [f["message"] for f in document["findings"] if f["drifted"]]
    assert broken == []
