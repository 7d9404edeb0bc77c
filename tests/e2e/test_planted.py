"""A planted break is found at once, and named; the same rows again are no break."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import monitor
from monitor.api import Comparison

FLIGHTS = Path(monitor.__file__).parent / "demo" / "data" / "flights"
ROLES = {
    "id": "id",
    "timestamp": "ts",
    "label": "late15",
    "prediction": "pred",
    "score": "score",
    "model_version": "model",
    "segment": ["carrier", "origin"],
}


@pytest.fixture(scope="module")
def halves() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two random halves of two months: what differs between them is chance."""
    frame = pd.concat(
        [pq.read_table(FLIGHTS / f"2013-0{month}.parquet").to_pandas() for month in (1, 2)]
    )
    first = np.random.default_rng(5).random(len(frame)) < 0.5
    return frame[first].reset_index(drop=True), frame[~first].reset_index(drop=True)


def drifted(found: Comparison) -> set[str]:
    return set(found.drifted)


def compare(reference: pd.DataFrame, current: pd.DataFrame) -> Comparison:
    return monitor.compare(reference, current, **ROLES)


def test_a_table_does_not_differ_from_itself(halves):
    assert compare(halves[0], halves[0]).alarms == ()


def test_two_halves_of_the_same_rows_do_not_differ(halves):
    assert compare(*halves).alarms == ()


def half_nulled(frame: pd.DataFrame) -> str:
    frame.loc[frame.index % 2 == 0, "temp"] = np.nan
    return "temp"


def thousandfold(frame: pd.DataFrame) -> str:
    frame["distance"] = frame["distance"] * 1000
    return "distance"


def renamed(frame: pd.DataFrame) -> str:
    frame["carrier"] = frame["carrier"].replace({"UA": "United"})
    return "carrier"


def rare_level(frame: pd.DataFrame) -> str:
    frame.loc[frame.index % 50 == 0, "origin"] = "XXX"
    return "origin"


def constant(frame: pd.DataFrame) -> str:
    frame["humid"] = 50.0
    return "humid"


def as_text(frame: pd.DataFrame) -> str:
    frame["distance"] = frame["distance"].astype(str) + " miles"
    return "distance"


@pytest.mark.parametrize(
    "plant", [half_nulled, thousandfold, renamed, rare_level, constant, as_text]
)
def test_a_planted_break_is_named(halves, plant):
    broken = halves[1].copy()
    column = plant(broken)

    found = compare(halves[0], broken)

    assert drifted(found) == {column}
    assert f"column:{column}" in {alarm.key for alarm in found.alarms}


def test_a_shuffled_label_shows_in_performance_and_nowhere_else(halves):
    broken = halves[1].copy()
    # All labels of the late flights go to others: the balance stays, the meaning is lost.
    broken["late15"] = broken["late15"].sample(frac=1, random_state=1).to_numpy()

    found = compare(halves[0], broken)

    checks = {finding.check.split(".")[0] for finding in found.findings if finding.drifted}
    assert "late15" in drifted(found)
    assert "performance" in checks
    assert checks <= {"performance", "bias"}


def test_a_column_that_is_gone_is_an_event_of_the_schema(halves):
    found = compare(halves[0], halves[1].drop(columns=["pressure"]))

    assert [alarm.key for alarm in found.alarms] == ["schema"]
    assert "pressure" in found.alarms[0].title


def test_another_model_is_marked_and_no_drift(halves):
    deployed = halves[1].copy()
    deployed["model"] = "late15-2014.01"
    deployed["pred"] = ~deployed["pred"].astype(bool)
    deployed["score"] = 1 - deployed["score"]

    found = compare(halves[0], deployed)

    assert found.alarms == ()
    assert any("late15-2014.01" in finding.message for finding in found.findings)


def test_few_rows_are_no_verdict(halves):
    found = compare(halves[0], halves[1].head(8).assign(distance=1e9))

    assert not [f for f in found.findings if f.drifted and f.check.startswith("drift.")]
    assert any("needed" in finding.message for finding in found.findings)


def test_frames_of_three_libraries_give_the_same_document(halves):
    polars = pytest.importorskip("polars")
    tables = [pa.Table.from_pandas(half, preserve_index=False) for half in halves]

    documents = [
        monitor.compare(*tables, **ROLES).to_dict(),
        monitor.compare(*[polars.from_arrow(table) for table in tables], **ROLES).to_dict(),
        compare(*halves).to_dict(),
    ]

    values = [
        [(f["check"], f["column"], f["statistic"], f["value"]) for f in document["findings"]]
        for document in documents
    ]
    assert values[0] == values[1]
    assert len(values[0]) == pytest.approx(len(values[2]), rel=0.05)


def test_a_comparison_shows_itself(halves, tmp_path):
    found = compare(*halves)

    frame = found.to_pandas()
    assert len(frame) == len(found.findings)
    assert {"check", "column", "drifted", "message"} <= set(frame.columns)
    assert "<" in found._repr_html_()
    page = found.save_html(tmp_path / "out.html").read_text()
    assert page.lower().startswith("<!doctype html>")
