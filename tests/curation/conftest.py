from __future__ import annotations

import numpy as np
import pytest

from monitor.curation.rows import Candidates, ReferenceRows


@pytest.fixture
def drifted_window():
    """300 rows, a fifth of them moved, against 900 reference rows in 4 dimensions."""
    rng = np.random.default_rng(3)
    window = rng.normal(size=(300, 4))
    window[:60] += 2.5
    candidates = Candidates(
        ids=tuple(range(300)),
        features=window,
        population=3000,
        names=("temp", "humid", "wind", "visib"),
    )
    return candidates, ReferenceRows(rng.normal(size=(900, 4)))
