"""A table of a model in production, made from a seed; planted changes are made on top of it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from monitor.core.columns import Roles

ROLES = Roles(id="id", label="late", prediction="pred", scores=("score",), segments=("sex", "port"))


def flights(rows: int, seed: int, *, shift: float = 0.0) -> pa.Table:
    """Rows with a label, a prediction and a score that belong together."""
    rng = np.random.default_rng(seed)
    late = rng.random(rows) < 0.3
    score = np.clip(rng.beta(2 + 3 * late, 5 - 3 * late), 0, 1)
    return pa.table(
        {
            "id": np.arange(rows) + seed * 10**6,
            "temp": rng.normal(60 + shift, 10, rows),
            "wait": rng.gamma(2, 3, rows),
            "port": rng.choice(["JFK", "LGA", "EWR"], rows, p=[0.5, 0.3, 0.2]),
            "sex": rng.choice(["Female", "Male"], rows, p=[0.4, 0.6]),
            "late": late.astype(int),
            "pred": (score > 0.5).astype(int),
            "score": score,
        }
    )
