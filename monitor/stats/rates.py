"""Rates, their gaps and ratios, with intervals that keep what they promise on few rows."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import scipy.special

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its interval; `rows` are those it rests on, before any design effect."""

    value: float  #: NaN when there is nothing to estimate it from
    interval: Interval
    rows: int = 0

    @property
    def known(self) -> bool:
        """Whether there was anything to estimate it from."""
        return not math.isnan(self.value)


UNKNOWN = Estimate(math.nan, (math.nan, math.nan), 0)


@functools.cache
def z_value(confidence: float) -> float:
    """Two-sided normal quantile.

    >>> round(z_value(0.95), 3)
    1.96
    """
    return -float(scipy.special.ndtri((1 - confidence) / 2))


def effective_rows(rows: float, design_effect: float) -> float:
    """Rows that independent sampling would need for the same precision (Korn and Graubard 1998).

    >>> effective_rows(300, 3.0), effective_rows(300, 0.5)
    (100.0, 300.0)
    """
    return rows / max(1.0, design_effect)


def wilson(
    successes: float, rows: float, *, confidence: float = 0.95, design_effect: float = 1.0
) -> Estimate:
    """A rate with Wilson's score interval.

    Parameters
    ----------
    successes, rows : float
        Counts, 0 <= successes <= rows.
    confidence : float, default 0.95
        Coverage of the interval.
    design_effect : float, default 1, >= 1
        Rows are divided by it.

    Returns
    -------
    Estimate
        A share of 0..1; without rows the value is NaN and the interval (0, 1).

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22, 1927. Design effect: Korn and Graubard, "Confidence intervals for proportions with
    small expected number of positive counts", Survey Methodology 24, 1998.

    Examples
    --------
    >>> rate = wilson(7, 20)
    >>> rate.value, [round(end, 4) for end in rate.interval]
    (0.35, [0.1812, 0.5671])
    """
    if rows <= 0:
        return Estimate(math.nan, (0.0, 1.0), 0)
    share, n = successes / rows, effective_rows(rows, design_effect)
    z = z_value(confidence)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if share == 0 else max(0.0, centre - half)
    high = 1.0 if share == 1 else min(1.0, centre + half)
    return Estimate(share, (low, high), round(rows))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """`first - second` of two independent estimates, by MOVER.

    Of two Wilson intervals it is Newcombe's method 10; of two differences it is the interval of
    a difference of differences. The ends keep the confidence that the two intervals have.

    References
    ----------
    G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures: a general
    approach", Statistics in Medicine 27, 2008. R. G. Newcombe, "Interval estimation for the
    difference between independent proportions", Statistics in Medicine 17, 1998.

    Examples
    --------
    >>> gap = difference(wilson(56, 70), wilson(48, 80))
    >>> round(gap.value, 4), [round(end, 4) for end in gap.interval]
    (0.2, [0.0524, 0.3339])
    """
    if not (first.known and second.known):
        return UNKNOWN
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    value = first.value - second.value
    low = value - math.hypot(first.value - low_1, high_2 - second.value)
    high = value + math.hypot(high_1 - first.value, second.value - low_2)
    return Estimate(value, (low, high), first.rows)


def ratio(first: Estimate, second: Estimate) -> Estimate:
    """`first / second` of two independent non-negative estimates, by MOVER-R.

    With a zero in the denominator the upper end is infinite, and so is the value (NaN for 0/0).

    References
    ----------
    A. Donner, G. Y. Zou, "Closed-form confidence intervals for functions of the normal mean and
    standard deviation", Statistical Methods in Medical Research 21, 2012.

    Examples
    --------
    >>> both = ratio(wilson(56, 70), wilson(48, 80))
    >>> round(both.value, 4), [round(end, 3) for end in both.interval]
    (1.3333, [1.078, 1.663])
    >>> ratio(wilson(5, 10), wilson(0, 10)).interval[1]
    inf
    """
    if not (first.known and second.known):
        return UNKNOWN
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    product = first.value * second.value
    over = low_1 * (2 * first.value - low_1)
    root = math.sqrt(max(0.0, product**2 - over * high_2 * (2 * second.value - high_2)))
    low = over / (product + root) if over > 0 else 0.0
    under = low_2 * (2 * second.value - low_2)
    if second.value <= 0 or under <= 0:
        value = math.inf if first.value > 0 and second.value <= 0 else math.nan
        value = first.value / second.value if second.value > 0 else value
        return Estimate(value, (low, math.inf), first.rows)
    root = math.sqrt(max(0.0, product**2 - high_1 * (2 * first.value - high_1) * under))
    return Estimate(first.value / second.value, (low, (product + root) / under), first.rows)


def newcombe(
    successes: tuple[float, float],
    rows: tuple[float, float],
    *,
    confidence: float = 0.95,
    design_effect: float = 1.0,
) -> Estimate:
    """Difference of two independent rates, the first minus the second (Newcombe's method 10).

    >>> [round(end, 4) for end in newcombe((56, 48), (70, 80)).interval]
    [0.0524, 0.3339]
    """
    first, second = (
        wilson(hits, n, confidence=confidence, design_effect=design_effect)
        for hits, n in zip(successes, rows, strict=True)
    )
    return difference(first, second)


def rate_variance(successes: float, rows: float, design_effect: float = 1.0) -> float:
    """Sampling variance of a rate; at 0 and 1 two successes and two failures are added.

    So a rate of 0 of 50 is not thought to be exact (Agresti and Coull 1998).

    >>> round(rate_variance(0, 50), 6), round(rate_variance(25, 50), 6)
    (0.00066, 0.00463)
    """
    if rows <= 0:
        return math.inf
    n = effective_rows(rows, design_effect) + 4
    share = (successes / rows * (n - 4) + 2) / n
    return share * (1 - share) / n


def required_rows(
    effect: float,
    *,
    variance: float = 1.0,
    level: float = 0.05,
    power: float = 0.84,
    design_effect: float = 1.0,
    reference_rows: float = math.inf,
) -> int:
    """Rows that the current window needs for a shift of `effect` to be seen.

    Parameters
    ----------
    effect : float, > 0
        Size of the shift, in the root of the unit of `variance` (sd, or share of rows).
    variance : float, default 1
        Variance of one row: 1 in sd, p(1 - p) for a share.
    level : float, default 0.05
        Two-sided level of the test.
    power : float, default 0.84
        Chance to see it; 0.84 is one standard error beyond the threshold.
    design_effect : float, default 1, >= 1
        Variance over that of independent rows.
    reference_rows : float, default inf
        Rows of the reference; when it is itself too small, no number of rows helps: -1.

    Examples
    --------
    >>> required_rows(0.25)
    140
    >>> required_rows(0.05, reference_rows=100)
    -1
    """
    z = z_value(1 - level) + float(scipy.special.ndtri(power))
    budget = (effect / z) ** 2 / (variance * max(1.0, design_effect)) - 1 / reference_rows
    return math.ceil(1 / budget) if budget > 0 else -1
