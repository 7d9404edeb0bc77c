"""What all contrasts together teach about one: a prior in three levels, learned by EM.

All contrasts, each kind, and the bins or levels of one column; each level is shrunk to the one
above, so that a column with six windows leans on its neighbours and one with fifty on itself.
"""

from __future__ import annotations

import numpy as np

from monitor.evidence.contrasts import BIN, KINDS, LEVEL
from monitor.evidence.grid import base_prior, blur
from monitor.evidence.layout import BoolArray
from monitor.evidence.types import FloatArray, IntArray

KIND_STRENGTH = 10.0  #: pseudo-contrasts of the overall prior in a kind's
COLUMN_STRENGTH = 2.0  #: pseudo-contrasts of the kind's prior in a column's


def independent_share(residuals: FloatArray, degrees: int) -> float:
    """Share of the contrasts that are independent, 1 / (1 + (m - 1) rho).

    Parameters
    ----------
    residuals : array, shape (n_windows, m)
    degrees : int
        Windows minus the rank of the design; with independent series the squared correlation is
        1 / degrees on average, which is taken off.
    """
    size = np.sqrt((residuals**2).sum(axis=0))
    unit = residuals[:, size > 0] / size[size > 0]
    count = unit.shape[1]
    if count < 2 or degrees < 2:
        return 1.0
    squared = float(((unit @ unit.T) ** 2).sum() - count) / (count * (count - 1))
    chance = 1.0 / degrees
    rho = max(0.0, (squared - chance) / (1.0 - chance))
    return float(1.0 / (1.0 + (count - 1) * rho))


def learn(
    likelihood: FloatArray, start: FloatArray, *, strength: float, share: float, steps: int
) -> FloatArray:
    """EM for the weights of the cells, shrunk to `start` with `strength` pseudo-contrasts.

    `likelihood` has shape (m, CELLS), each row scaled to a largest entry of 1.
    """
    weights = start
    for _ in range(steps):
        posterior = likelihood * weights
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
        weights = (share * posterior.sum(axis=0) + strength * start) / (
            share * len(likelihood) + strength
        )
    return weights


def posteriors(
    log_likelihood: FloatArray,
    kind: IntArray,
    column: IntArray,
    residuals: FloatArray,
    *,
    degrees: int,
    counted: BoolArray,
) -> FloatArray:
    """Weights of the cells for each contrast.

    Parameters
    ----------
    log_likelihood : array, shape (n_contrasts, CELLS)
    kind, column : arrays, shape (n_contrasts,)
    residuals : array, shape (n_windows, n_contrasts)
        Of the reference series, for their correlations.
    counted : boolean array, shape (n_contrasts,)
        Contrasts that teach the prior; the others only use it.

    Returns
    -------
    array, shape (n_contrasts, CELLS); each row adds up to 1.
    """
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True, initial=-1e300))

    def share(some: BoolArray) -> float:
        return independent_share(residuals[:, some], degrees)

    overall = base_prior()
    if counted.any():
        overall = learn(likelihood[counted], overall, strength=1.0, share=share(counted), steps=60)
    result = np.zeros_like(likelihood)
    for code in range(len(KINDS)):
        of_kind = kind == code
        if not of_kind.any():
            continue
        some = of_kind & counted
        prior = overall
        if some.any():
            prior = learn(
                likelihood[some], overall, strength=KIND_STRENGTH, share=share(some), steps=40
            )
        prior = blur(blur(prior))
        result[of_kind] = prior
        if code in (BIN, LEVEL):
            for owner in np.unique(column[some]):
                own = some & (column == owner)
                told, part = likelihood[own], share(own)
                its = learn(told, prior, strength=COLUMN_STRENGTH, share=part, steps=15)
                result[own] = blur(blur(its))
    result *= likelihood
    weights: FloatArray = result / result.sum(axis=1, keepdims=True)
    return weights
