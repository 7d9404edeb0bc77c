"""The whole loop on the stream of images: queue, two annotators, retraining, and what it bought.

    OMP_NUM_THREADS=1 python -m bench.bought [--keep FOLDER]

Weeks 1 to 12 go through `driftloop backfill`, the queue through `queue export` and `queue pull`,
two made annotators answer (one errs in 3 %, the other in 10 % of the rows), and before weeks 7 and
12 the model is refitted on the training set and on what `reference export` gives, with the weights
in it. Printed: the accuracy that the report estimates from the labels of each week's queue, its
interval, the truth by all 800 rows, which the product never sees, and what the first model would
have had. Needs the bigger test data
in ../shared/data or DRIFTLOOP_TEST_DATA.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bench.streams import FOLDER
from monitor.cli.main import main as driftloop
from monitor.config import load
from monitor.steps.bought import Bought, bought
from monitor.steps.consensus import labelled
from monitor.store.store import Store

#: Weeks before which the model is refitted.
RETRAINED = (7, 12)
BUDGET, PARTS, WEEK = 100, 12, np.timedelta64(7, "D")
START = np.datetime64("2024-01-01T00:00:00", "us")
ERRORS = {"Ann": 0.03, "Bo": 0.10}
CONFIG = f"""
[store]
url = "sqlite:///loop.db"
[[monitors]]
name = "images"
window = "1w"
[monitors.source]
kind = "files"
path = "weeks/*.parquet"
[monitors.reference]
start = 2024-01-01
end = {np.datetime_as_string(START + PARTS * WEEK, "D")}
[monitors.columns]
timestamp = "ts"
id = "id"
label = "label"
prediction = "prediction"
score = [{", ".join(f'"s{place}"' for place in range(10))}]
model_version = "model"
embeddings = ["embedding"]
[monitors.queue]
budget = {BUDGET}
classes = [CLASSES]
annotators = 2
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="run there, and leave store and reports")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    stream = (FOLDER / "images_fashion_stream.parquet").resolve()
    if not stream.exists():
        print(f"skipped: {stream} is not there; name the test data in DRIFTLOOP_TEST_DATA")
        return
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True, parents=True)
        stack.enter_context(contextlib.chdir(folder))
        truth = loop(pq.read_table(stream))
        config = load(Path("config.toml"))
        with Store.open(config.store.url) as store:
            found = bought(store, "images", labelled(store, "images"))
    assert found is not None
    show(found, truth)


def loop(stream: pa.Table) -> dict[int, tuple[float, float]]:
    """All weeks, in their order; the accuracy of each by all rows, and that of the first model."""
    names = sorted(set(stream["label_name"].to_pylist()))
    Path("config.toml").write_text(CONFIG.replace("CLASSES", json.dumps(names)[1:-1]))
    Path("weeks").mkdir(exist_ok=True)
    training = stream.filter(stream["week"].to_numpy() == 0)
    first_model = model = fitted(*rows_of(training), None)
    version, truth = 1, {}
    for part in range(PARTS):
        write(training.slice(part * 500, 500), part, model, "m1", labelled=True)
    for week in range(1, 13):
        if week in RETRAINED:
            model, version = retrained(training), version + 1
        rows = stream.filter(stream["week"].to_numpy() == week)
        share = write(rows, PARTS + week - 1, model, f"m{version}", labelled=False)
        truth[week] = share, float(first_model.score(*rows_of(rows)))
        first, last = (START + (PARTS + week - 1 + more) * WEEK for more in (0, 1))
        run("backfill", "images", "--from", day(first), "--to", day(last))
        answer(rows, week)
    return truth


def day(at: np.datetime64) -> str:
    return str(np.datetime_as_string(at, "D"))


def rows_of(table: pa.Table) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Features and classes."""
    features = np.array(table["embedding"].to_pylist())
    return features, np.array([str(one) for one in table["label_name"].to_pylist()])


def fitted(
    features: npt.NDArray[Any], classes: npt.NDArray[Any], weights: npt.NDArray[Any] | None
) -> LogisticRegression:
    return LogisticRegression(max_iter=300, tol=1e-3, C=0.1).fit(
        features, classes, sample_weight=weights
    )


def retrained(training: pa.Table) -> LogisticRegression:
    """Fitted on the training set and on what annotators said so far, with its weights."""
    run("reference", "export", "images", "-o", "train.parquet")
    new = pq.read_table("train.parquet")
    features, classes = rows_of(training)
    both = np.vstack([features, np.array(new["embedding"].to_pylist())])
    said = np.concatenate([classes, np.array(new["label"].to_pylist())])
    weights = np.concatenate([np.ones(len(classes)), new["driftloop_weight"].to_numpy()])
    return fitted(both, said, weights)


def write(
    rows: pa.Table, week: int, model: LogisticRegression, version: str, *, labelled: bool
) -> float:
    """One week as production has it, with the model's opinion; its accuracy."""
    features, classes = rows_of(rows)
    chances = model.predict_proba(features)
    said = model.classes_[chances.argmax(axis=1)]
    count = rows.num_rows
    at = START + week * WEEK + np.arange(count) * (WEEK.astype("timedelta64[us]") // count)
    scores = {f"s{place}": one for place, one in enumerate(chances.T)}
    table = pa.table(
        {
            "id": [str(one) for one in rows["id"].to_pylist()],
            "ts": pa.array(at, pa.timestamp("us", tz="UTC")),
            "embedding": rows["embedding"],
            "label": pa.array(classes) if labelled else pa.nulls(count, pa.string()),
            "prediction": said,
            "model": [version] * count,
            **{f"s{place}": scores.get(f"s{place}", np.zeros(count)) for place in range(10)},
        }
    )
    pq.write_table(table, f"weeks/{week:02d}.parquet")
    return float(np.mean(said == classes))


def answer(rows: pa.Table, week: int) -> None:
    """Two people label what is queued, and their labels come back through a file."""
    rng = np.random.default_rng(week)
    ids = [str(one) for one in rows["id"].to_pylist()]
    truth = dict(zip(ids, rows_of(rows)[1], strict=True))
    names = np.unique(list(truth.values()))
    run("queue", "export", "images", "--format", "jsonl", "-o", "tasks.jsonl", "--mark")
    with Path("labels.jsonl").open("w") as file:
        for task in map(json.loads, Path("tasks.jsonl").read_text().splitlines()):
            if task["id"] not in truth:
                continue
            for who, errs in ERRORS.items():
                right = rng.random() >= errs
                label = truth[task["id"]] if right else str(rng.choice(names))
                said = {"id": task["id"], "label": label, "annotator": who, "lead_time": 4.0}
                file.write(json.dumps(said) + "\n")
    run("queue", "pull", "images", "--file", "labels.jsonl", "--format", "jsonl")


def run(*arguments: str) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = driftloop([*arguments, "-c", "config.toml"])
    if code not in {0, 3}:
        msg = f"driftloop {' '.join(arguments)}: {code}: {said.getvalue()}"
        raise SystemExit(msg)


def show(found: Bought, truth: dict[int, tuple[float, float]]) -> None:
    heads = ("week", "model", "labels", "accuracy by the queue [95 %]", "by all rows", "m1 there")
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for week, point in enumerate(found.points, start=1):
        made = point.estimate
        ends = "–" if made.interval is None else "{:.1%}, {:.1%}".format(*made.interval)
        said = f"{made.value:.1%} [{ends}]"
        all_rows, first = truth[week]
        print(f"| {week} | {point.model} | {made.n} | {said} | {all_rows:.1%} | {first:.1%} |")
    held = [
        one.estimate.interval[0] <= truth[week][0] <= one.estimate.interval[1]
        for week, one in enumerate(found.points, start=1)
        if one.estimate.interval is not None
    ]
    print(f"\nThe interval holds the truth in {sum(held)} of {len(held)} weeks.\n{found.verdict}")
    before = [truth[week][0] for week, one in enumerate(found.points, start=1) if one.before]
    after = [truth[week][0] for week, one in enumerate(found.points, start=1) if one.after]
    print(f"By all rows of these weeks: {np.mean(before):.1%}, then {np.mean(after):.1%}.")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
