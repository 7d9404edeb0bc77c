"""How reference windows vary: the likelihood of each cell, and the reference's own error.

A contrast's series d over the reference windows has covariance v0 C, C = R + kappa phi^|i-j|,
where R holds the sampling variances of the windows relative to their mean v0. Contrasts whose
windows have the same relative sizes share all matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.evidence.grid import CELLS, KAPPAS, PHIS
from monitor.evidence.types import FloatArray, IntArray

#: Likelihoods are products over stretches of at most this many windows (hourly references).
STRETCH = 192
#: Relative window sizes are rounded to this (natural log), so that columns share matrices.
PATTERN_STEP = 0.2
LEAST_FOR_LEANING = 6
#: A skewness below the square root of this many standard errors counts as none.
DOUBTED = 4.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """Windows that some contrasts share: where they are, and how noisy each is."""

    at: IntArray  #: positions of the windows that have rows, shape (h,)
    relative: FloatArray  #: sampling variance / mean sampling variance, shape (h,)
    design: FloatArray  #: shape (h, rank)
    fit: FloatArray  #: weighted least squares, coefficients = fit @ series, shape (rank, h)


def patterns(variances: FloatArray, design: FloatArray) -> tuple[list[Pattern], IntArray]:
    """Group sources of variance by the windows they have.

    Parameters
    ----------
    variances : array, shape (n_windows, n_sources)
        Sampling variance of each window, up to a factor of the source; inf where it has no rows.
    design : array, shape (n_windows, rank)

    Returns
    -------
    patterns, and for each source the index of its pattern (-1: no window has rows).
    """
    has = np.isfinite(variances)
    logs = np.log(np.where(has, variances, 1.0))
    typical = _row_median(np.where(has, logs, np.nan))
    off = np.where(has, logs - typical[:, None], np.nan)
    off -= _row_median(off.T)
    steps = np.where(has, np.round(np.nan_to_num(off) / PATTERN_STEP), np.inf)
    unique, index = np.unique(steps.T, axis=0, return_inverse=True)
    found: list[Pattern] = []
    number = np.full(len(unique), -1)
    for row, step in enumerate(unique):
        at = np.flatnonzero(np.isfinite(step))
        if not len(at):
            continue
        relative = np.exp(typical[at] + step[at] * PATTERN_STEP)
        relative /= relative.mean()
        inside = design[at]
        weighted = inside.T / relative
        fit = np.linalg.pinv(weighted @ inside) @ weighted
        number[row] = len(found)
        found.append(Pattern(at, relative, inside, fit))
    return found, number[np.ravel(index)]


def _row_median(values: FloatArray) -> FloatArray:
    """Medians of the rows, 0 where all are nan."""
    result = np.zeros(len(values))
    some = ~np.isnan(values).all(axis=1)
    if some.any():
        result[some] = np.nanmedian(values[some], axis=1)
    return result


def log_likelihood(pattern: Pattern, series: FloatArray) -> FloatArray:
    """Restricted log-likelihood of each cell.

    Parameters
    ----------
    series : array, shape (h, n_contrasts)
        In units of the square root of v0.

    Returns
    -------
    array, shape (n_contrasts, CELLS)
        All zeros where there are no more windows than coefficients.
    """
    result = np.zeros((series.shape[1], CELLS))
    pieces = max(1, -(-len(pattern.at) // STRETCH))
    for piece in np.array_split(np.arange(len(pattern.at)), pieces):
        design = _full_rank(pattern.design[piece])
        if len(piece) <= design.shape[1]:
            continue
        lags = np.abs(np.subtract.outer(pattern.at[piece], pattern.at[piece]))
        for phi_index, phi in enumerate(PHIS):
            covariance = KAPPAS[:, None, None] * phi**lags + np.diag(pattern.relative[piece])
            result[:, phi_index :: len(PHIS)] += _restricted(covariance, design, series[piece])
    return result


def _full_rank(design: FloatArray) -> FloatArray:
    """An orthonormal basis of the design's columns."""
    left, values, _ = np.linalg.svd(design, full_matrices=False)
    return left[:, values > 1e-9 * values.max(initial=1e-300)]


def _restricted(covariance: FloatArray, design: FloatArray, series: FloatArray) -> FloatArray:
    """Restricted log-likelihoods, shape (n_contrasts, n_matrices)."""
    inverse = np.linalg.inv(covariance)
    weighted = inverse @ design
    information = design.T @ weighted
    projection = inverse - weighted @ np.linalg.solve(information, weighted.swapaxes(1, 2))
    logs = np.linalg.slogdet(covariance)[1] + np.linalg.slogdet(information)[1]
    quadratic = np.stack(
        [((matrix @ series) * series).sum(axis=0) for matrix in projection], axis=1
    )
    result: FloatArray = -0.5 * (logs + quadratic)
    return result


def reference_error(pattern: Pattern) -> FloatArray:
    """Covariance of the fitted coefficients in units of v0, shape (1 + len(PHIS), rank, rank).

    First by the rows alone, then what a variation of kappa = 1 adds, for each phi.
    """
    rank = pattern.fit.shape[0]
    sampling = (pattern.fit * pattern.relative) @ pattern.fit.T
    spread = np.zeros((int(pattern.at.max()) + 1, rank))
    spread[pattern.at] = pattern.fit.T
    varying = np.stack([spread.T @ _correlated(float(phi), spread) for phi in PHIS])
    return np.concatenate([sampling[None], varying])


def _correlated(phi: float, spread: FloatArray) -> FloatArray:
    """The matrix phi^|i-j| times `spread`, shape (n, rank)."""
    lags = np.arange(len(spread))
    if len(spread) <= STRETCH:
        return np.asarray(phi ** np.abs(lags[:, None] - lags) @ spread)
    from scipy.linalg import matmul_toeplitz  # noqa: PLC0415 - few references are so long

    return np.asarray(matmul_toeplitz(phi**lags, spread))


def residuals(pattern: Pattern, series: FloatArray) -> FloatArray:
    """What the design leaves of the series, shape (h, n_contrasts)."""
    result: FloatArray = series - pattern.design @ (pattern.fit @ series)
    return result


def leaning(left: FloatArray, of_rows: FloatArray) -> FloatArray:
    """Third cumulant of the variation between windows, in units of v0^1.5.

    A sample skewness is mostly noise: it counts by what is beyond its own error (as James and
    Stein shrink a mean), or as far as the windows vary more than their rows, whichever is more.

    Parameters
    ----------
    left : array, shape (h, n_contrasts)
        Residual series, in units of the square root of v0.
    of_rows : array, shape (n_contrasts,)
        The third cumulant that rows alone give, in the same units.

    Returns
    -------
    array, shape (n_contrasts,); 0 with fewer than 6 windows.
    """
    windows = len(left)
    if windows < LEAST_FOR_LEANING:
        return np.zeros(left.shape[1])
    second = np.maximum((left**2).mean(axis=0), 1e-12)
    third = (left**3).mean(axis=0) * windows**2 / ((windows - 1) * (windows - 2))
    skewness = (third - of_rows) / second**1.5
    beyond = 1 - DOUBTED * 6 / windows / np.maximum(skewness**2, 1e-12)
    varying = np.maximum(0.0, 1 - 1 / second) ** 1.5 * windows / (windows + 15)
    result: FloatArray = (third - of_rows) * np.clip(np.maximum(beyond, varying), 0.0, 1.0)
    return result
