"""Embeddings as ordinary columns, by an encoder that keeps the halves apart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from sklearn.decomposition import PCA

from monitor.core.columns import Roles
from monitor.profiles.codebook import aligned
from monitor.profiles.embedding import fit_encoder, vectors_of
from monitor.profiles.hashing import fitting_half
from monitor.profiles.sample import key_hashes
from monitor.profiles.types import NumericProfile, Profile

from .tables import plan_of, profile_of

D = 12
ROLES = Roles(id="id", embeddings=("e",))


def table_of(vectors: np.ndarray, start: int = 0) -> pa.Table:
    flat = pa.array(vectors.astype(np.float32).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({"id": np.arange(start, start + len(vectors)), "e": lists})


def cloud(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centers = np.random.default_rng(99).normal(0, 3, (5, D))
    return centers[rng.integers(0, 5, n)] + rng.normal(size=(n, D)) + shift


def p_value(left: Profile, right: Profile, name: str) -> float:
    sides = left.columns[name], right.columns[name]
    assert all(isinstance(side, NumericProfile) for side in sides)
    _, a, b = aligned(*sides)
    gap = np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).max()
    n = a.sum() * b.sum() / (a.sum() + b.sum())
    return float(stats.kstwobign.sf(gap * np.sqrt(n)))


def test_scores_are_those_of_a_principal_component_analysis():
    vectors = cloud(1000, 1)
    encoder = fit_encoder(vectors)
    assert encoder is not None
    columns, cluster = encoder.encode(vectors)
    theirs = PCA(8, svd_solver="full").fit_transform(vectors)

    np.testing.assert_allclose(np.abs(columns[:, :8]), np.abs(theirs), atol=1e-3)
    left = vectors - encoder.mean - (columns[:, :8] @ encoder.directions)
    np.testing.assert_allclose(columns[:, 8], np.linalg.norm(left, axis=1), rtol=1e-4)
    away = np.linalg.norm((vectors - encoder.mean)[:, None] - encoder.centroids, axis=2)
    np.testing.assert_allclose(columns[:, 9], away.min(axis=1), rtol=1e-4)
    np.testing.assert_array_equal(cluster, away.argmin(axis=1))
    np.testing.assert_allclose(columns[:, 10], np.linalg.norm(vectors, axis=1), rtol=1e-6)


def test_novelty_is_the_distance_to_the_fifth_nearest():
    vectors, fresh = cloud(500, 1), cloud(50, 2)
    encoder = fit_encoder(vectors)
    assert encoder is not None
    away = np.sort(np.linalg.norm(fresh[:, None] - vectors, axis=2), axis=1)

    np.testing.assert_allclose(encoder.novelty(fresh), away[:, 4], rtol=1e-3)


def test_the_halves_are_honest():
    reference = table_of(cloud(3000, 1))
    plan = plan_of(reference, ROLES)
    half = profile_of(plan, reference, half=True)
    both = profile_of(plan, reference)
    clean = profile_of(plan, table_of(cloud(1500, 2), start=10_000))
    held = int((~fitting_half(key_hashes(reference, plan))).sum())

    assert half.columns["e.pc0"].rows == held
    assert half.columns["e"].rows == 3000
    assert half.columns["e.novelty"].rows == held
    for name in ("e.residual", "e.centroid_distance", "e.novelty", "e.pc0", "e.norm"):
        assert p_value(half, clean, name) > 0.001
    # On the rows that it was fitted on novelty is zero for itself: distances come out too small.
    assert p_value(both, clean, "e.novelty") < p_value(half, clean, "e.novelty")
    assert both.columns["e.novelty"].mean < half.columns["e.novelty"].mean


def test_the_encoder_sees_only_the_fitting_half():
    reference = table_of(cloud(2000, 1))
    plan = plan_of(reference, ROLES)
    fitting = fitting_half(key_hashes(reference, plan))
    changed = cloud(2000, 1)
    changed[~fitting] += 50

    other = plan_of(table_of(changed), ROLES)

    np.testing.assert_array_equal(plan.encoders["e"].mean, other.encoders["e"].mean)
    np.testing.assert_array_equal(plan.encoders["e"].centroids, other.encoders["e"].centroids)


def test_what_moves_is_seen():
    reference = table_of(cloud(4000, 1))
    plan = plan_of(reference, ROLES)
    half = profile_of(plan, reference, half=True)
    rng = np.random.default_rng(3)
    unseen = cloud(1000, 4)
    unseen[:200] = rng.normal(0, 1, (200, D)) + 6

    assert p_value(half, profile_of(plan, table_of(cloud(1000, 5) * 1.1)), "e.norm") < 1e-4
    assert p_value(half, profile_of(plan, table_of(unseen)), "e.novelty") < 1e-4


def test_what_is_missing():
    good = [0.5] * D
    bad = [None, [], [1.0] * 3, [0.0] * D, [np.nan] + [1.0] * (D - 1), [np.inf] * D]
    array = pa.array([*bad, good], pa.list_(pa.float32()))
    vectors, missing = vectors_of(array, D)

    assert vectors.tolist() == [good]
    assert missing.tolist() == [True] * 6 + [False]

    plan = plan_of(table_of(cloud(200, 1)), ROLES)
    profile = profile_of(plan, pa.table({"id": np.arange(7), "e": array}))
    assert profile.columns["e"].missing == 6
    assert profile.columns["e.pc0"].missing == 6
    assert profile.columns["e.cluster"].missing == 6
    assert profile.columns["e.novelty"].present == 1


@pytest.mark.parametrize("n", [0, 1, 9, 12, 40])
def test_few_rows_or_equal_ones(n):
    reference = table_of(np.ones((n, D)) if n else np.empty((0, D)))
    plan = plan_of(reference, ROLES)
    profile = profile_of(plan, reference, half=True)

    assert profile.errors == {}
    assert profile.columns["e"].rows == n
    if n < 10:
        assert [column.name for column in plan.derived] == []


def test_batches_do_not_change_an_encoding():
    vectors = cloud(3000, 7)
    encoder = fit_encoder(vectors)
    assert encoder is not None
    whole, _ = encoder.encode(vectors)
    pieces = [encoder.encode(vectors[at : at + 37])[0] for at in range(0, 3000, 37)]

    np.testing.assert_array_equal(np.vstack(pieces), whole)


def test_real_images_stay_quiet_while_nothing_happens_and_speak_when_it_does(real_data):
    table = pq.read_table(real_data / "images_fashion_stream.parquet").select(
        ["id", "week", "embedding"]
    )
    weeks = np.asarray(table.column("week"))
    roles = Roles(id="id", embeddings=("embedding",), ignore=("week",))
    reference = table.filter(pa.array(weeks == 0))
    plan = plan_of(reference, roles)
    half = profile_of(plan, reference, half=True)
    judged = [column.name for column in plan.derived if column.kind == "numeric"]
    least = {}
    for week in (1, 2, 3, 4, 7, 8, 11):
        profile = profile_of(plan, table.filter(pa.array(weeks == week)))
        least[week] = min(p_value(half, profile, name) for name in judged) * len(judged)

    assert min(least[week] for week in (1, 2, 3, 4)) > 0.01
    assert max(least[week] for week in (7, 8, 11)) < 1e-6
