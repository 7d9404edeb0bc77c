"""A change of a mean, taken apart: another mix of groups, and changes within the groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Interval = tuple[float, float]
FloatArray = npt.NDArray[np.float64]
_DRAWS = 500


@dataclass(frozen=True, slots=True)
class Mix:
    """What a change of a mean consists of; `total` = `mix` + `within`."""

    total: float
    mix: float  #: the groups kept their means, and their shares changed
    within: float  #: the groups kept their shares, and their means changed
    mix_interval: Interval
    within_interval: Interval
    share: float  #: mix / total; NaN where there is no change
    share_interval: Interval  #: 95 %; unbounded where the change may be none


def decompose(
    reference: tuple[npt.ArrayLike, npt.ArrayLike],
    current: tuple[npt.ArrayLike, npt.ArrayLike],
    rng: np.random.Generator,
    *,
    design_effect: float = 1.0,
) -> Mix:
    """Take the change of a mean over groups apart (Kitagawa 1955).

    Parameters
    ----------
    reference, current : (groups, values), both of shape (n,)
        Group of each row (any integers, >= 0) and its value, finite.
    rng : Generator
        For the intervals: shares are drawn from their Dirichlet, means from their normal
        distribution.
    design_effect : float
        By how much rows that come in clusters inflate variances, >= 1.

    Notes
    -----
    With shares p, q and means m, k of a group before and now, mix is the sum of
    (q - p)(m + k)/2 and within the sum of (q + p)(k - m)/2. A group that one side lacks has no
    mean there: that of the other side stands in, so that its coming or going is mix.

    References
    ----------
    E. M. Kitagawa, "Components of a difference between two rates", Journal of the American
    Statistical Association 50, 1955.

    Examples
    --------
    >>> before = ([0] * 80 + [1] * 20, [1.0] * 80 + [5.0] * 20)
    >>> now = ([0] * 50 + [1] * 50, [1.0] * 50 + [5.0] * 50)
    >>> found = decompose(before, now, np.random.default_rng(0))
    >>> round(found.total, 6), round(found.mix, 6), round(found.within, 6), found.share
    (1.2, 1.2, 0.0, 1.0)
    """
    sides = [_Side.of(*side) for side in (reference, current)]
    size = max(len(side.counts) for side in sides)
    old, new = (side.padded(size) for side in sides)
    point = _parts(
        old.counts / max(old.counts.sum(), 1), new.counts / max(new.counts.sum(), 1),
        *_means(old, new, old.means, new.means),
    )  # fmt: skip
    total, mix = float(point.sum()), float(point[0])
    drawn = _drawn(old, new, rng, design_effect)
    shares = np.divide(drawn[0], drawn.sum(axis=0), where=drawn.sum(axis=0) != 0,
                       out=np.full(drawn.shape[1], np.nan))  # fmt: skip
    low, high = np.quantile(drawn.sum(axis=0), [0.025, 0.975])
    sure = low > 0 or high < 0
    return Mix(
        total=total,
        mix=mix,
        within=float(point[1]),
        mix_interval=_interval(drawn[0]),
        within_interval=_interval(drawn[1]),
        share=mix / total if total else float("nan"),
        share_interval=_interval(shares) if sure else (float("-inf"), float("inf")),
    )


@dataclass(frozen=True, slots=True)
class _Side:
    counts: FloatArray
    means: FloatArray  #: NaN where there are no rows
    errors: FloatArray  #: variance of each mean

    @classmethod
    def of(cls, groups: npt.ArrayLike, values: npt.ArrayLike) -> _Side:
        at, x = np.asarray(groups, np.int64), np.asarray(values, np.float64)
        counts = np.bincount(at).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.bincount(at, weights=x) / counts
            squares = np.bincount(at, weights=(x - means[at]) ** 2)
            pooled = squares.sum() / max(counts.sum() - (counts > 0).sum(), 1)
            # A group of few rows shows hardly how it varies: it borrows from all.
            errors = (squares + 5 * pooled) / (counts + 4) / counts
        return cls(counts, means, errors)

    def padded(self, size: int) -> _Side:
        wide = (0, size - len(self.counts))
        return _Side(
            np.pad(self.counts, wide),
            np.pad(self.means, wide, constant_values=np.nan),
            np.pad(self.errors, wide, constant_values=np.nan),
        )


def _means(
    old: _Side, new: _Side, before: FloatArray, now: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Means of both sides; where one has no rows that of the other, 0 where neither has."""
    was = np.where(old.counts > 0, before, now)
    then = np.where(new.counts > 0, now, before)
    return np.nan_to_num(was), np.nan_to_num(then)


def _parts(p: FloatArray, q: FloatArray, was: FloatArray, now: FloatArray) -> FloatArray:
    """(mix, within), shape (2, …); groups run along the last axis."""
    result: FloatArray = np.stack(
        [((q - p) * (was + now) / 2).sum(axis=-1), ((q + p) * (now - was) / 2).sum(axis=-1)]
    )
    return result


def _drawn(old: _Side, new: _Side, rng: np.random.Generator, delta: float) -> FloatArray:
    """(mix, within) of draws, shape (2, n_draws)."""
    shares, means = [], []
    for side in (old, new):
        shares.append(rng.dirichlet(side.counts / delta + 1e-9, _DRAWS))
        noise = rng.standard_normal((_DRAWS, len(side.counts)))
        error = np.sqrt(delta * np.nan_to_num(side.errors, posinf=0.0))
        means.append(np.nan_to_num(side.means) + error * noise)
    return _parts(shares[0], shares[1], *_means(old, new, means[0], means[1]))


def _interval(values: FloatArray) -> Interval:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return float(low), float(high)
