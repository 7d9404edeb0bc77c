"""The grid over how much windows vary (kappa) and how long they remember it (phi)."""

from __future__ import annotations

import numpy as np

from monitor.evidence.types import FloatArray

#: tau^2 / v0: variance between windows in units of the sampling variance of one window.
KAPPAS: FloatArray = np.array(
    [0.0, 0.1, 0.25, 0.5, *(2.0 ** np.arange(9)), *(256.0 * 3.0 ** np.arange(1, 6))]
)
#: Correlation of the variation of neighbouring windows.
PHIS: FloatArray = np.array([0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.96])
PHI_PRIOR: FloatArray = np.array([0.4, 0.25, 0.15, 0.1, 0.06, 0.03, 0.01])
ZERO_KAPPA_PRIOR = 0.3

#: The grid flattened, kappa by kappa; at kappa = 0 the seven values of phi are the same cell.
KAPPA: FloatArray = np.repeat(KAPPAS, len(PHIS))
PHI: FloatArray = np.tile(PHIS, len(KAPPAS))
CELLS = len(KAPPA)


def base_prior() -> FloatArray:
    """The prior before anything is seen, shape (CELLS,); adds up to 1."""
    rest = (1 - ZERO_KAPPA_PRIOR) / (len(KAPPAS) - 1)
    kappa = np.full(len(KAPPAS), rest)
    kappa[0] = ZERO_KAPPA_PRIOR
    return np.outer(kappa, PHI_PRIOR).ravel()


def fixed_cell(kappa: float, phi: float) -> FloatArray:
    """All weight on one cell, for contrasts whose reference cannot tell; shape (CELLS,)."""
    weight = np.zeros(CELLS)
    weight[np.argmin(np.abs(KAPPA - kappa) + np.abs(PHI - phi))] = 1.0
    return weight


def blur(prior: FloatArray) -> FloatArray:
    """Spread (1/4, 1/2, 1/4) over neighbouring kappa; mass at the ends stays there."""
    table = prior.reshape(len(KAPPAS), len(PHIS))
    padded = np.concatenate([table[:1], table, table[-1:]])
    return (0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]).ravel()


def memory(weights: FloatArray) -> FloatArray:
    """Variance factor of a weighted mean of variation with memory.

    Parameters
    ----------
    weights : array, shape (..., n_windows)
        Weights of consecutive windows, oldest first; each row adds up to 1.

    Returns
    -------
    array, shape (..., len(PHIS))
        Sum over i, j of w_i w_j phi^|i-j|; for equal weights that is
        (1 + 2 sum_k (1 - k/s) phi^k) / s.
    """
    size = weights.shape[-1]
    lags = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    powers = PHIS[:, None, None] ** lags
    return np.stack([((weights @ matrix) * weights).sum(axis=-1) for matrix in powers], axis=-1)
