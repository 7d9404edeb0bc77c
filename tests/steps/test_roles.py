"""Roles that `compare` guesses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import monitor
from monitor.core.columns import Roles
from monitor.sources.frame import Frame
from monitor.steps.roles import completed


def table(rows: int = 600, first: int = 0) -> pa.Table:
    rng = np.random.default_rng(first)
    score = rng.random(rows)
    return pa.table(
        {
            "id": np.arange(first, first + rows),
            "age": rng.integers(20, 70, rows),
            "y_true": (rng.random(rows) < score).astype(int),
            "y_pred": (score > 0.5).astype(int),
            "y_prob": score,
        }
    )


def test_unmistakable_names_have_their_roles():
    roles = completed(Frame(table()), Roles())

    assert (roles.id, roles.label, roles.prediction) == ("id", "y_true", "y_pred")
    assert roles.scores == ("y_prob",)


def test_what_was_named_stays_and_no_column_has_two_roles():
    roles = completed(Frame(table()), Roles(label="y_pred", ignore=("id",)))

    assert roles.label == "y_pred"
    assert roles.id is None
    assert roles.prediction is None


def test_an_id_that_repeats_is_none():
    repeated = table().set_column(0, "id", pa.array(np.arange(600) % 50))

    assert completed(Frame(repeated), Roles()).id is None


def test_ids_that_count_on_are_no_drift():
    found = monitor.compare(table(2000), table(2000, first=5000))

    assert found.alarms == ()
    assert {c.name: c.role for c in found.columns}["id"] == "id"
