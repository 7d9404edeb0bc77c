"""More like these: the nearest rows by embedding."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.curation.rows import FloatArray

_CHUNK = 8_192


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row, the query it is nearest to, and how near."""

    row: int
    query: int
    similarity: float  #: cosine, −1 … 1


def similar(
    queries: npt.ArrayLike,
    candidates: npt.ArrayLike,
    k: int,
    *,
    exclude: AbstractSet[int] = frozenset(),
) -> list[Neighbour]:
    """The k rows with the largest cosine to any of the queries, nearest first.

    Parameters
    ----------
    queries : array, shape (d,) or (q, d)
    candidates : array, shape (n, d)
        Rows (and queries) with a gap, an infinity or no length have no direction: they are passed
        over.
    k : int
    exclude : set of int
        Rows that must not come back: the queries themselves, say.

    Raises
    ------
    ValueError
        When queries and candidates differ in their number of dimensions.
    """
    wanted = np.atleast_2d(np.asarray(queries, dtype=np.float64))
    rows = np.asarray(candidates, dtype=np.float64)
    if rows.ndim != 2 or wanted.shape[1] != rows.shape[1]:
        msg = f"queries of shape {wanted.shape} do not fit candidates of shape {rows.shape}"
        raise ValueError(msg)
    directions = _directions(wanted)
    best = np.full(len(rows), -np.inf)
    which = np.zeros(len(rows), dtype=np.intp)
    for start in range(0, len(rows), _CHUNK):
        cosine = _directions(rows[start : start + _CHUNK]) @ directions.T
        cosine[np.isnan(cosine)] = -np.inf
        if cosine.shape[1]:
            which[start : start + _CHUNK] = cosine.argmax(axis=1)
            best[start : start + _CHUNK] = cosine.max(axis=1)
    best[[row for row in exclude if 0 <= row < len(rows)]] = -np.inf
    order = np.argsort(-best, kind="stable")[: max(k, 0)]
    return [
        Neighbour(int(row), int(which[row]), float(np.clip(best[row], -1, 1)))
        for row in order
        if np.isfinite(best[row])
    ]


def _directions(rows: FloatArray) -> FloatArray:
    """Rows of length 1; NaN where a row has no direction."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
        scaled = rows / largest  # first to 1, so that squares neither overflow nor vanish
        unit: FloatArray = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit
