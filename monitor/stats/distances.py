"""Distances between two binned samples: PSI, Jensen-Shannon, Kolmogorov-Smirnov, Wasserstein.

They describe how far two histograms lie apart. They do not decide: whether a distance is drift is
a question for `monitor.evidence`, which knows how windows vary by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.special

FloatArray = npt.NDArray[np.float64]

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance with what chance alone would make of it.

    Without rows on one side everything is NaN.
    """

    statistic: float  #: as the textbook defines it
    corrected: float  #: small-sample bias taken out, never below 0
    p_value: float  #: of "both samples share one distribution"; NaN where there is no test
    interval: tuple[float, float]  #: 95 %, of `corrected`
    expected: float  #: what `statistic` is on average without any difference


_NOTHING = Distance(math.nan, math.nan, math.nan, (math.nan, math.nan), math.nan)


def psi(
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    pseudocount: float = 0.5,
    design_effect: float = 1.0,
) -> Distance:
    """Population stability index of two binned samples.

    Parameters
    ----------
    reference, current : array_like, shape (n_bins,)
        Counts per bin, over the same bins. Counts, not shares.
    pseudocount : float, default 0.5
        Added to every count of both samples, so that an empty bin stays finite. Bins that are
        empty on both sides are left out.
    design_effect : float, default 1, >= 1
        Variance of a share over that of independent rows.

    Returns
    -------
    Distance
        In nats, >= 0.

    Notes
    -----
    PSI = sum (q - p) log(q / p). Without drift, PSI / (1/n + 1/m) is asymptotically chi-squared
    with n_bins - 1 degrees of freedom [1]_; its mean is the bias that `corrected` takes out. The
    interval adds the variance by the delta method to that of the chi-squared.

    References
    ----------
    .. [1] B. Yurdakul, "Statistical Properties of Population Stability Index",
       PhD thesis, Western Michigan University, 2018.

    Examples
    --------
    >>> result = psi([120, 230, 410, 190, 50], [95, 210, 420, 205, 70])
    >>> round(result.statistic, 4), round(result.p_value, 3)
    (0.0156, 0.098)
    >>> round(result.corrected, 4)
    0.0076
    """
    counts = _both(reference, current)
    if counts is None:
        return _NOTHING
    p, q, unit = *(_shares(side + pseudocount) for side in counts), _unit(counts, design_effect)
    statistic = float(np.sum((q - p) * np.log(q / p)))
    freedom = len(p) - 1
    variance = _delta_variance(
        (p, np.log(p / q) + 1 - q / p), (q, np.log(q / p) + 1 - p / q), counts, design_effect
    )
    spread = math.sqrt(variance + 2 * freedom * unit**2)
    return _distance(statistic, freedom * unit, spread, _chi2_p(statistic / unit, freedom))


def js_divergence(
    reference: npt.ArrayLike, current: npt.ArrayLike, *, design_effect: float = 1.0
) -> Distance:
    """Jensen-Shannon divergence of two binned samples.

    Parameters
    ----------
    reference, current : array_like, shape (n_bins,)
        Counts per bin, over the same bins. An empty bin adds a finite amount.
    design_effect : float, default 1, >= 1
        Variance of a share over that of independent rows.

    Returns
    -------
    Distance
        In nats, from 0 to log 2.

    Notes
    -----
    Without drift it is an eighth of the PSI: 8 JS / (1/n + 1/m) is asymptotically chi-squared
    with n_bins - 1 degrees of freedom (both are f-divergences; J. Lin, "Divergence measures based
    on the Shannon entropy", IEEE Trans. Inf. Theory 37, 1991).

    Examples
    --------
    >>> result = js_divergence([120, 230, 410, 190, 50], [95, 210, 420, 205, 70])
    >>> round(result.statistic, 5), round(result.corrected, 5)
    (0.00197, 0.00097)
    """
    counts = _both(reference, current)
    if counts is None:
        return _NOTHING
    p, q, unit = _shares(counts[0]), _shares(counts[1]), _unit(counts, design_effect) / 8
    middle = (p + q) / 2
    to_p, to_q = (scipy.special.rel_entr(side, middle) for side in (p, q))
    statistic = max(0.0, float(np.sum(to_p) + np.sum(to_q)) / 2)
    slopes = [0.5 * np.log(np.where(side > 0, side, middle) / middle) for side in (p, q)]
    variance = _delta_variance((p, slopes[0]), (q, slopes[1]), counts, design_effect)
    freedom = len(p) - 1
    spread = math.sqrt(variance + 2 * freedom * unit**2)
    return _distance(
        statistic, freedom * unit, spread, _chi2_p(statistic / unit, freedom), math.log(2)
    )


def js(reference: npt.ArrayLike, current: npt.ArrayLike, *, design_effect: float = 1.0) -> Distance:
    """Jensen-Shannon distance: the root of the divergence in nats, as in scipy.

    The bias is taken out of the divergence, before the root.

    Parameters
    ----------
    reference, current : array_like, shape (n_bins,)
        Counts per bin, over the same bins.
    design_effect : float, default 1, >= 1
        Variance of a share over that of independent rows.

    Returns
    -------
    Distance
        From 0 to sqrt(log 2) = 0.83.

    Examples
    --------
    >>> round(js([120, 230, 410, 190, 50], [95, 210, 420, 205, 70]).statistic, 4)
    0.0443
    >>> round(js([10, 0], [0, 10]).statistic, 4)
    0.8326
    """
    squared = js_divergence(reference, current, design_effect=design_effect)
    low, high = squared.interval
    return Distance(
        statistic=math.sqrt(squared.statistic),
        corrected=math.sqrt(squared.corrected),
        p_value=squared.p_value,
        interval=(math.sqrt(low), math.sqrt(high)),
        expected=math.sqrt(squared.expected),
    )


def chi2(
    reference: npt.ArrayLike, current: npt.ArrayLike, *, design_effect: float = 1.0
) -> Distance:
    """Pearson's chi-squared statistic of two rows of counts, divided by the design effect.

    Parameters
    ----------
    reference, current : array_like, shape (n_bins,)
        Counts per bin. Bins empty on both sides are left out.
    design_effect : float, default 1, >= 1
        Rao and Scott's first-order correction: the statistic is divided by it.

    Returns
    -------
    Distance
        `corrected` is the statistic minus its degrees of freedom; without an interval.

    Examples
    --------
    >>> result = chi2([120, 230, 410, 190, 50], [95, 210, 420, 205, 70])
    >>> round(result.statistic, 3), round(result.p_value, 3)
    (7.84, 0.098)
    """
    counts = _both(reference, current)
    if counts is None:
        return _NOTHING
    if len(counts[0]) < 2:
        return Distance(0.0, 0.0, 1.0, (0.0, 0.0), 0.0)
    both = np.stack(counts)
    expected = np.outer(both.sum(axis=1), both.sum(axis=0)) / both.sum()
    statistic = float(np.sum((both - expected) ** 2 / expected)) / design_effect
    freedom = both.shape[1] - 1
    corrected = max(0.0, statistic - freedom)
    return Distance(
        statistic, corrected, _chi2_p(statistic, freedom), (math.nan, math.nan), float(freedom)
    )


def ks(reference: npt.ArrayLike, current: npt.ArrayLike, *, design_effect: float = 1.0) -> Distance:
    """Kolmogorov-Smirnov distance of two binned samples: the largest gap of their CDFs.

    Parameters
    ----------
    reference, current : array_like, shape (n_bins,)
        Counts per bin in the order of the values; the finer the bins, the nearer to the exact
        distance, which is never exceeded.
    design_effect : float, default 1, >= 1
        Variance of a share over that of independent rows.

    Returns
    -------
    Distance
        From 0 to 1. `corrected` equals `statistic`: people compare it with other programs. The
        interval is Kolmogorov's band for the difference of both CDFs, and the p-value is on the
        safe side where there are few bins.

    Examples
    --------
    >>> result = ks([120, 230, 410, 190, 50], [95, 210, 420, 205, 70])
    >>> round(result.statistic, 3), round(result.p_value, 2)
    (0.045, 0.26)
    """
    counts = _both(reference, current)
    if counts is None:
        return _NOTHING
    gaps = np.cumsum(_shares(counts[1])) - np.cumsum(_shares(counts[0]))
    statistic = min(1.0, float(np.max(np.abs(gaps))))
    root = math.sqrt(_unit(counts, design_effect))
    p_value = float(scipy.special.kolmogorov(statistic / root))
    half = float(scipy.special.kolmogi(0.05)) * root
    interval = (max(0.0, statistic - half), min(1.0, statistic + half))
    return Distance(
        statistic, statistic, p_value, interval, math.sqrt(math.pi / 2) * math.log(2) * root
    )


def wasserstein(
    values: npt.ArrayLike,
    reference: npt.ArrayLike,
    current: npt.ArrayLike,
    *,
    design_effect: float = 1.0,
) -> Distance:
    """First Wasserstein distance ("earth mover's") of two binned samples.

    Parameters
    ----------
    values : array_like, shape (n_bins,)
        The value that stands for each bin, ascending.
    reference, current : array_like, shape (n_bins,)
        Counts per bin.
    design_effect : float, default 1, >= 1
        Variance of a share over that of independent rows.

    Returns
    -------
    Distance
        In the unit of `values`; divide them by the reference's standard deviation beforehand to
        get reference sd. `corrected` equals `statistic`. No p-value.

    Notes
    -----
    W = integral |F - G| dx. The interval is the delta method (W is linear in F and G between the
    points where F - G changes its sign), widened by the mean that chance alone gives
    (sqrt(2/pi) times the integral of the standard error of F - G) at its lower end.

    Examples
    --------
    >>> round(wasserstein([0, 1, 2], [5, 5, 0], [0, 5, 5]).statistic, 3)
    1.0
    """
    points = np.asarray(values, dtype=np.float64)
    old, new = (np.asarray(side, dtype=np.float64) for side in (reference, current))
    if old.sum() <= 0 or new.sum() <= 0:
        return _NOTHING
    steps = np.diff(points)
    lower, upper = np.cumsum(_shares(old))[:-1], np.cumsum(_shares(new))[:-1]
    gap = upper - lower
    statistic = float(np.sum(np.abs(gap) * steps))
    unit = design_effect * (1 / old.sum() + 1 / new.sum())
    pooled = np.cumsum(_shares(old + new))[:-1]
    error = np.sqrt(np.clip(pooled * (1 - pooled), 0, None) * unit)
    expected = math.sqrt(2 / math.pi) * float(np.sum(error * steps))
    height = np.concatenate(([0.0], np.cumsum(np.sign(gap) * steps)))
    variance = _delta_variance(
        (_shares(old), height), (_shares(new), height), (old, new), design_effect
    )
    half = _Z95 * math.sqrt(variance)
    interval = (max(0.0, statistic - max(half, expected)), statistic + half)
    return Distance(statistic, statistic, math.nan, interval, expected)


def _both(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[FloatArray, FloatArray] | None:
    """Counts over the bins that are not empty on both sides; None when a side has no rows."""
    old, new = (np.asarray(side, dtype=np.float64) for side in (reference, current))
    if old.shape != new.shape or old.ndim != 1:
        msg = f"both samples need the same bins, got {old.shape} and {new.shape}"
        raise ValueError(msg)
    if old.sum() <= 0 or new.sum() <= 0:
        return None
    kept = (old + new) > 0
    return old[kept], new[kept]


def _shares(counts: FloatArray) -> FloatArray:
    shares: FloatArray = counts / counts.sum()
    return shares


def _unit(counts: tuple[FloatArray, FloatArray], design_effect: float) -> float:
    return design_effect * float(1 / counts[0].sum() + 1 / counts[1].sum())


def _chi2_p(statistic: float, freedom: int) -> float:
    return float(scipy.special.chdtrc(freedom, statistic)) if freedom > 0 else 1.0


def _delta_variance(
    old: tuple[FloatArray, FloatArray],
    new: tuple[FloatArray, FloatArray],
    counts: tuple[FloatArray, FloatArray],
    design_effect: float,
) -> float:
    """Variance of a smooth function of two multinomial samples, from (shares, slopes)."""
    total = 0.0
    for (shares, slopes), rows in zip((old, new), counts, strict=True):
        centre = float(np.sum(shares * slopes))
        total += float(np.sum(shares * (slopes - centre) ** 2)) / float(rows.sum())
    return design_effect * total


def _distance(
    statistic: float, bias: float, spread: float, p_value: float, limit: float = math.inf
) -> Distance:
    corrected = max(0.0, statistic - bias)
    low, high = statistic - bias - _Z95 * spread, statistic - bias + _Z95 * spread
    interval = (max(0.0, low), min(limit, max(0.0, high)))
    return Distance(statistic, corrected, p_value, interval, bias)
