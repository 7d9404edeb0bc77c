"""An embedding becomes ordinary columns: an encoder is fitted on the reference once.

`pc0` … `pc7` are scores on the reference's principal directions, `residual` the norm of what they
leave, `centroid_distance` and `cluster` the nearest of k-means centroids, `norm` the length of
the vector, `novelty` the distance to the 5th nearest row of the reference (sampled rows only).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

FloatArray = npt.NDArray[np.float64]

DIRECTIONS = 8
NEIGHBOUR = 5
MAX_NEIGHBOURS = 4_000
MAX_FIT = 20_000
LEAST_FIT = 2 * NEIGHBOUR
_CHUNK = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Fitted on one half of the reference; the other half gives the reference's profiles."""

    mean: FloatArray  #: shape (d,)
    directions: FloatArray  #: shape (n_directions, d), orthonormal, by falling variance
    centroids: FloatArray  #: shape (k, d), minus the mean
    neighbours: npt.NDArray[np.float32]  #: shape (n <= 4000, d), minus the mean
    version: int = 1

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return len(self.mean)

    @property
    def numeric_features(self) -> tuple[str, ...]:
        """Names of the numeric columns that `encode` gives, in order."""
        scores = tuple(f"pc{at}" for at in range(len(self.directions)))
        return (*scores, "residual", "centroid_distance", "norm")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all derived columns."""
        return (*self.numeric_features, "cluster", "novelty")

    def encode(self, vectors: FloatArray) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Numeric features, shape (n, n_features), and the cluster of each row, shape (n,).

        The products are in float64 and the results rounded to float32, so that they do not
        depend on how rows were batched.
        """
        centred = vectors - self.mean
        stacked = np.vstack([self.directions, self.centroids])
        product = centred @ stacked.T
        square = np.einsum("ij,ij->i", centred, centred)
        scores, dots = np.split(product, [len(self.directions)], axis=1)
        residual = np.sqrt(np.maximum(square - np.einsum("ij,ij->i", scores, scores), 0.0))
        lengths = np.einsum("ij,ij->i", self.centroids, self.centroids)
        away = square[:, None] - 2 * dots + lengths
        cluster = np.argmin(away.astype(np.float32), axis=1)
        nearest = np.sqrt(np.maximum(away[np.arange(len(away)), cluster], 0.0))
        norm = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        columns = np.column_stack([scores, residual, nearest, norm])
        return columns.astype(np.float32), cluster

    def novelty(self, vectors: FloatArray) -> npt.NDArray[np.float32]:
        """Distance to the 5th nearest row that the encoder was fitted on, shape (n,)."""
        rows = self.neighbours
        rank = min(NEIGHBOUR, len(rows)) - 1
        lengths = np.einsum("ij,ij->i", rows, rows)
        result = np.empty(len(vectors), np.float32)
        for at in range(0, len(vectors), _CHUNK):
            piece = (vectors[at : at + _CHUNK] - self.mean).astype(np.float32)
            away = lengths - 2 * (piece @ rows.T)
            near = np.partition(away, rank, axis=1)[:, rank]
            near += np.einsum("ij,ij->i", piece, piece)
            result[at : at + _CHUNK] = np.sqrt(np.maximum(near, 0.0))
        return result


def vectors_of(array: pa.Array, dimensions: int) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Vectors of the rows that have one, shape (n_present, d), and the mask of the missing.

    Null, another length, NaN or infinity in it, or all zeros: missing.
    """
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.large_list(array.type.value_type))
    kind = array.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return np.empty((0, dimensions)), np.ones(len(array), bool)
    lengths = pc.list_value_length(array).fill_null(-1).to_numpy(zero_copy_only=False)
    right = np.flatnonzero(lengths == dimensions)
    flat = (array if len(right) == len(array) else array.take(pa.array(right))).flatten()
    try:
        numbers = flat.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return np.empty((0, dimensions)), np.ones(len(array), bool)
    vectors = numbers.reshape(-1, dimensions)
    with np.errstate(over="ignore", invalid="ignore"):
        square = np.einsum("ij,ij->i", vectors, vectors)
    good = np.isfinite(square) & (square > 0)
    missing = np.ones(len(array), bool)
    missing[right[good]] = False
    return vectors if good.all() else vectors[good], missing


def fit_encoder(vectors: FloatArray, *, seed: int = 0) -> Encoder | None:
    """The encoder of the fitting half's vectors, shape (n, d); None below 10 rows.

    Principal directions by eigenvectors of the covariance (signs fixed: the largest entry is
    positive), k-means with 16 … 64 centroids, one for 64 rows and at least 4 rows each.
    """
    if len(vectors) < LEAST_FIT:
        return None
    rng = np.random.default_rng(seed)
    if len(vectors) > MAX_FIT:
        vectors = vectors[np.sort(rng.choice(len(vectors), MAX_FIT, replace=False))]
    mean = vectors.mean(axis=0)
    centred = vectors - mean
    count = min(DIRECTIONS, vectors.shape[1] - 1)
    _, axes = np.linalg.eigh(centred.T @ centred)
    directions = axes[:, ::-1][:, :count].T
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(count), largest])[:, None]
    centroids = _centroids(centred, seed)
    chosen = np.sort(rng.permutation(len(centred))[:MAX_NEIGHBOURS])
    return Encoder(
        mean=mean,
        directions=np.ascontiguousarray(directions),
        centroids=centroids,
        neighbours=np.ascontiguousarray(centred[chosen], dtype=np.float32),
    )


def _centroids(centred: FloatArray, seed: int) -> FloatArray:
    """k-means centroids, shape (k, d)."""
    from sklearn.cluster import KMeans  # noqa: PLC0415 - a second to import, few data need it

    k = min(int(np.clip(len(centred) // 64, 16, 64)), max(2, len(centred) // 4))
    k = min(k, len(np.unique(centred[:1000], axis=0)))
    # Several threads are slower on so small problems, and their sums differ in the last bit.
    with threadpool_limits(1):
        means = KMeans(k, random_state=seed, n_init=1, max_iter=50, tol=1e-3).fit(centred)
    return np.ascontiguousarray(means.cluster_centers_, dtype=np.float64)
