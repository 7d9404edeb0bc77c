"""A deployed model is marked, then compared with its own first windows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store

CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-15
[monitors.columns]
timestamp = "ts"
id = "id"
label = "y"
prediction = "p"
score = "s"
model_version = "model"
[monitors.queue]
budget = 1
"""
START = datetime(2024, 1, 1, tzinfo=UTC)
DEPLOYED, BROKEN, LAST = 15, 23, 24


def write_day(folder: Path, day: int) -> None:
    """The new model's scores are squeezed into the middle; from `BROKEN` on they are high."""
    rng, rows = np.random.default_rng(day), 600
    truth, new = rng.random(rows), day >= DEPLOYED
    score = 0.4 + 0.2 * truth if new else truth
    if day >= BROKEN:
        score = score + 0.15
    micros = np.sort(rng.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    start = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
    table = pa.table(
        {
            "id": [f"{day}-{n}" for n in range(rows)],
            "ts": pa.array(start + micros, pa.timestamp("us", tz="UTC")),
            "x": rng.normal(size=rows),
            "model": ["v2" if new else "v1"] * rows,
            "s": score,
            "p": score > 0.5,
            "y": rng.random(rows) < truth,
        }
    )
    (folder / "days").mkdir(exist_ok=True)
    pq.write_table(table, folder / "days" / f"{day:03d}.parquet")


def window(day: int) -> Window:
    return Window(START + timedelta(days=day), START + timedelta(days=day + 1))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    for day in range(LAST):
        write_day(folder, day)
    (folder / "config.toml").write_text(CONFIG)
    config = load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        start = window(DEPLOYED - 1).start
        shop = config.monitor("shop")
        documents = list(pipeline.backfill(shop, start, window(LAST - 1).end))
        yield pipeline, dict(zip(range(DEPLOYED - 1, LAST), documents, strict=True))


def told(document) -> str:
    return next(
        finding["message"]
        for finding in document["findings"]
        if finding["check"] == "quality.model_version"
    )


def test_a_deployment_is_no_alarm(ran):
    _, documents = ran

    assert {day for day, one in documents.items() if one["alarms"]} == {BROKEN}


def test_the_new_model_is_judged_when_it_has_six_windows_of_its_own(ran):
    _, documents = ran

    assert "it has 0 so far" in told(documents[DEPLOYED])
    assert "it has 5 so far" in told(documents[DEPLOYED + 5])
    assert "with its own first 6 windows" in told(documents[DEPLOYED + 6])


def test_its_scores_are_compared_with_its_own_first_ones(ran):
    _, documents = ran
    alarms = {alarm["key"]: alarm for alarm in documents[BROKEN]["alarms"]}

    assert {"column:s", "column:p"} <= set(alarms)
    shares = {
        finding["column"]: finding["n_reference"]
        for finding in documents[BROKEN]["findings"]
        if finding["check"] == "drift.numeric" and finding["threshold"] is not None
    }
    assert shares["s"] == 600 * (BROKEN - DEPLOYED)
    assert shares["x"] == 600 * 14


def test_the_report_marks_the_day_of_the_deployment(ran):
    pipeline, _ = ran
    view, _ = pipeline.redraw(pipeline.config.monitor("shop"), window(BROKEN))

    assert [(mark.at, mark.label) for mark in view.marks] == [
        (window(DEPLOYED).start, "model v2 deployed")
    ]


def test_a_version_that_the_reference_knows_ends_it(ran):
    pipeline, _ = ran
    runs = pipeline.store.runs
    found = runs.profiles_of_model(
        "shop", "v1", reference_version=1, before=window(DEPLOYED), limit=9
    )

    assert [one for one, _ in found] == [window(DEPLOYED - 1)]
