"""Tables and profiles that the tests of this room share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.core.columns import Roles
from monitor.profiles.infer import infer_columns
from monitor.profiles.kernel import Profiler
from monitor.profiles.learn import learn
from monitor.profiles.plan import Plan
from monitor.profiles.types import CategoricalProfile, NumericProfile, Profile

ROLES = Roles(
    id="id",
    label="label",
    prediction="prediction",
    scores=("score",),
    segments=("city", "sex"),
    embeddings=("vector",),
    timestamp="ts",
)


def mixed(n: int, seed: int = 0) -> pa.Table:
    """Rows of every kind, with nulls, NaN and infinities."""
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(0, 2, n)
    amount[rng.random(n) < 0.05] = np.nan
    amount[rng.random(n) < 0.01] = np.inf
    amount[rng.random(n) < 0.01] = -np.inf
    label = rng.integers(0, 2, n)
    words = np.array(["late again", "On Time", "gate 12, moved", "", "très bien"])
    return pa.table(
        {
            "id": pa.array(np.arange(n) + 1000 * seed),
            "ts": pa.array(1_700_000_000_000_000 + rng.integers(0, 10**12, n)).cast(
                pa.timestamp("us", "UTC")
            ),
            "amount": pa.array(amount, mask=rng.random(n) < 0.1),
            "count": pa.array(rng.poisson(30, n).astype(np.int32), mask=rng.random(n) < 0.02),
            "city": pa.array(rng.choice(["Oslo", "Rome", "Bern"], n), mask=rng.random(n) < 0.03),
            "sex": pa.array(rng.choice(["f", "m"], n)).dictionary_encode(),
            "flag": pa.array(rng.random(n) < 0.3),
            "note": pa.array(rng.choice(words, n)),
            "vector": pa.array(list(rng.normal(size=(n, 6)).astype(np.float32))),
            "label": pa.array(label, mask=rng.random(n) < 0.1),
            "prediction": pa.array(np.where(rng.random(n) < 0.8, label, 1 - label)),
            "score": pa.array(rng.beta(2, 2, n)),
        }
    )


def plan_of(table: pa.Table, roles: Roles | None = None, **options: Any) -> Plan:
    roles = Roles() if roles is None else roles
    return learn(table, infer_columns(table.schema, table, roles), roles, **options)


def profile_of(plan: Plan, *tables: pa.Table, half: bool = False) -> Profile:
    profiler = Profiler(plan, half=half)
    for table in tables:
        profiler.see(table.schema)
        for batch in table.to_batches():
            profiler.update(batch)
    return profiler.result()


def one(values: Sequence[Any] | pa.Array, name: str = "x") -> pa.Table:
    return pa.table({name: values})


def assert_same(left: Profile, right: Profile) -> None:
    """Counts, codes, cells and sample bit for bit; float sums to 1e-9. Blocks are left out."""
    assert (left.rows, left.first, left.last, left.late) == (
        right.rows, right.first, right.last, right.late
    )  # fmt: skip
    assert left.columns.keys() == right.columns.keys()
    for name, column in left.columns.items():
        assert_same_column(column, right.columns[name])
    assert left.cells.keys() == right.cells.keys()
    for name, cells in left.cells.items():
        other = right.cells[name]
        assert (cells.levels, cells.labels, cells.predictions, cells.classes) == (
            other.levels, other.labels, other.predictions, other.classes
        )  # fmt: skip
        np.testing.assert_array_equal(cells.counts, other.counts)
        np.testing.assert_array_equal(cells.scores, other.scores)
        np.testing.assert_allclose(cells.moments, other.moments, rtol=1e-9)
    assert left.rules.keys() == right.rules.keys()
    for name, rule in left.rules.items():
        other_rule = right.rules[name]
        assert (rule.checked, rule.broken, rule.rows) == (
            other_rule.checked, other_rule.broken, other_rule.rows
        )  # fmt: skip
    np.testing.assert_array_equal(left.sample.hashes, right.sample.hashes)
    np.testing.assert_array_equal(left.sample.contents, right.sample.contents)
    np.testing.assert_array_equal(left.sample.weights, right.sample.weights)
    assert left.sample.keys == right.sample.keys
    assert left.sample.population == right.sample.population
    # Arrow's own comparison takes NaN for different from NaN.
    assert str(left.sample.table.to_pylist()) == str(right.sample.table.to_pylist())


def assert_same_column(left: object, right: object) -> None:
    if isinstance(left, CategoricalProfile):
        assert isinstance(right, CategoricalProfile)
        assert (left.rows, left.nulls, dict(left.levels), left.other) == (
            right.rows, right.nulls, dict(right.levels), right.other
        )  # fmt: skip
        np.testing.assert_array_equal(left.distinct, right.distinct)
        return
    assert isinstance(left, NumericProfile)
    assert isinstance(right, NumericProfile)
    exact = (
        "codebook_id", "rows", "nulls", "nans", "positive_infinities", "negative_infinities",
        "minimum", "maximum", "zeros", "negatives", "codes", "counts",
    )  # fmt: skip
    for name in exact:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    scale = max(abs(left.minimum), abs(left.maximum), 1e-300) if left.finite else 1.0
    np.testing.assert_allclose(left.mean, right.mean, rtol=1e-9, atol=1e-12 * scale)
    np.testing.assert_allclose(left.m2, right.m2, rtol=1e-9, atol=1e-9 * min(scale, 1e150) ** 2)
