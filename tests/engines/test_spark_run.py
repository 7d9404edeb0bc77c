"""Whole runs of the demo's flights on Spark: the same document as on one machine."""

from __future__ import annotations

import datetime as dt
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from monitor import demo
from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store
from tests import contract

pytestmark = pytest.mark.service

DATA = Path(demo.__file__).parent
WEEKS = [
    Window(start, start + dt.timedelta(days=7))
    for start in (dt.datetime(2013, 3, 4, tzinfo=dt.UTC), dt.datetime(2013, 7, 1, tzinfo=dt.UTC))
]


def documents(folder: Path, engine: str) -> list[dict[str, Any]]:
    """Two weeks of the demo's flights, run by an engine."""
    folder.mkdir()
    shutil.copytree(DATA / "data" / "flights", folder / "data" / "flights")
    whole = (DATA / "config.toml").read_text()
    flights = whole[: whole.index('[[monitors]]\nname = "fashion"')]
    config = folder / "config.toml"
    config.write_text(flights.replace('window = "7d"\n', f'window = "7d"\n{engine}\n', 1))
    loaded = load(config)
    with Store.open(loaded.store.url, upgrade=True) as store:
        pipeline = Pipeline(loaded, store, clock=lambda: dt.datetime(2014, 1, 2, tzinfo=dt.UTC))
        return [pipeline.run(loaded.monitor("flights"), week) for week in WEEKS]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return documents(tmp_path_factory.mktemp("local") / "flights", 'engine = "local"')


def same(left: Any, right: Any, rel: float) -> bool:
    """Equal, floats to `rel`."""
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k], rel) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right, [rel] * len(left)))
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=rel, abs_tol=rel)
    return bool(left == right)


def bare(document: dict[str, Any]) -> dict[str, Any]:
    """Without the folder that it lies in."""
    return {**contract.check(document), "report": None}


def test_the_document_of_a_run_is_that_of_the_local_engine(spark, alone, tmp_path):
    found = documents(tmp_path / "flights", 'engine = "spark"')

    for document, wanted in zip(found, alone, strict=True):
        assert document["rows"]["current"] > 500
        assert len(document["findings"]) > 100
        assert same(bare(document), bare(wanted), 1e-9)


def test_shares_change_only_what_blocks_of_rows_tell(spark, alone, tmp_path):
    """Design effects come from blocks of consecutive rows, and those end where a share ends."""
    options = 'engine = "spark"\nengine_options = { partitions = 3 }'
    found = documents(tmp_path / "flights", options)

    for document, wanted in zip(found, alone, strict=True):
        assert document["rows"] == wanted["rows"]
        assert document["queue"] == wanted["queue"]
        assert document["columns"] == wanted["columns"]
        for finding, other in zip(document["findings"], wanted["findings"], strict=True):
            for key in ("check", "column", "segment", "statistic", "rows", "n_current", "drifted"):
                assert finding[key] == other[key]
            assert same(finding["p_value"] or 0.0, other["p_value"] or 0.0, 0.01)
            # What chance explains is subtracted from it: near zero much of it is design effect.
            if not finding["statistic"].endswith("_between_group_sd"):
                assert same(finding["value"], other["value"], 1e-6)
