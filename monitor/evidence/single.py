"""One window against a reference that has no history: `driftloop compare`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from monitor.evidence.assessment import (
    Assessment,
    benjamini_hochberg,
    calm,
    enough_rows,
    least_by_column,
    measured,
)
from monitor.evidence.grid import fixed_cell
from monitor.evidence.layout import BoolArray
from monitor.evidence.pvalues import p_values
from monitor.evidence.reference import Reference
from monitor.evidence.sight import sight
from monitor.evidence.types import Observation, Verdict
from monitor.evidence.verdicts import build
from monitor.evidence.weigh import merge


def judge_once(
    reference: Reference, current: Observation, *, fdr: float = 0.05
) -> dict[str, Verdict]:
    """Compare one window with a reference whose windows are mere blocks of a file.

    How windows ordinarily vary is not known, so p is against sampling noise alone, with the
    design effects of the reference. Columns are controlled by Benjamini-Hochberg at `fdr` (within
    a column: weighted Bonferroni over its contrasts), and must pass the gate.

    Returns
    -------
    Verdicts by name; `fired` and `drifted` are the same, `once_in_years` is nan, `sight` has the
    one scale 1, and `threshold` is the p at which the contrast would have been a discovery.
    """
    # The reference is taken as a whole: its blocks need not look like the other file, which may be
    # a whole of its own (a block of sorted rows, for one, spreads less than all of them).
    still = replace(
        reference,
        weights=np.tile(fixed_cell(0.0, 0.0), (len(reference.weights), 1)),
        coefficients=np.zeros_like(reference.coefficients),
        leaning=np.zeros_like(reference.leaning),
    )
    merged = merge(still, [current], [1])
    weight = reference.contrasts.weight[None, :]
    columns = max(1, len(reference.layout.series) + len(reference.scalars))
    enough, needed = enough_rows(reference, merged, fdr / columns * weight)
    p = np.where(enough, p_values(still, merged), 1.0)
    effect, expected, over = measured(still, merged)
    speaks = over & merged.said & (weight > 0)
    adjusted = np.where(speaks, p / np.where(weight > 0, weight, 1.0), 1.0)
    least = least_by_column(still, np.minimum(adjusted, 1.0))
    drifted = benjamini_hochberg(least, fdr)
    threshold = np.minimum(_cut(drifted, fdr) * weight, 1.0)
    found = Assessment(
        merged, p, effect, expected, threshold, over, weight,
        due=np.ones(1, dtype=np.bool_),
        fired=speaks & (p <= threshold) & drifted[reference.contrasts.column],
        enough=enough,
        needed=needed,
    )  # fmt: skip
    return build(
        still,
        current,
        found,
        drifted=drifted,
        calm=calm(still, found),
        sights=sight(still, merged, threshold),
        budget=None,
    )


def _cut(drifted: BoolArray, fdr: float) -> float:
    """Benjamini-Hochberg's line where it was crossed, or at its first step."""
    return fdr * max(1, int(np.count_nonzero(drifted))) / max(1, len(drifted))
