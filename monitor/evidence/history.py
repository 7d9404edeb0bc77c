"""The effect of each series and scalar in single windows, for lines over time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from monitor.evidence.assessment import measured
from monitor.evidence.reference import Reference
from monitor.evidence.sight import speakers
from monitor.evidence.types import Observation
from monitor.evidence.weigh import merge


def history(
    reference: Reference, windows: Sequence[Sequence[Observation]]
) -> dict[str, list[float]]:
    """Effect of the contrast that speaks for each series or scalar, in each window alone.

    A window is the observations that make it up, mostly one.

    Returns
    -------
    Lists of len(windows) by name, in the units of the gate; NaN where a window says nothing.
    """
    voices = speakers(reference)
    effects = np.full((len(windows), len(voices)), math.nan)
    for row, window in enumerate(windows):
        merged = merge(reference, window, [len(window)])
        effect, _, _ = measured(reference, merged)
        effects[row] = np.where(merged.said[0, voices], effect[0, voices], math.nan)
    names = [one.name for one in reference.judged]
    return {name: effects[:, column].tolist() for column, name in enumerate(names)}
