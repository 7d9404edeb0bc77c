"""Rows are chosen whatever the model does, and whatever its rows are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.sources.frame import Frame
from monitor.steps import baseline as learning
from monitor.steps import queue
from monitor.steps.engine import engine_of
from monitor.steps.setup import Setup

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = Window(START, START + timedelta(weeks=1))
WORDS = ("late", "train", "ticket", "refund", "seat", "delay", "gate", "bag")
MOVED = 150


def rows(count, *, moved=0, seed=0):
    """`count` rows of everything; the first `moved` of them are unlike the others."""
    rng = np.random.default_rng(seed)
    shift = np.where(np.arange(count) < moved, 3.0, 0.0)
    x = rng.normal(size=count) + shift
    box = [
        [{"x": 1.0, "y": 2.0, "width": 5.0, "height": 5.0, "label": "tree"}] * int(n)
        for n in rng.integers(0, 3, count)
    ]
    texts = [" ".join(rng.choice(WORDS, 5 + 20 * int(s > 0))) for s in shift]
    return {
        "id": [f"r{seed}.{n}" for n in range(count)],
        "x": x,
        "group": rng.choice(["north", "south"], count),
        "e": list((rng.normal(size=(count, 6)) + shift[:, None]).astype(np.float32)),
        "text": texts,
        "photo": [b"\x89PNG" + bytes([n % 256]) * 8 for n in range(count)],
        "class": rng.choice(["a", "b", "c"], count),
        "score": rng.random(count),
        "number": x + rng.normal(size=count),
        "boxes": box,
    }


CASES = {
    "classification by features, with a score": (
        ["x", "group", "class", "score"],
        {"prediction": "class", "scores": ("score",)},
    ),
    "classification by features, without a score": (
        ["x", "group", "class"],
        {"prediction": "class"},
    ),
    "classification by embeddings": (
        ["e", "class", "score"],
        {"prediction": "class", "scores": ("score",), "embeddings": ("e",)},
    ),
    "classification by both": (
        ["x", "group", "e", "class"],
        {"prediction": "class", "embeddings": ("e",), "segments": ("group",)},
    ),
    "regression": (["x", "group", "number"], {"prediction": "number"}),
    "detection": (
        ["photo", "e", "boxes"],
        {"prediction": "boxes", "embeddings": ("e",), "images": ("photo",)},
    ),
    "text by its embedding": (
        ["text", "e", "class"],
        {"prediction": "class", "embeddings": ("e",), "texts": ("text",)},
    ),
    "text alone": (["text", "class"], {"prediction": "class", "texts": ("text",)}),
    "no model at all": (["x", "group"], {}),
}


def table_of(names, **more):
    values = rows(**more)
    return pa.table({name: values[name] for name in ("id", *names)})


@pytest.mark.parametrize("case", CASES)
def test_rows_are_chosen_that_the_training_set_lacks(case):
    names, named = CASES[case]
    roles = Roles(id="id", **named)
    setup, engine = Setup(roles=roles), engine_of()
    baseline = learning.build(Frame(table_of(names, count=1500)), setup, engine)
    source = Frame(table_of(names, count=600, moved=MOVED, seed=1))
    profile = engine.profile(learning.open_window(source, baseline.plan, None, None), baseline.plan)

    chosen = queue.propose(
        baseline, profile.sample, budget=40, exclude=frozenset(), seed=("shop", WEEK)
    ).rows

    assert len({row.row_id for row in chosen}) == 40
    assert all(0 < row.inclusion_probability <= 1 for row in chosen)
    assert all(row.reason_text.endswith(".") for row in chosen)
    new = np.mean([int(row.row_id.split(".")[1]) < MOVED for row in chosen])
    assert new > 1.5 * MOVED / 600
    if named.get("prediction"):
        values = rows(count=600, moved=MOVED, seed=1)
        by_id = dict(zip(values["id"], values[named["prediction"]], strict=True))
        assert [row.prediction for row in chosen] == [by_id[row.row_id] for row in chosen]
    assert not {"e", "photo"} & set(chosen[0].data)
    again = queue.propose(
        baseline, profile.sample, budget=40, exclude=frozenset(), seed=("shop", WEEK)
    ).rows
    assert [row.row_id for row in again] == [row.row_id for row in chosen]


def test_columns_that_take_no_part_are_named():
    names, rng = ["x", "class"], np.random.default_rng(0)
    table = table_of(names, count=400).append_column("empty", pa.nulls(400, pa.float64()))
    table = table.append_column("when", pa.array(rng.integers(0, 9, 400), pa.timestamp("s", "UTC")))
    setup = Setup(roles=Roles(id="id", prediction="class"))
    baseline = learning.build(Frame(table), setup, engine_of())

    said = queue.dropped(baseline)

    assert said.startswith("Not used to choose these rows: ")
    assert "empty (no value in the reference)" in said
    assert "when (a time says when, not what a row is)" in said
    assert "x (" not in said


def test_nothing_is_said_when_all_columns_take_part():
    baseline = learning.build(
        Frame(table_of(["x", "class"], count=300)),
        Setup(roles=Roles(id="id", prediction="class")),
        engine_of(),
    )

    assert queue.dropped(baseline) == ""
