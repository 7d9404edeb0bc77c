"""Kinds and roles of columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitor.core.columns import Column, Roles
from monitor.profiles.infer import infer_columns

RNG = np.random.default_rng(4)
N = 400
KINDS = {
    "numeric": [
        RNG.normal(size=N),
        RNG.integers(0, 1000, N),
        RNG.integers(0, 11, N),
        [f"{x:.3f}" for x in RNG.normal(size=N)],
    ],
    "categorical": [
        RNG.integers(0, 10, N),
        RNG.choice(["a", "b"], N),
        RNG.choice([f"N{n:03d}" for n in range(150)], N),
        pa.nulls(N),
        [None] * N,
        RNG.choice(["01234", "99999", "00501"], N),
        [f"{n % 100:05d}" for n in range(N)],
    ],
    "boolean": [RNG.random(N) < 0.5],
    "datetime": [
        ["2024-01-05T10:00:00Z"] * N,
        ["2024-01-05 10:00", "2023-12-31 23:59"] * (N // 2),
        pa.array([19_000] * N, pa.date32()),
    ],
    "text": [
        [f"The flight number {n} was late again today" for n in range(N)],
        [f"0b5c{n:08x}-aaaa" for n in range(N)],
    ],
    "embedding": [
        list(RNG.normal(size=(N, 4))),
        pa.array([[0.5] * 16] * N, pa.list_(pa.float16(), 16)),
    ],
}
CASES = [(kind, at) for kind, columns in KINDS.items() for at in range(len(columns))]


def infer(values: object, roles: Roles | None = None) -> Column:
    table = pa.table({"x": values})
    return infer_columns(table.schema, table, Roles() if roles is None else roles)[0]


@pytest.mark.parametrize(("kind", "at"), CASES)
def test_kinds(kind, at):
    assert infer(KINDS[kind][at]) == Column("x", kind, "feature")


@pytest.mark.parametrize(
    "values", [[b"x"] * 9, [{"a": 1}] * 9, [[1.0], [1.0, 2.0]] * 9, [["a"] * 5] * 9]
)
def test_what_cannot_be_profiled_is_ignored(values):
    assert infer(values).role == "ignored"


def test_a_person_is_right():
    kinds = Roles(kinds=(("x", "numeric"),))

    assert infer(RNG.integers(0, 3, N), kinds).kind == "numeric"
    assert infer([[1.0, 2.0]] * 9, Roles(embeddings=("x",))).kind == "embedding"
    assert infer(["a", "b"] * 9, Roles(texts=("x",))).kind == "text"
    assert infer(["a", "b"] * 9, Roles(ignore=("x",))).role == "ignored"


def test_classes_of_labels_and_predictions():
    classes = RNG.integers(0, 30, N)

    assert infer(classes).kind == "numeric"
    assert infer(classes, Roles(label="x")) == Column("x", "categorical", "label")
    assert infer(classes.astype(float), Roles(prediction="x")).kind == "categorical"
    assert infer(RNG.normal(size=N), Roles(label="x")).kind == "numeric"
    assert infer([f"class {n}" for n in range(N)], Roles(label="x")).kind == "categorical"


def test_roles_and_order_are_those_of_the_schema():
    names = ["t", "i", "y", "p", "s", "m", "g", "pixels", "rest"]
    table = pa.table({name: [0.1, 0.2] for name in names})
    roles = Roles("t", "i", "y", "p", ("s",), "m", ("g",), images=("pixels",))
    columns = infer_columns(table.schema, table, roles)

    assert [column.name for column in columns] == names
    assert [column.role for column in columns] == [
        "timestamp", "id", "label", "prediction", "score", "model_version", "segment", "ignored",
        "feature",
    ]  # fmt: skip


def test_few_rows_do_not_make_every_number_a_category():
    assert infer([1, 2, 3, 4, 5, 6]).kind == "numeric"
    assert infer([0, 1, 1, 0]).kind == "categorical"


def test_a_sample_may_lack_columns():
    schema = pa.schema([("x", pa.float64()), ("s", pa.string()), ("v", pa.list_(pa.float32()))])

    columns = infer_columns(schema, pa.table({}), Roles())

    assert [(c.kind, c.role) for c in columns] == [
        ("numeric", "feature"), ("categorical", "feature"), ("categorical", "ignored")
    ]  # fmt: skip
