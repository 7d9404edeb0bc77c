"""Make the data of `driftloop demo`: `python scripts/make_demo_data.py [--source DIR]`.

Reads `flights_nyc_2013.parquet` (CC0) and `images_fashion_stream.parquet` (MIT), trains the two
models whose predictions are monitored, and writes small samples into `monitor/demo/data/`.
Nothing is random: rows are drawn by a hash of their id, models have fixed seeds. docs/demo-data.md
describes every file and column.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "monitor" / "demo" / "data"
TRUTH = ROOT / "tests" / "demo" / "fashion_truth.parquet"
SEED = 2013

FLIGHTS_A_WEEK = 1_000
TRAINED_UNTIL = pd.Timestamp("2013-03-01", tz="UTC")
CATEGORIES = ["carrier", "origin", "dest"]
WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure"]
FEATURES = [*CATEGORIES, "distance", "sched_dep_min", "sched_arr_min", "weekday", *WEATHER, "visib"]

REFERENCE_IMAGES = 2_100
IMAGES_A_WEEK = 300
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)

Floats = npt.NDArray[np.float64]


def main() -> None:
    """Write all files anew and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("DRIFTLOOP_TEST_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("--source", type=Path, default=Path(default), help="folder of the data")
    source = parser.parse_args().source
    for name, make in (("flights", make_flights), ("fashion", make_fashion)):
        shutil.rmtree(TARGET / name, ignore_errors=True)
        (TARGET / name).mkdir(parents=True)
        make(source, TARGET / name)
    files = sorted(TARGET.rglob("*.parquet"))
    for file in files:
        print(f"{file.stat().st_size:>9,}  {file.relative_to(TARGET)}")
    print(f"{sum(file.stat().st_size for file in files):>9,}  bytes together")


def order_by_hash(ids: npt.NDArray[np.int64]) -> Floats:
    """A number in [0, 1) for each id, as good as random and the same on every machine."""
    digests = (hashlib.blake2b(f"{SEED}:{i}".encode(), digest_size=8).digest() for i in ids)
    return np.array([int.from_bytes(digest) / 2**64 for digest in digests])


# Flights ----------------------------------------------------------------------------------------


def make_flights(source: Path, target: Path) -> None:
    """One file a month of scored flights, as a nightly job would leave them."""
    table = pq.read_table(source / "flights_nyc_2013.parquet")
    origin = json.loads(table.schema.metadata[b"dataset"])
    rows = table.to_pandas()
    rows["score"] = scored_flights(rows).round(4)
    threshold = flag_threshold(rows)
    rows["pred"] = rows["score"] >= threshold
    rows["model"] = "late15-2013.03"
    share = FLIGHTS_A_WEEK / (len(rows) / (365 / 7))
    sample = rows[order_by_hash(rows["id"].to_numpy()) < share].sort_values(["ts", "id"])
    note = {
        "origin": f"{origin['origin']}, simple random sample of {share:.1%} of the rows by id",
        "licence": origin["licence"],
        "model": "HistGradientBoostingClassifier for late15, trained on rows before 2013-03-01; "
        "scores of those rows are cross-fitted over days",
        "threshold": threshold,
    }
    for month, part in sample.groupby(pd.to_datetime(sample["flight_date"]).dt.strftime("%Y-%m")):
        write(flights_table(part), target / f"{month}.parquet", note)


def scored_flights(rows: pd.DataFrame) -> pd.Series[float]:
    """Probability of 15 minutes or more of delay, by a model that has seen January and February.

    The rows it was trained on get the score of a model that has not seen their *day*: flights of
    one day share weather and congestion, so folds over rows would flatter the reference.
    """
    features = rows[FEATURES].astype(dict.fromkeys(CATEGORIES, "category"))
    before = rows["ts"] < TRAINED_UNTIL
    known = before & rows["late15"].notna()
    label = rows.loc[known, "late15"].astype(bool)
    model = HistGradientBoostingClassifier(
        categorical_features="from_dtype",
        learning_rate=0.05,
        max_iter=150,
        max_leaf_nodes=15,
        min_samples_leaf=200,
        l2_regularization=10.0,
        random_state=SEED,
    )
    folds = GroupKFold(n_splits=5, shuffle=True, random_state=SEED)
    days = rows.loc[known, "flight_date"].astype(str)
    fitted = model.fit(features[known], label)
    score = pd.Series(fitted.predict_proba(features)[:, 1], index=rows.index)
    score[known] = cross_val_predict(
        model, features[known], label, groups=days, cv=folds, method="predict_proba"
    )[:, 1]
    return score


def flag_threshold(rows: pd.DataFrame) -> float:
    """The score above which as many reference flights are flagged as were late."""
    reference = rows[(rows["ts"] < TRAINED_UNTIL) & rows["late15"].notna()]
    late = reference["late15"].astype(float).mean()
    return float(reference["score"].quantile(1 - late).round(4))


def flights_table(rows: pd.DataFrame) -> pa.Table:
    """The columns that are shipped, in their smallest honest types."""
    schema = pa.schema(
        [("id", pa.int32()), ("ts", pa.timestamp("us", tz="UTC"))]
        + [(name, pa.string()) for name in CATEGORIES]
        + [("distance", pa.int32()), ("sched_dep_min", pa.int16()), ("sched_arr_min", pa.int16())]
        + [("weekday", pa.int8())]
        + [(name, pa.float32()) for name in [*WEATHER, "visib"]]
        + [("late15", pa.bool_()), ("pred", pa.bool_()), ("score", pa.float32())]
        + [("model", pa.string())]
    )
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False)


# Fashion ----------------------------------------------------------------------------------------


def make_fashion(source: Path, target: Path) -> None:
    """The reference, one file a week of images, the labels; for tests, what was done to them."""
    table = pq.read_table(source / "images_fashion_stream.parquet")
    origin = json.loads(table.schema.metadata[b"dataset"])
    rows = table.to_pandas()
    rows["draw"] = order_by_hash(rows["id"].to_numpy())
    rows["place"] = rows.groupby("week")["draw"].rank().astype(int) - 1
    chosen = rows["place"] < np.where(rows["week"] == 0, REFERENCE_IMAGES, IMAGES_A_WEEK)
    model, classes = fashion_model(rows[(rows["week"] == 0) & ~chosen])
    sample = rows[chosen].sort_values(["week", "place"], ignore_index=True)
    note = {
        "origin": f"Fashion-MNIST, {origin['origin']}; weeks and corruptions are made",
        "licence": origin["licence"],
        "embedding": origin["embedding"],
        "model": "logistic regression on the embedding, trained on 3,900 week-0 rows that are "
        "not shipped",
        "classes": classes,
    }
    for week, part in sample.groupby("week"):
        name = "reference" if week == 0 else f"weeks/{part['week_start'].iloc[0]}"
        write(fashion_table(part, model, classes), target / f"{name}.parquet", note)
    labels = pa.table({"id": ints(sample["id"]), "label": strings(sample["label_name"])})
    write(labels, target / "labels.parquet", note)
    truth = pa.table({"id": ints(sample["id"]), "corruption": strings(sample["corruption"])})
    write(truth, TRUTH, note)


def fashion_model(rows: pd.DataFrame) -> tuple[Any, list[str]]:
    """A classifier and its classes, trained on rows that appear nowhere else in the demo."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    model.fit(np.stack(list(rows["embedding"])), rows["label_name"])
    return model, [str(name) for name in model.classes_]


def fashion_table(rows: pd.DataFrame, model: Any, classes: Sequence[str]) -> pa.Table:
    """Images, embeddings and predictions of one week, in the order of their made-up times."""
    embedding = np.stack(list(rows["embedding"])).astype(np.float16)
    score = model.predict_proba(embedding.astype(np.float32))
    columns: dict[str, pa.Array] = {
        "id": ints(rows["id"]),
        "ts": times(int(rows["week"].iloc[0]), len(rows)),
        "image": pa.array([png(pixels) for pixels in rows["pixels"]], pa.binary()),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embedding.ravel()), 64),
        "pred": strings(np.asarray(classes)[score.argmax(axis=1)]),
    }
    for name, column in zip(classes, score.T, strict=True):
        columns[score_column(name)] = pa.array(column.round(4).astype(np.float32))
    columns["model"] = strings(["fashion-logreg-1"] * len(rows))
    return pa.table(columns)


def score_column(label: str) -> str:
    """`score_ankle_boot` for "Ankle boot"."""
    return "score_" + "".join(c if c.isalnum() else "_" for c in label.lower())


def times(week: int, n: int) -> pa.Array:
    """`n` times spread evenly over a week."""
    start = MONDAY + timedelta(weeks=week)
    step = timedelta(weeks=1) / n
    return pa.array([start + step * i for i in range(n)], pa.timestamp("us", tz="UTC"))


def png(pixels: bytes) -> bytes:
    """A 28 × 28 grey thumbnail."""
    stream = io.BytesIO()
    Image.frombytes("L", (28, 28), pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()


# Parquet ----------------------------------------------------------------------------------------


def ints(values: Any) -> pa.Array:
    """An int32 column."""
    return pa.array(np.asarray(values), pa.int32())


def strings(values: Any) -> pa.Array:
    """A string column."""
    return pa.array(np.asarray(values, dtype=object), pa.string())


def write(table: pa.Table, path: Path, note: dict[str, Any]) -> None:
    """Write small: zstd 19, dictionaries, and byte-stream split where they do not help."""
    path.parent.mkdir(parents=True, exist_ok=True)
    split = ["embedding.list.element"] if "embedding" in table.column_names else []
    plain = {*split, "image", "id"}
    pq.write_table(
        table.replace_schema_metadata({"dataset": json.dumps(note)}),
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.column_names if name not in {*plain, "embedding"}],
        use_byte_stream_split=split,
    )


if __name__ == "__main__":
    main()
