"""Agreement of annotators beyond chance: Krippendorff's alpha, Cohen's and Fleiss's kappa.

Every figure carries a 95 % interval by the jackknife over items, on the scale log(1 − value), so
that it never passes 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

FloatArray = npt.NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
Distance = Callable[[Any, Any], float]

#: Pairs of labels of different items that chance is learned from, where there are more.
MAX_PAIRS = 20_000
#: Below this many items no interval is given.
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Agreement:
    """1 is perfect agreement, 0 what chance gives; below 0 annotators differ systematically."""

    value: float  #: NaN where all labels are the same, or nothing can be compared
    interval: tuple[float, float] | None  #: 95 %
    items: int  #: with at least two labels
    labels: int  #: of those items
    standard_error: float | None = None


def krippendorff_alpha(
    items: npt.ArrayLike, values: npt.ArrayLike, level: Level = "nominal"
) -> Agreement:
    """Krippendorff's alpha, 1 − observed / expected disagreement.

    Parameters
    ----------
    items : array_like, shape (n,)
        Item of each label. Items with one label only say nothing and are left out.
    values : array_like, shape (n,)
        The labels: classes for "nominal"; numbers for "ordinal" (only their order counts) and
        "interval" (squared differences). NaN and None are missing.
    level : "nominal", "ordinal" or "interval"

    Notes
    -----
    All three are means of squared distances: of indicator vectors, of mid-ranks, of the numbers.
    So the sum, the sum of squares and the number of labels of each item are all that is needed,
    and leaving one item out costs nothing.

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's alpha-reliability", University of Pennsylvania, 2011.

    Examples
    --------
    >>> round(krippendorff_alpha([0, 0, 1, 1, 2, 2], ["a", "a", "b", "b", "a", "b"]).value, 3)
    0.444
    """
    units, labels = _paired(items, values)
    if not len(labels):
        return Agreement(np.nan, None, 0, 0)
    where = _placed(labels, level)
    belongs = sparse.csr_array(
        (np.ones(len(units)), (units, np.arange(len(units)))), shape=(units.max() + 1, len(units))
    )
    squares = np.asarray(belongs @ _squares(where), dtype=np.float64)
    return _alpha(belongs @ where, squares, np.bincount(units).astype(float))


def alpha_by_distance(
    items: npt.ArrayLike, values: Sequence[Any], distance: Distance, *, rng: np.random.Generator
) -> Agreement:
    """Krippendorff's alpha for labels of any kind, by a distance in [0, 1] of two of them.

    Parameters
    ----------
    items : array_like, shape (n,)
    values : sequence of n labels, of whatever `distance` understands: boxes, spans, sets
    distance : callable
        0 for the same, 1 for nothing in common.
    rng : numpy.random.Generator
        Draws `MAX_PAIRS` pairs of different items where there are more, to learn what chance does.
    """
    units = _dense(items)
    counts = np.bincount(units, minlength=1)
    kept = np.flatnonzero(counts[units] >= 2)
    units, labels = _dense(units[kept]), [values[int(place)] for place in kept]
    if not labels:
        return Agreement(np.nan, None, 0, 0)
    observed = np.array([_within(labels, units, unit, distance) for unit in range(units.max() + 1)])
    sizes = np.bincount(units).astype(float)
    expected = _between(labels, distance, rng)
    if not expected > 0:
        return Agreement(np.nan, None, len(sizes), len(labels))

    def value(total: FloatArray, size: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore"):
            return 1 - total / size / expected

    total, size = float(observed.sum()), float(sizes.sum())
    left = value(total - observed, size - sizes)
    whole = float(value(np.array(total), np.array(size)))
    return _jackknifed(whole, left, int(size), share=expected)


def cohen_kappa(first: npt.ArrayLike, second: npt.ArrayLike) -> Agreement:
    """Cohen's kappa of two annotators who labelled the same items.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Classes. Both for the same item at the same place.

    References
    ----------
    J. Cohen, "A coefficient of agreement for nominal scales", 1960.

    Examples
    --------
    >>> ann, bo = "y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    >>> round(cohen_kappa(list(ann), list(bo)).value, 2)
    0.4
    """
    one, two = np.asarray(first), np.asarray(second)
    if one.shape != two.shape:
        msg = f"{len(one)} labels of one annotator, but {len(two)} of the other"
        raise ValueError(msg)
    rows = len(one)
    if rows == 0:
        return Agreement(np.nan, None, 0, 0)
    classes, places = np.unique(np.concatenate([one, two]), return_inverse=True)
    a, b = places[:rows], places[rows:]
    in_a = np.bincount(a, minlength=len(classes)).astype(float)
    in_b = np.bincount(b, minlength=len(classes)).astype(float)
    same = (a == b).astype(float)

    def value(agreed: FloatArray, chance: FloatArray, size: float) -> FloatArray:
        by_chance = chance / size**2
        with np.errstate(invalid="ignore", divide="ignore"):
            return (agreed / size - by_chance) / (1 - by_chance)

    chance = float(in_a @ in_b)
    whole = float(value(same.sum(), np.array(chance), rows))
    # Without a row: (A − e_a)·(B − e_b) = A·B − A_b − B_a + [a = b].
    left = value(same.sum() - same, chance - in_a[b] - in_b[a] + same, max(rows - 1, 1))
    return _jackknifed(whole, left, 2 * rows, share=1 - chance / rows**2)


def fleiss_kappa(counts: npt.ArrayLike) -> Agreement:
    """Fleiss's kappa of items that all have the same number of labels.

    Parameters
    ----------
    counts : array_like, shape (items, classes)
        How many annotators gave each class.

    Raises
    ------
    ValueError
        Items differ in their number of labels (`krippendorff_alpha` does not mind), or have one.

    References
    ----------
    J. L. Fleiss, "Measuring nominal scale agreement among many raters", 1971.
    """
    table = np.asarray(counts, dtype=float)
    sizes = table.sum(axis=1)
    if len(sizes) == 0:
        return Agreement(np.nan, None, 0, 0)
    size = float(sizes[0])
    if np.ptp(sizes) > 0 or size < 2:
        msg = "Fleiss's kappa needs the same number of labels for each item, and at least two"
        raise ValueError(msg)
    agreed = ((table**2).sum(axis=1) - size) / (size * (size - 1))
    sums, rows = table.sum(axis=0), len(table)

    def value(total: FloatArray, shares: FloatArray) -> FloatArray:
        by_chance = (shares**2).sum(axis=-1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: FloatArray = (total - by_chance) / (1 - by_chance)
        return found

    whole = float(value(agreed.mean(), sums / sums.sum()))
    others = max(rows - 1, 1)
    left = value((agreed.sum() - agreed) / others, (sums - table) / (others * size))
    return _jackknifed(
        whole, left, int(sizes.sum()), share=1 - float(((sums / sums.sum()) ** 2).sum())
    )


def difference(after: Agreement, before: Agreement) -> tuple[float, tuple[float, float] | None]:
    """Later minus earlier agreement, of two separate sets of items, with a 95 % interval (MOVER).

    References
    ----------
    G. Y. Zou, A. Donner, "Construction of confidence limits about effect measures", 2008.
    """
    found = after.value - before.value
    if after.interval is None or before.interval is None or not np.isfinite(found):
        return found, None
    low = found - np.hypot(after.value - after.interval[0], before.interval[1] - before.value)
    high = found + np.hypot(after.interval[1] - after.value, before.value - before.interval[0])
    return found, (float(low), float(high))


def _dense(items: npt.ArrayLike) -> npt.NDArray[np.intp]:
    return np.unique(np.asarray(items), return_inverse=True)[1].reshape(-1).astype(np.intp)


def _paired(items: npt.ArrayLike, values: npt.ArrayLike) -> tuple[npt.NDArray[np.intp], Any]:
    """Items 0, 1, … and labels, without what is missing and without items of a single label."""
    labels = np.asarray(values)
    if labels.dtype == object:
        there = np.array([value is not None for value in labels], dtype=bool)
        labels = np.array(labels[there].tolist())
    else:
        there = np.ones(len(labels), dtype=bool)
    units = np.asarray(items)[there]
    if labels.dtype.kind == "f":
        finite = np.isfinite(labels)
        units, labels = units[finite], labels[finite]
    if not len(labels):
        return np.empty(0, dtype=np.intp), labels
    units = _dense(units)
    kept = np.bincount(units)[units] >= 2
    if not kept.any():
        return np.empty(0, dtype=np.intp), labels[:0]
    return _dense(units[kept]), labels[kept]


def _placed(labels: Any, level: Level) -> Any:
    """Labels as points whose squared distances are the disagreement, shape (n, p)."""
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    places = places.reshape(-1)
    if level == "nominal":
        rows = np.arange(len(places))
        half = np.full(len(places), 0.5**0.5)
        return sparse.csr_array((half, (rows, places)), shape=(len(places), len(counts)))
    if level == "ordinal":
        return (np.cumsum(counts) - counts / 2)[places].reshape(-1, 1)
    numbers = np.asarray(labels, dtype=float)
    return (numbers - numbers.mean()).reshape(-1, 1)


def _squares(where: Any) -> FloatArray:
    found: FloatArray = (where * where).sum(axis=1)
    return found


def _alpha(sums: Any, squares: FloatArray, sizes: FloatArray) -> Agreement:
    """From the sum, the sum of squares and the number of labels of each item."""
    length = _squares(sums)
    observed = 2 * (sizes * squares - length) / (sizes - 1)
    whole_sum = np.asarray(sums.sum(axis=0), dtype=float).reshape(-1)
    cross = np.asarray(sums @ whole_sum, dtype=float).reshape(-1)

    def value(size: Any, total: Any, square: Any, norm: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = 2 * (size * square - norm) / (size * (size - 1))
            return 1 - total / size / expected, expected

    size, total, square = sizes.sum(), observed.sum(), squares.sum()
    norm = float(whole_sum @ whole_sum)
    whole, expected = value(size, total, square, norm)
    if not expected > 1e-12 * max(1.0, square):
        return Agreement(np.nan, None, len(sizes), int(size))
    left, _ = value(size - sizes, total - observed, square - squares, norm - 2 * cross + length)
    return _jackknifed(float(whole), np.asarray(left, dtype=float), int(size), share=expected)


def _jackknifed(value: float, left: FloatArray, labels: int, *, share: float) -> Agreement:
    """A figure and its interval from the values without each item; `share` is 1 − chance."""
    items = len(left)
    if items < FEWEST or not np.isfinite(value):
        return Agreement(value, None, items, labels)
    t = float(stats.t.ppf(0.975, items - 1))
    if value >= 1 - 1e-12:
        # All alike: the jackknife would claim a width of 0; the rule of Clopper and Pearson.
        low = 1 - (1 - 0.025 ** (1 / items)) / max(share, 1e-12)
        return Agreement(1.0, (max(low, -1.0), 1.0), items, labels, 0.0)
    fine = left[np.isfinite(left) & (left < 1)]
    if len(fine) < items:
        return Agreement(value, None, items, labels)
    scale = np.log1p(-fine)
    error = float(np.sqrt((items - 1) / items * ((scale - scale.mean()) ** 2).sum()))
    middle = np.log1p(-value)
    low, high = (float(-np.expm1(middle + sign * t * error)) for sign in (1, -1))
    return Agreement(value, (max(low, -1.0), high), items, labels, error * (1 - value))


def _within(
    labels: Sequence[Any], units: npt.NDArray[np.intp], unit: int, distance: Distance
) -> float:
    """Σ of the distances of ordered pairs of an item, over its number of labels minus one."""
    own = [labels[int(place)] for place in np.flatnonzero(units == unit)]
    total = sum(distance(one, two) for at, one in enumerate(own) for two in own[at + 1 :])
    return 2 * total / (len(own) - 1)


def _between(labels: Sequence[Any], distance: Distance, rng: np.random.Generator) -> float:
    """Mean distance of two labels, whatever their items; all pairs, or `MAX_PAIRS` of them."""
    rows = len(labels)
    if rows * (rows - 1) // 2 <= MAX_PAIRS:
        one, two = np.triu_indices(rows, 1)
    else:
        one = rng.integers(rows, size=MAX_PAIRS)
        two = (one + rng.integers(1, rows, size=MAX_PAIRS)) % rows
    pairs = zip(one.tolist(), two.tolist(), strict=True)
    return float(np.mean([distance(labels[a], labels[b]) for a, b in pairs]))
