"""How likely each contrast of the merged recent windows is if nothing has changed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.special import ndtr

from monitor.evidence import tails
from monitor.evidence.contrasts import Contrasts, floored
from monitor.evidence.effects import sides, totals
from monitor.evidence.grid import KAPPAS, PHIS
from monitor.evidence.layout import BoolArray
from monitor.evidence.reference import Reference
from monitor.evidence.types import FloatArray, IntArray
from monitor.evidence.weigh import Merged, predictive

#: Shares with fewer (effective) rows than this, in window or reference, have a tail of counts.
RARE = 50.0
#: Above this p nothing is decided, and the costly tails are left out.
INTERESTING = 0.05


@dataclass(frozen=True, slots=True)
class _Look:
    """Some contrasts at one scale; arrays have shape (n,), variance and weights (n, CELLS)."""

    table: Contrasts
    weights: FloatArray
    variance: FloatArray
    excess: FloatArray
    sampling: FloatArray
    rows: FloatArray
    hits: FloatArray
    rows0: FloatArray
    hits0: FloatArray
    memory: FloatArray  #: (n, len(PHIS))
    leaning: FloatArray

    @classmethod
    def at(cls, reference: Reference, merged: Merged, scale: int, some: IntArray) -> _Look:
        hits0, rows0 = totals(reference)
        return cls(
            table=reference.contrasts.take(some),
            weights=reference.weights[some],
            variance=predictive(reference, merged, scale, some),
            excess=merged.excess[scale, some],
            sampling=merged.sampling[scale, some],
            rows=merged.rows[scale, some],
            hits=merged.hits[scale, some],
            rows0=rows0[some],
            hits0=hits0[some],
            memory=merged.memory[scale, some],
            leaning=reference.leaning[some],
        )

    def take(self, some: BoolArray | IntArray) -> _Look:
        rest: dict[str, Any] = {
            one.name: getattr(self, one.name)[some] for one in fields(self) if one.name != "table"
        }
        return _Look(table=self.table.take(some), **rest)

    @property
    def typical(self) -> FloatArray:
        """Geometric mean of the variance over cells."""
        result: FloatArray = np.exp((self.weights * np.log(self.variance)).sum(axis=1))
        return result

    @property
    def ideal(self) -> FloatArray:
        """Variance of independent rows."""
        return 1 / self.rows + 1 / np.maximum(self.rows0, 1.0)

    @property
    def dispersion(self) -> FloatArray:
        """By how much the counts of a share vary more than those of independent rows."""
        result: FloatArray = np.maximum(1.0, self.variance / self.ideal[:, None])
        return result


def p_values(reference: Reference, merged: Merged, below: float = 1.0) -> FloatArray:
    """P of each contrast at each scale, shape (n_scales, n_contrasts); 1 where nothing is said.

    What rows alone would show with p >= `below` has p = 1: nothing makes it smaller. Where the
    normal tail is above INTERESTING it stands for the others, which are never smaller.
    """
    side = sides(reference)
    result = np.ones_like(merged.value)
    sure = 2 * ndtr(-np.abs(merged.excess) / np.sqrt(np.maximum(merged.sampling, 1e-300)))
    for scale in range(len(merged.scales)):
        at = np.flatnonzero(merged.said[scale] & (sure[scale] < below))
        if not len(at):
            continue
        one_sided = _tail(_Look.at(reference, merged, scale, at))
        sign = np.sign(merged.excess[scale, at])
        directed = np.where(sign == side[at], one_sided, 1.0)
        result[scale, at] = np.where(side[at] == 0, np.minimum(1.0, 2 * one_sided), directed)
    return result


def _tail(look: _Look) -> FloatArray:
    """The larger of the tails that apply, one-sided."""
    result = tails.normal_mixture(look.excess, look.variance, look.weights)
    near = np.flatnonzero(result < INTERESTING)
    if len(near):
        result[near] = np.maximum(result[near], _other_tail(look.take(near)))
    return result


def _other_tail(look: _Look) -> FloatArray:
    result, by_counts = _of_counts(look)
    typical = look.typical
    of_rows, *of_windows = _skewness(look, typical)
    of_rows = np.where(by_counts, 0.0, of_rows)  # the tail of the counts has it
    for more in (np.zeros(len(typical)), *of_windows):
        leaning = tails.pearson3(look.excess / np.sqrt(typical), of_rows + more)
        result = np.maximum(result, leaning)
    fallen = np.flatnonzero(look.table.logit & (look.excess < 0))
    if len(fallen):
        result[fallen] = np.maximum(result[fallen], _fallen(look.take(fallen)))
    return result


def _fallen(look: _Look) -> FloatArray:
    """Log-odds that are lower than expected."""
    share = floored(look.table.share, look.rows0)
    inside = share * (1 - share)
    odds = np.log((look.hits + 0.5) / (look.rows - look.hits + 0.5))
    varying = np.maximum(look.variance - look.sampling[:, None], 0.0) / inside[:, None]
    rows = look.rows / look.table.design_effect
    return tails.fallen_odds(odds, -look.excess / np.sqrt(inside), rows, varying, look.weights)


def _of_counts(look: _Look) -> tuple[FloatArray, BoolArray]:
    """Tails of rare shares by their counts (0 for all others), and which contrasts these are."""
    table, share = look.table, np.nan_to_num(look.table.share)
    heavier = 2 - 1 / table.design_effect
    usual = np.maximum(1.0, look.typical / look.ideal)
    least = np.minimum(look.rows, look.rows0) * share / usual / heavier
    rare: BoolArray = table.is_share & (least < RARE)
    known = rare & (look.rows0 * share / usual >= RARE) & ~table.logit
    result = np.zeros(len(share))
    if known.any():
        result[known] = _known_share(look.take(known))
    if (unknown := rare & ~known).any():
        some = look.take(unknown)
        result[unknown] = tails.conditional_binomial(
            some.hits,
            some.rows,
            (some.hits0, some.rows0),
            some.dispersion * heavier[unknown, None],
            some.weights,
        )
    return result, rare


def _known_share(look: _Look) -> FloatArray:
    """A count whose expectation the reference knows well, with its dispersion and skewness."""
    share, dispersion = look.table.share, look.dispersion
    inside = share * (1 - share)
    half = 0.5 / look.rows / np.sqrt(inside)
    skewness = ((1 - 2 * share) / np.sqrt(inside * look.rows))[:, None]
    return tails.gamma_mixture(
        np.sign(look.excess) * np.maximum(0.0, np.abs(look.excess) - half),
        look.variance,
        skewness * (2 - 1 / dispersion) * np.sqrt(dispersion),
        look.weights,
    )


def _skewness(look: _Look, typical: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Skewness of the predicted mean, from the rows, and from the windows in two ways.

    How windows lean is seen in the reference. And where they vary by factors (shares tilted by
    exp(b c), b normal with variance tau^2), a linear contrast c of skewness gamma leans by
    3 gamma tau; log-odds do not. All have the shape of `typical`.
    """
    delta, skewness = look.table.design_effect, look.table.skewness
    own = np.minimum(1.0, look.sampling / typical)
    of_rows = skewness / np.sqrt(look.rows) * np.sqrt(delta) * (2 - 1 / delta) * own**1.5
    weights = look.weights.reshape(len(typical), len(KAPPAS), len(PHIS)).sum(axis=1)
    shared = (weights * look.memory).sum(axis=1)
    seen = look.leaning * shared**2 / typical**1.5
    factors = 3 * skewness * np.sqrt(typical) * (1 - own) ** 2
    return of_rows, seen, np.where(look.table.logit, 0.0, factors)
