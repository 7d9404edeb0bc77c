"""A break planted in one week of a monitor is alarmed in that week, and named."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import monitor
from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store

DEMO = Path(monitor.__file__).parent / "demo"
WEEK = Window(datetime(2013, 3, 4, tzinfo=UTC), datetime(2013, 3, 11, tzinfo=UTC))


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """The demo's flights with their reference learned already."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "data" / "flights").mkdir(parents=True)
    for month in (1, 2, 3):
        name = f"2013-{month:02d}.parquet"
        shutil.copy(DEMO / "data" / "flights" / name, folder / "data" / "flights" / name)
    text = (DEMO / "config.toml").read_text().split("# Photos of clothes")[0]
    (folder / "config.toml").write_text(text)
    config = load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        document = Pipeline(config, store).run(config.monitor("flights"), WEEK)
    assert document["alarms"] == []
    return folder


def broken_run(learned: Path, folder: Path, plant) -> tuple[str, dict]:
    shutil.copytree(learned, folder, dirs_exist_ok=True)
    place = folder / "data" / "flights" / "2013-03.parquet"
    table = pq.read_table(place)
    frame = table.to_pandas()
    inside = (frame["ts"] >= WEEK.start) & (frame["ts"] < WEEK.end)
    column = plant(frame, inside)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), place)
    config = load(folder / "config.toml")
    with Store.open(config.store.url) as store:
        return column, Pipeline(config, store).run(config.monitor("flights"), WEEK)


def half_nulled(frame: pd.DataFrame, inside: pd.Series) -> str:
    frame.loc[inside & (np.arange(len(frame)) % 2 == 0), "humid"] = np.nan
    return "humid"


def thousandfold(frame: pd.DataFrame, inside: pd.Series) -> str:
    frame.loc[inside, "distance"] *= 1000
    return "distance"


def renamed(frame: pd.DataFrame, inside: pd.Series) -> str:
    frame["carrier"] = frame["carrier"].astype(object)
    frame.loc[inside & (frame["carrier"] == "UA"), "carrier"] = "United"
    return "carrier"


def rule_broken(frame: pd.DataFrame, inside: pd.Series) -> str:
    frame["origin"] = frame["origin"].astype(object)
    frame.loc[inside & (np.arange(len(frame)) % 100 == 0), "origin"] = "XXX"
    return "origin"


@pytest.mark.parametrize("plant", [half_nulled, thousandfold, renamed, rule_broken])
def test_it_is_alarmed_in_its_first_window(learned, tmp_path, plant):
    column, document = broken_run(learned, tmp_path, plant)

    named = {document["findings"][i]["column"] for a in document["alarms"] for i in a["findings"]}
    assert named == {column}
    assert {alarm["state"] for alarm in document["alarms"]} == {"opened"}
