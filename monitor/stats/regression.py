"""Regression metrics from the moments of the error (prediction minus label)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy.special

from monitor.stats.rates import UNKNOWN, Estimate, effective_rows, z_value


@dataclass(frozen=True, slots=True)
class ErrorMoments:
    """Sums over the rows that have both label and prediction."""

    rows: float
    error: float  #: sum of prediction - label
    squared: float
    absolute: float


def mean_error(
    moments: ErrorMoments, *, confidence: float = 0.95, design_effect: float = 1.0
) -> Estimate:
    """Mean of prediction minus label; above 0 the model says too much.

    >>> mean_error(ErrorMoments(rows=4, error=2, squared=2, absolute=2)).value
    0.5
    """
    if moments.rows <= 0:
        return UNKNOWN
    mean = moments.error / moments.rows
    half = _half(moments.squared / moments.rows - mean**2, moments, confidence, design_effect)
    return Estimate(mean, (mean - half, mean + half), round(moments.rows))


def mean_absolute_error(
    moments: ErrorMoments, *, confidence: float = 0.95, design_effect: float = 1.0
) -> Estimate:
    """Mean of |prediction - label|.

    >>> mean_absolute_error(ErrorMoments(rows=4, error=0, squared=4, absolute=4)).value
    1.0
    """
    if moments.rows <= 0:
        return UNKNOWN
    mean = moments.absolute / moments.rows
    half = _half(moments.squared / moments.rows - mean**2, moments, confidence, design_effect)
    return Estimate(mean, (max(0.0, mean - half), mean + half), round(moments.rows))


def root_mean_squared_error(
    moments: ErrorMoments, *, confidence: float = 0.95, design_effect: float = 1.0
) -> Estimate:
    """Root of the mean of (prediction - label)².

    Notes
    -----
    log(RMSE) has variance (kurtosis - 1) / 4n. The fourth moment is not kept; the kurtosis is
    that of the generalised normal law with the same ratio of mean absolute and root mean squared
    error (K. Sharifi, A. Leon-Garcia, IEEE Trans. Circuits Syst. Video Technol. 5, 1995).

    Examples
    --------
    >>> rmse = root_mean_squared_error(ErrorMoments(rows=100, error=0, squared=400, absolute=160))
    >>> rmse.value, [round(end, 2) for end in rmse.interval]
    (2.0, [1.74, 2.29])
    """
    if moments.rows <= 0 or moments.squared < 0:
        return UNKNOWN
    value = math.sqrt(moments.squared / moments.rows)
    if value == 0:
        return Estimate(0.0, (0.0, 0.0), round(moments.rows))
    kurtosis = kurtosis_of_ratio(moments.absolute / moments.rows / value)
    rows = effective_rows(moments.rows, design_effect)
    half = z_value(confidence) * math.sqrt((kurtosis - 1) / (4 * rows))
    return Estimate(value, (value * math.exp(-half), value * math.exp(half)), round(moments.rows))


def kurtosis_of_ratio(ratio: float) -> float:
    """Kurtosis of the generalised normal law with that ratio of mean absolute to rms error.

    >>> round(kurtosis_of_ratio(0.7978845608), 3)  # the normal law
    3.0
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - a quarter of a second, seldom needed

    shortest, longest = 0.3, 30.0
    if ratio <= _ratio(shortest):
        shape = shortest
    elif ratio >= _ratio(longest):
        shape = longest
    else:
        shape = float(brentq(lambda beta: _ratio(beta) - ratio, shortest, longest))
    log_gamma = scipy.special.gammaln
    return math.exp(log_gamma(5 / shape) + log_gamma(1 / shape) - 2 * log_gamma(3 / shape))


def _ratio(shape: float) -> float:
    log_gamma = scipy.special.gammaln
    return math.exp(log_gamma(2 / shape) - (log_gamma(1 / shape) + log_gamma(3 / shape)) / 2)


def _half(variance: float, moments: ErrorMoments, confidence: float, design_effect: float) -> float:
    rows = effective_rows(moments.rows, design_effect)
    return z_value(confidence) * math.sqrt(max(0.0, variance) / rows)
