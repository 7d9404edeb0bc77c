"""Many groups at once: simultaneous intervals, spread between groups, shrinkage for display."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.special

from monitor.stats.rates import z_value

FloatArray = npt.NDArray[np.float64]

_DRAWS = 20_000
_PRIOR_ROWS = 20.0
_MIN_GROUPS_FOR_PRIOR = 5


def simultaneous_confidence(
    variances: npt.ArrayLike,
    rows: npt.ArrayLike,
    rng: np.random.Generator,
    *,
    confidence: float = 0.95,
) -> float:
    """Confidence that each interval needs so that all of them hold together (max-|t|).

    The intervals are those of each group against its complement (all other groups together);
    their correlation is carried by drawing the groups' errors.

    Parameters
    ----------
    variances : array_like, shape (n_groups,)
        Sampling variance of the rate of each group.
    rows : array_like, shape (n_groups,)
        Rows of each group, > 0: the weights inside a complement.
    rng : numpy.random.Generator
        Source of the 20,000 draws; the quantile is right to about 0.02.
    confidence : float, default 0.95
        Of all intervals together.

    Returns
    -------
    float
        Confidence of each interval, between `confidence` and that of Bonferroni.

    References
    ----------
    T. Hothorn, F. Bretz, P. Westfall, "Simultaneous inference in general parametric models",
    Biometrical Journal 50, 2008.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = simultaneous_confidence([0.1, 0.1], [50, 50], rng)  # one gap, seen twice
    >>> bool(abs(one - 0.95) < 0.005)
    True
    """
    spread = np.sqrt(np.asarray(variances, dtype=np.float64))
    weights = np.asarray(rows, dtype=np.float64)
    if len(spread) < 2:
        return confidence
    errors = rng.standard_normal((_DRAWS, len(spread))) * spread
    others = (errors @ weights)[:, None] - errors * weights
    gaps = errors - others / (weights.sum() - weights)
    scale = gaps.std(axis=0)
    largest = np.max(np.abs(gaps) / np.where(scale > 0, scale, 1.0), axis=1)
    quantile = float(np.quantile(largest, confidence))
    bonferroni = 1 - (1 - confidence) / len(spread)
    quantile = min(max(quantile, z_value(confidence)), z_value(bonferroni))
    return 1 - 2 * float(scipy.special.ndtr(-quantile))


def between_group_sd(values: npt.ArrayLike, variances: npt.ArrayLike) -> tuple[float, float]:
    """Standard deviation of the groups' true values, sampling noise taken out.

    Parameters
    ----------
    values, variances : array_like, shape (n_groups,)
        Estimate of each group and its sampling variance (> 0).

    Returns
    -------
    tuple of float
        The standard deviation (0 when the groups differ no more than noise does; NaN below two
        groups), and the p-value of Cochran's Q of "all groups are alike".

    References
    ----------
    R. DerSimonian, N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7,
    1986.

    Examples
    --------
    >>> sd, p_value = between_group_sd([0.2, 0.3, 0.4], [0.001, 0.001, 0.001])
    >>> round(sd, 4), round(p_value, 6)
    (0.0949, 4.5e-05)
    """
    y, v = (np.asarray(side, dtype=np.float64) for side in (values, variances))
    if len(y) < 2:
        return math.nan, math.nan
    weights = 1 / v
    centre = float(np.sum(weights * y) / weights.sum())
    q = float(np.sum(weights * (y - centre) ** 2))
    scale = float(weights.sum() - np.sum(weights**2) / weights.sum())
    variance = max(0.0, (q - (len(y) - 1)) / scale)
    return math.sqrt(variance), float(scipy.special.chdtrc(len(y) - 1, q))


def shrink(successes: npt.ArrayLike, rows: npt.ArrayLike) -> FloatArray:
    """Rates of groups drawn to the overall rate, the more the fewer rows; for display and ranking.

    Verdicts never come from them. With 5 groups or more a beta prior is fitted to them
    (beta-binomial likelihood), below that the prior is the overall rate with 20 pseudo-rows.

    Parameters
    ----------
    successes, rows : array_like, shape (n_groups,)
        Counts of each group.

    Returns
    -------
    numpy.ndarray, shape (n_groups,)
        Posterior means, NaN without any rows at all.

    Examples
    --------
    >>> shrink([0, 50], [2, 98]).round(3).tolist()
    [0.455, 0.508]
    """
    hits, n = (np.asarray(side, dtype=np.float64) for side in (successes, rows))
    if n.sum() <= 0:
        return np.full(len(n), math.nan)
    mean = (float(hits.sum()) + 0.5) / (float(n.sum()) + 1.0)
    strength = _PRIOR_ROWS
    if np.count_nonzero(n) >= _MIN_GROUPS_FOR_PRIOR:
        mean, strength = _fit_prior(hits, n, mean)
    posterior: FloatArray = (hits + mean * strength) / (n + strength)
    return posterior


def _fit_prior(hits: FloatArray, n: FloatArray, mean: float) -> tuple[float, float]:
    """Mean and strength (pseudo-rows, 1 to 1e6) of the beta prior of greatest likelihood."""
    from scipy.optimize import minimize  # noqa: PLC0415 - a quarter of a second, seldom needed

    def loss(point: FloatArray) -> float:
        centre = float(scipy.special.expit(point[0]))
        a, b = centre * math.exp(point[1]), (1 - centre) * math.exp(point[1])
        fit = scipy.special.betaln(hits + a, n - hits + b) - scipy.special.betaln(a, b)
        return -float(np.sum(fit))

    start = np.array([math.log(mean / (1 - mean)), math.log(_PRIOR_ROWS)])
    bounds = [(start[0] - 5, start[0] + 5), (0.0, math.log(1e6))]
    best = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    return float(scipy.special.expit(best.x[0])), math.exp(float(best.x[1]))
