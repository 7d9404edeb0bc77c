"""95 % intervals of the deciding effect: what the rows leave open, not the ordinary variation."""

from __future__ import annotations

import math

import numpy as np

from monitor.evidence.contrasts import KINDS, SCALE
from monitor.evidence.effects import sd_ratio

QUANTILE = 1.959963984540054


def wilson(share: float, rows: float) -> tuple[float, float]:
    """Wilson's interval of a share seen in (effective) `rows`; (0, 1) where there are none."""
    if rows <= 0:
        return 0.0, 1.0
    z2 = QUANTILE**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = QUANTILE / (1 + z2 / rows) * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def share_difference(share: float, rows: float, share0: float, rows0: float) -> tuple[float, float]:
    """MOVER (Newcombe) interval of share - share0 for effective rows."""
    low, high = wilson(share, rows)
    low0, high0 = wilson(share0, rows0)
    difference = share - share0
    return (
        difference - math.hypot(share - low, high0 - share0),
        difference + math.hypot(high - share, share0 - low0),
    )


def moment(kind: int, excess: float, variance: float) -> tuple[float, float]:
    """Interval of a location, scale, skewness or scalar effect with this sampling variance."""
    half = QUANTILE * math.sqrt(variance)
    ends = np.array([excess - half, excess + half])
    if KINDS[kind] == KINDS[SCALE]:
        ends = sd_ratio(ends) - 1
    return float(ends[0]), float(ends[1])
