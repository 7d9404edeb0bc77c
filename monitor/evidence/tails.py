"""Tail probabilities where nothing is normal by itself: thresholds lie at 1e-5 to 1e-8."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, expit, gammaincc, ndtr

from monitor.evidence.types import FloatArray

#: Skewness of the mean below which a Pearson III tail is the normal one.
NO_SKEWNESS = 1e-3
NEWTON_STEPS = 8


def normal_mixture(value: FloatArray, variance: FloatArray, weights: FloatArray) -> FloatArray:
    """One-sided P(a mean at least as far out as `value`, on its own side), averaged over cells.

    Parameters
    ----------
    value : array, shape (n,)
    variance, weights : arrays, shape (n, n_cells)
        Predictive variance in each cell, and the cells' weights (rows add up to 1).
    """
    scaled = np.abs(value)[:, None] / np.sqrt(variance)
    result: FloatArray = np.einsum("ng,ng->n", weights, ndtr(-scaled))
    return result


def fallen_odds(
    odds: FloatArray,
    fall: FloatArray,
    rows: FloatArray,
    varying: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """One-sided P of log-odds that have fallen at least so far, averaged over cells.

    The log-odds of a count lean downwards by twice the skewness of the count, and at thresholds of
    1e-6 their normal tail is up to a hundred times too light. Taken together with a normal
    variation b of the log-odds between windows, the tail is that of the signed likelihood root:
    the least of b^2/V + twice the deviance of the count from the share that b leaves.

    Parameters
    ----------
    odds : array, shape (n,)
        Log-odds of the judged share (at most one half is expected of it).
    fall : array, shape (n,), >= 0
        How far they lie below what was expected.
    rows : array, shape (n,)
        Effective rows, divided by the design effect.
    varying, weights : arrays, shape (n, n_cells)
        Variance V of the log-odds beside that of the rows, and the cells' weights.
    """
    usual, now, n = (odds + fall)[:, None], expit(odds)[:, None], rows[:, None]
    moved = np.zeros_like(varying)
    for _ in range(NEWTON_STEPS):  # convex below one half: it comes down from 0 and stays above
        share = expit(usual + moved)
        slope = 1 + varying * n * share * (1 - share)
        moved = moved - (moved + varying * n * (share - now)) / slope
    share = expit(usual + moved)
    deviance = now * np.log(now / share) + (1 - now) * np.log((1 - now) / (1 - share))
    squared = varying * (n * (share - now)) ** 2 + 2 * n * np.maximum(deviance, 0.0)
    result: FloatArray = np.einsum("ng,ng->n", weights, ndtr(-np.sqrt(squared)))
    return result


def conditional_binomial(
    hits: FloatArray,
    rows: FloatArray,
    reference: tuple[FloatArray, FloatArray],
    inflation: FloatArray,
    weights: FloatArray,
) -> FloatArray:
    """One-sided P of `hits` in `rows`, given the hits of window and reference together.

    Under no change hits ~ Bin(hits + hits0, rows / (rows + rows0)). Counts are divided by the
    inflation f >= 1 of their variance, with a continuity correction that shrinks from exact
    (f = 1) to the mid-p (f large). The side is that of the observed difference.

    Parameters
    ----------
    hits, rows : arrays, shape (n,)
    reference : (hits0, rows0), shape (n,) each
    inflation, weights : arrays, shape (n, n_cells)
    """
    hits0, rows0 = reference
    part = (rows / (rows + rows0))[:, None]
    rise = (hits * rows0 > hits0 * rows)[:, None]
    half = 0.5 * (1.0 - 1.0 / inflation)
    own, other = hits[:, None] / inflation, hits0[:, None] / inflation
    upper = _beta(own + half, other + 1.0 - half, part)
    lower = _beta(other + half, own + 1.0 - half, 1.0 - part)
    result: FloatArray = np.einsum("ng,ng->n", weights, np.where(rise, upper, lower))
    return result


def _beta(a: FloatArray, b: FloatArray, x: FloatArray) -> FloatArray:
    """Regularised incomplete beta; 1 where `a` is 0 (nothing seen is no evidence)."""
    result: FloatArray = np.where(a > 0, betainc(np.maximum(a, 1e-300), b, x), 1.0)
    return result


def gamma_mixture(
    value: FloatArray, variance: FloatArray, skewness: FloatArray, weights: FloatArray
) -> FloatArray:
    """One-sided Pearson III tail of `value`, averaged over cells; 0 on the short side.

    Rows of a share that come in clusters, and windows that differ, make its count a mixture of
    Poisson counts; with gamma mixing it is negative binomial, and this tail, half a row nearer to
    the middle, is within a fifth of that one's from two expected rows on.

    Parameters
    ----------
    value : array, shape (n,), with the continuity correction
    variance, skewness, weights : arrays, shape (n, n_cells)
    """
    held = weights > 0
    scaled = value[:, None] / np.sqrt(variance)
    tail = np.zeros_like(scaled)
    tail[held] = pearson3(scaled[held], skewness[held])
    result: FloatArray = np.einsum("ng,ng->n", weights, tail)
    return result


def pearson3(scaled: FloatArray, skewness: FloatArray) -> FloatArray:
    """One-sided tail of a standardised gamma of this skewness, on the side of `scaled`.

    Only the long side is heavier than the normal; on the short side the result is 0, so that the
    larger of this and the normal tail can be taken. Both arrays have the same shape.
    """
    result = np.zeros_like(scaled)
    long = (np.sign(scaled) == np.sign(skewness)) & (np.abs(skewness) > NO_SKEWNESS)
    shape = 4.0 / skewness[long] ** 2
    result[long] = gammaincc(shape, shape + np.abs(scaled[long]) * np.sqrt(shape))
    return result
