"""What the returned labels say about all rows: a figure, and an interval where one is due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from monitor.curation.rows import BoolArray, FloatArray

#: Below this effective number of labels there is no interval.
FEWEST = 30
#: Below this many labels λ is not estimated, but 1.
FEWEST_FOR_LAMBDA = 20
#: Variance below which a column says nothing.
_FLAT = 1e-12
#: A row that the fit follows all but wholly would make the error infinite.
_MOST_LEVERAGE = 0.9


@dataclass(frozen=True)
class Answers:
    """What came back of the queue of one window.

    Raises
    ------
    ValueError
        When the arrays differ in length, or a probability is not in (0, 1].
    """

    values: npt.ArrayLike  #: (j,) z of each labelled row: 1 for a correct prediction, an error, …
    inclusion_probabilities: npt.ArrayLike  #: (j,) as exported; rows asked for have none: leave out
    expected: npt.ArrayLike | None = None  #: (j,) f, what the model expects z to be
    expected_mean: float | None = None  #: mean of f over all candidates of the window
    pushed: int | None = None  #: k, rows drawn; None: all of them were answered or skipped
    skipped: int = 0  #: rows that annotators gave back without a label
    population: int = 1  #: rows of the window; weighs the means when windows are pooled
    #: (j,) what each row weighed in the draw (`QueueRow.score`), known for all candidates, too.
    sizes: npt.ArrayLike | None = None
    sizes_mean: float | None = None  #: mean of them over all candidates of the window
    #: (j,) rows that each stands for: of a unit of m copies one is drawn, with 1/m of the unit's
    #: chance, and what it says holds for all of them. None: each for itself.
    copies: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=float).reshape(-1)
        probabilities = np.asarray(self.inclusion_probabilities, dtype=float).reshape(-1)
        if values.shape != probabilities.shape:
            msg = f"{len(values)} values, but {len(probabilities)} inclusion probabilities"
            raise ValueError(msg)
        if len(probabilities) and not (0 < probabilities.min() <= probabilities.max() <= 1):
            msg = "inclusion probabilities must lie in (0, 1]"
            raise ValueError(msg)
        if self.expected is not None and np.shape(self.expected) != values.shape:
            msg = f"{len(values)} values, but {np.size(self.expected)} expectations"
            raise ValueError(msg)
        if self.copies is not None and np.shape(self.copies) != values.shape:
            msg = f"{len(values)} values, but {np.size(self.copies)} numbers of copies"
            raise ValueError(msg)
        if self.sizes is not None and np.shape(self.sizes) != values.shape:
            msg = f"{len(values)} values, but {np.size(self.sizes)} sizes in the draw"
            raise ValueError(msg)

    @property
    def share_back(self) -> float:
        """j/k: with the push in random order, the chance that a drawn row was worked on."""
        back = np.size(self.values) + self.skipped
        return min(1.0, back / self.pushed) if self.pushed else 1.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure about all rows of the window, from the labels of a few."""

    value: float  #: NaN without labels
    interval: tuple[float, float] | None
    n: int  #: labels
    n_eff: float  #: (Σ 1/π)² / Σ 1/π², of the labels whose rows were not certain to be drawn
    share_missing: float  #: of the rows that came back, those without a label
    note: str  #: one sentence: how it was made, or why there is no interval
    standard_error: float | None = None
    lam: float = 0.0  #: how much of the model's own expectation is used, 0 … 1


def estimate(
    answers: Answers | Sequence[Answers],
    *,
    level: float = 0.95,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """Mean of z over all rows: the regression estimator.

    θ = λ mean(f) + γ mean(s) + Σ (z − λ f − γ s)/π / Σ 1/π. λ is the weighted partial slope of z on
    f, kept in 0 … 1, and γ that on the size s: rows that the training set does not account for
    err more often, which the labels of few of them tell about all. Without f and s both are 0,
    which is the Hájek estimator.

    Parameters
    ----------
    answers : Answers, or several windows of them
        Windows are pooled. A half-finished queue counts with π·j/k.
    level : float
        Of the interval, t on n_eff − 1 degrees of freedom.
    bounds : (low, high), optional
        What the mean can be at all, (0, 1) for a rate. The interval is then made on the logit
        scale, which covers better at the same width when few rows weigh much (0.92–0.95 instead of
        0.87–0.94 in simulation); when all labels say the same of a rate, its other end is
        Clopper–Pearson's at n_eff.

    References
    ----------
    C.-E. Särndal, B. Swensson, J. Wretman, "Model Assisted Survey Sampling", 1992, ch. 5–6;
    A. N. Angelopoulos et al., "Prediction-powered inference", Science 382, 2023.

    Examples
    --------
    >>> correct, pi = [1.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.1, 0.1]
    >>> round(estimate(Answers(correct, pi)).value, 3)
    0.917
    """
    parts = [answers] if isinstance(answers, Answers) else list(answers)
    pooled = _pool(parts)
    z, units = pooled.values, pooled.units
    back = sum(np.size(part.values) + part.skipped for part in parts)
    missing = 1 - len(z) / back if back else 0.0
    if not len(z):
        return Estimate(np.nan, None, 0, 0.0, missing, "No labels yet.")
    weight = 1 / pooled.probabilities
    n_eff = _effective(weight, units)
    known = _slopes(z, weight, pooled, n_eff)
    rest = z - known.predicted
    centre = float(weight @ rest / weight.sum())
    value = known.mean + centre + _ratio_bias(rest - centre, weight, pooled.shares)
    error = _standard_error(rest - centre, weight, units, known.fitted)
    lam = known.lam
    if bounds is not None:
        value = float(np.clip(value, *bounds))
    if n_eff < FEWEST:
        note = f"{len(z)} labels ({n_eff:.0f} effective): too few for an interval, {FEWEST} needed."
        return Estimate(value, None, len(z), n_eff, missing, note, error, lam)
    interval = _interval(value, error, n_eff, level, bounds, flat=bool(np.ptp(z) == 0))
    note = _note(len(z), n_eff, len(parts), missing, helped=known.helped)
    return Estimate(value, interval, len(z), n_eff, missing, note, error, lam)


def _effective(weight: FloatArray, units: FloatArray) -> float:
    """(Σ 1/π)² / Σ 1/π² of the rows whose units were drawn by chance; the others are certain."""
    chance = weight[units < 1]
    if not len(chance):
        return float(len(weight))
    return float(chance.sum() ** 2 / (chance**2).sum())


@dataclass(frozen=True, slots=True)
class _Pooled:
    """The answers of all windows, one after the other."""

    values: FloatArray
    probabilities: FloatArray  #: π·j/k
    units: FloatArray  #: of the units of copies
    shares: FloatArray  #: j/k
    expected: FloatArray | None
    expected_mean: float
    sizes: FloatArray | None
    sizes_mean: float


def _pool(parts: Sequence[Answers]) -> _Pooled:
    """What is a number of all windows; f and s only where every window has them."""
    kept = [_finite(part) for part in parts]
    rows = [int(one.sum()) for one in kept]
    pairs = list(zip(parts, kept, strict=True))

    def joined(arrays: Iterable[npt.ArrayLike]) -> FloatArray:
        made = [
            np.asarray(array, dtype=float)[fine] for array, fine in zip(arrays, kept, strict=True)
        ]
        return np.concatenate(made) if made else np.empty(0)

    share = np.repeat([part.share_back for part in parts], rows).astype(float)
    pi = joined(np.reshape(part.inclusion_probabilities, -1) for part in parts)
    copies = joined(np.ones(len(fine)) if part.copies is None else part.copies
                    for part, fine in pairs)  # fmt: skip
    expected = _column([part.expected for part in parts], [part.expected_mean for part in parts])
    sizes = _column([part.sizes for part in parts], [part.sizes_mean for part in parts])
    population = np.array([part.population for part in parts], dtype=float)
    return _Pooled(
        values=joined(np.reshape(part.values, -1) for part in parts),
        probabilities=pi * share,
        units=np.minimum(pi * copies, 1.0) * share,
        shares=share,
        expected=None if expected is None else joined(expected[0]),
        expected_mean=0.0 if expected is None else _mean(expected[1], population),
        sizes=None if sizes is None else joined(sizes[0]),
        sizes_mean=0.0 if sizes is None else _mean(sizes[1], population),
    )


def _finite(part: Answers) -> BoolArray:
    """Rows of which everything that is given is a number."""
    given = [part.values, part.expected, part.sizes]
    arrays = [np.asarray(one, dtype=float).reshape(-1) for one in given if one is not None]
    fine: BoolArray = np.all([np.isfinite(one) for one in arrays], axis=0)
    return fine


def _column(
    arrays: Sequence[npt.ArrayLike | None], means: Sequence[float | None]
) -> tuple[list[npt.ArrayLike], list[float]] | None:
    """A regressor of all windows with its means; None where one window lacks it."""
    there = [one for one in arrays if one is not None]
    known = [one for one in means if one is not None and np.isfinite(one)]
    if not arrays or len(there) < len(arrays) or len(known) < len(means):
        return None
    return there, known


def _mean(means: Sequence[float], population: FloatArray) -> float:
    return float(np.asarray(means) @ population / population.sum())


def _ratio_bias(rest: FloatArray, weight: FloatArray, back_share: FloatArray) -> float:
    """What a half-finished queue takes from a ratio of sums, to first order; 0 for a whole one.

    The answers are a simple random sample of the drawn rows, in which Σ 1/π varies together with
    Σ u/π (Cochran, "Sampling Techniques", 1977, §6.8). The draw itself is spread, and Σ 1/π
    hardly varies from draw to draw.
    """
    return float(((1 - back_share) * rest * weight**2).sum() / weight.sum() ** 2)


@dataclass(frozen=True, slots=True)
class _Known:
    """What model and draw know of the values: λ f + γ s."""

    lam: float
    predicted: FloatArray  #: (n,) of the labelled rows
    mean: float  #: over all candidates
    fitted: FloatArray  #: (n, p) the columns whose slope was estimated
    helped: bool  #: whether the model's expectation is in it


def _slopes(z: FloatArray, weight: FloatArray, pooled: _Pooled, n_eff: float) -> _Known:
    """λ and γ by weighted least squares; λ in 0 … 1, γ from `FEWEST` effective labels on."""
    f, s = pooled.expected, pooled.sizes
    if s is None or n_eff < FEWEST or np.ptp(s) == 0:
        s = None
    enough = len(z) >= FEWEST_FOR_LAMBDA
    lam = 0.0 if f is None else 1.0
    if f is not None and enough:
        lam = float(np.clip(_partial_slope(z, f, s, weight), 0, 1))
    predicted = np.zeros(len(z)) if f is None else lam * f
    mean = lam * pooled.expected_mean
    if s is not None:
        gamma = _partial_slope(z - predicted, s, None, weight)
        predicted, mean = predicted + gamma * s, mean + gamma * pooled.sizes_mean
    columns = [one for one in (f if enough else None, s) if one is not None and np.ptp(one) > 0]
    fitted = np.column_stack(columns) if columns else np.empty((len(z), 0))
    return _Known(lam, predicted, mean, fitted, helped=lam > 0)


def _partial_slope(
    z: FloatArray, x: FloatArray, other: FloatArray | None, weight: FloatArray
) -> float:
    """Weighted least-squares slope of z on x, beside `other` and a constant; 0 where x is flat."""
    share = weight / weight.sum()
    x_rest, z_rest = x - share @ x, z - share @ z
    if other is not None:
        across = other - share @ other
        variance = float(share @ across**2)
        x_rest = x_rest - across * float(share @ (across * x_rest)) / variance
        z_rest = z_rest - across * float(share @ (across * z_rest)) / variance
    variance = float(share @ x_rest**2)
    return float(share @ (x_rest * z_rest)) / variance if variance > _FLAT else 0.0


def _standard_error(
    rest: FloatArray, weight: FloatArray, units: FloatArray, fitted: FloatArray
) -> float | None:
    """√ of Σ (1 − π_unit)(u/π)²(1 − h₀)/(1 − h)² / (Σ 1/π)²; None for a single label.

    h is the leverage in the weighted fit of a constant and the columns `fitted`, h₀ that of the
    constant alone: without columns HC2 (MacKinnon & White 1985), which with equal probabilities
    is n/(n − 1), and HC3 for the columns. It makes up for what each row pulls the fit to itself.
    """
    if len(rest) < 2:
        return None
    share = weight / weight.sum()
    centred = fitted - share @ fitted
    basis, _ = np.linalg.qr(np.sqrt(share)[:, None] * centred)
    leverage = np.minimum(share + (basis**2).sum(axis=1), _MOST_LEVERAGE)
    pulled = (1 - leverage) ** 2 / (1 - np.minimum(share, _MOST_LEVERAGE))
    variance = ((1 - units) * (rest * share) ** 2 / pulled).sum()
    return float(np.sqrt(variance))


def _interval(
    value: float,
    error: float | None,
    n_eff: float,
    level: float,
    bounds: tuple[float, float] | None,
    *,
    flat: bool,
) -> tuple[float, float] | None:
    if error is None:
        return None
    half = float(stats.t.ppf(0.5 + level / 2, n_eff - 1)) * error
    if bounds is None:
        return value - half, value + half
    bottom, top = bounds
    size = top - bottom
    if bottom < value < top:
        place = (value - bottom) / size
        reach = half / size / (place * (1 - place))
        low, high = special.expit(special.logit(place) + np.array([-reach, reach]))
        return bottom + size * float(low), bottom + size * float(high)
    if flat:
        # All alike: the formula would claim a width of 0.
        half = size * (1 - ((1 - level) / 2) ** (1 / n_eff))
    return max(value - half, bottom), min(value + half, top)


def _note(n: int, n_eff: float, windows: int, missing: float, *, helped: bool) -> str:
    made = "the model's own expectation corrected by the labels" if helped else "the labels alone"
    text = f"{n} labels ({n_eff:.0f} effective)"
    text += f" of {windows} windows" if windows > 1 else ""
    text += f", weighted by their chance to be drawn; {made}."
    if missing:
        text += f" {missing:.0%} of the rows came back without a label and are not in it."
    return text
