"""Rules that choose which rows to label: the peers of `bench.relabel`.

Each takes the features of the pool and of the training set, the model's probabilities on the pool,
and k; it gives the rows of the pool that it would label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from monitor.curation.density import density_ratio
from monitor.curation.rows import Candidates, ReferenceRows
from monitor.curation.select import draw_rows, plan

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
#: Caps of TypiClust: clusters, and neighbours that typicality is measured by.
_CLUSTERS, _TYPICAL = 500, 20
#: Training rows that k-center and TypiClust look at.
_SEEN = 4_000


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule may look at."""

    pool: FloatArray  #: (n, d) standardised features
    training: FloatArray  #: (m, d), labels taken up since included
    chances: FloatArray  #: (n, K) the model's probabilities
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows to label, and their inclusion probabilities where the rule knows them."""

    rows: IntArray
    probabilities: FloatArray | None = None
    copies: IntArray | None = None  #: rows that each stands for
    sizes: FloatArray | None = None  #: (n,) what each row of the pool weighed in the draw


def driftloop(scene: Scene, k: int) -> Choice:
    """The product's draw: `monitor.curation.select`."""
    ids = tuple(range(len(scene.pool)))
    candidates = Candidates(ids=ids, features=scene.pool, population=len(ids))
    design = plan(candidates, ReferenceRows(scene.training), budget=k)
    drawn = draw_rows(design, scene.rng)
    sizes = design.units.sizes[design.units.of_row[drawn]]
    weighed = design.sizes[design.units.of_row]
    return Choice(design.pool[drawn], design.row_probabilities[drawn], sizes, weighed)


def random(scene: Scene, k: int) -> Choice:
    """A simple random sample."""
    rows = scene.rng.choice(len(scene.pool), k, replace=False)
    return Choice(rows, np.full(k, k / len(scene.pool)))


def margin(scene: Scene, k: int) -> Choice:
    """Smallest difference of the two best classes."""
    best = np.sort(scene.chances, axis=1)
    return _smallest(best[:, -1] - best[:, -2], k)


def entropy(scene: Scene, k: int) -> Choice:
    """Largest entropy of the prediction."""
    chances = np.clip(scene.chances, 1e-12, 1)
    return _smallest((chances * np.log(chances)).sum(axis=1), k)


def domain_score(scene: Scene, k: int) -> Choice:
    """Largest density ratio to the training set, top k."""
    return _smallest(-density_ratio(scene.pool, scene.training).log_ratio, k)


def k_center(scene: Scene, k: int) -> Choice:
    """Greedy k-center (Sener & Savarese 2018): the farthest row from all that is known, again."""
    known = scene.training[:: -(-len(scene.training) // _SEEN)]
    nearest = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(scene.pool)[0][:, 0]
    chosen: list[int] = []
    for _ in range(k):
        row = int(np.argmax(nearest))
        chosen.append(row)
        nearest = np.minimum(nearest, np.linalg.norm(scene.pool - scene.pool[row], axis=1))
        nearest[row] = -1
    return Choice(np.array(chosen, dtype=np.intp))


def typiclust(scene: Scene, k: int) -> Choice:
    """TypiClust (Hacohen, Dekel & Weinshall 2022): the typical row of each uncovered cluster."""
    known = scene.training[:: -(-len(scene.training) // _SEEN)]
    rows = np.vstack([scene.pool, known])
    clusters = min(len(known) + k, _CLUSTERS, len(rows))
    seed = int(scene.rng.integers(2**31))
    means = MiniBatchKMeans(clusters, n_init=1, batch_size=1024, random_state=seed).fit(rows)
    labels = means.labels_[: len(scene.pool)]
    covered = np.bincount(means.labels_[len(scene.pool) :], minlength=clusters).astype(float)
    left = np.bincount(labels, minlength=clusters)
    members = {
        cluster: _by_typicality(scene.pool, labels, cluster) for cluster in np.unique(labels)
    }
    chosen: list[int] = []
    for _ in range(k):
        open_ = [cluster for cluster in members if members[cluster]]
        best = min(open_, key=lambda cluster: (covered[cluster], -left[cluster]))
        chosen.append(members[best].pop(0))
        covered[best] += 1
    return Choice(np.array(chosen, dtype=np.intp))


def _by_typicality(pool: FloatArray, labels: IntArray, cluster: int) -> list[int]:
    rows = np.flatnonzero(labels == cluster)
    if len(rows) < 3:
        return [int(row) for row in rows]
    distance = np.sort(pairwise_distances(pool[rows]), axis=1)[:, 1 : _TYPICAL + 1].mean(axis=1)
    return [int(row) for row in rows[np.argsort(distance)]]


def badge(scene: Scene, k: int) -> Choice:
    """BADGE (Ash et al. 2020): k-means++ over gradients (p − one-hot) ⊗ features.

    The squared length and distances of outer products come from those of their factors.
    """
    error = scene.chances.copy()
    error[np.arange(len(error)), error.argmax(axis=1)] -= 1
    inputs = np.hstack([scene.pool, np.ones((len(scene.pool), 1))])
    length = (error**2).sum(axis=1) * (inputs**2).sum(axis=1)
    chosen = [int(np.argmax(length))]
    distance = np.full(len(length), np.inf)
    while len(chosen) < k:
        last = chosen[-1]
        product = (error @ error[last]) * (inputs @ inputs[last])
        distance = np.minimum(distance, np.maximum(length + length[last] - 2 * product, 0))
        distance[chosen] = 0
        total = distance.sum()
        if total <= 0:
            rest = np.setdiff1d(np.arange(len(length)), chosen)
            chosen += [int(row) for row in scene.rng.permutation(rest)[: k - len(chosen)]]
            break
        chosen.append(int(scene.rng.choice(len(length), p=distance / total)))
    return Choice(np.array(chosen, dtype=np.intp))


def _smallest(values: FloatArray, k: int) -> Choice:
    return Choice(np.argsort(values, kind="stable")[:k].astype(np.intp))


RULES: dict[str, Callable[[Scene, int], Choice]] = {
    "driftloop": driftloop,
    "random": random,
    "margin": margin,
    "entropy": entropy,
    "k-center": k_center,
    "typiclust": typiclust,
    "badge": badge,
    "domain score": domain_score,
}
