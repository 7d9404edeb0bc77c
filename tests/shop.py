"""A small monitor with every role, and its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

CONFIG = """\
[store]
url = "sqlite:///driftloop.db"

[[alerts]]
kind = "mail"
folder = "mails"

[[monitors]]
name = "shop"
window = "1d"
timezone = "UTC"
[monitors.source]
kind = "files"
path = "data.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-02-01
[monitors.columns]
timestamp = "ts"
id = "id"
label = "label"
prediction = "pred"
score = "score"
segments = ["kind"]
embeddings = ["vector"]
[monitors.queue]
budget = 5
"""


def rows_of(days: int = 40, seed: int = 1) -> pd.DataFrame:
    """Rows of a small model, one each half hour from 2024-01-01 on."""
    rng, rows = np.random.default_rng(seed), days * 48
    label = rng.integers(0, 2, rows)
    pred = np.where(rng.random(rows) < 0.8, label, 1 - label)
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "ts": pd.date_range("2024-01-01", periods=rows, freq="30min", tz="UTC"),
            "amount": rng.lognormal(size=rows),
            "kind": rng.choice(["a", "b", "c"], rows),
            "vector": list(rng.normal(size=(rows, 4))),
            "label": label,
            "pred": pred,
            "score": np.clip(0.8 * pred + 0.1 + rng.normal(0, 0.05, rows), 0, 1),
        }
    )
