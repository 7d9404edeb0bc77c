"""What the returned labels say about all rows: a figure, and an interval where one is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from monitor.curation.rows import FloatArray

#: Below this effective number of labels there is no interval.
FEWEST = 30
#: Below this many labels λ is not estimated, but 1.
FEWEST_FOR_LAMBDA = 20


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
    population: int = 1  #: rows of the window; weighs `expected_mean` when windows are pooled
    #: (j,) rows that each stands for: of a unit of m copies one is drawn, with 1/m of the unit's
    #: chance, and what it says holds for all of them. None: each for itself.
    copies: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        values, probabilities = self.arrays()[:2]
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

    def arrays(self) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Values, probabilities and expectations as float arrays."""
        expected = None if self.expected is None else np.asarray(self.expected, dtype=float)
        return (
            np.asarray(self.values, dtype=float).reshape(-1),
            np.asarray(self.inclusion_probabilities, dtype=float).reshape(-1),
            expected,
        )

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
    """Mean of z over all rows: the difference estimator with an estimated slope.

    θ = λ mean(f) + Σ (z − λ f)/π / Σ 1/π; where the model says nothing (no f), λ = 0, which is
    the Hájek estimator. λ is the weighted cov(z, f) / var(f), kept in 0 … 1.

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
    z, pi, units, back_share, f, mean_f = _pool(parts)
    back = sum(np.size(part.values) + part.skipped for part in parts)
    missing = 1 - len(z) / back if back else 0.0
    if not len(z):
        return Estimate(np.nan, None, 0, 0.0, missing, "No labels yet.")
    weight = 1 / pi
    n_eff = _effective(weight, units)
    lam = _slope(z, f, weight) if f is not None else 0.0
    rest = z - lam * f if f is not None else z
    centre = float(weight @ rest / weight.sum())
    value = lam * mean_f + centre + _ratio_bias(rest - centre, weight, back_share)
    error = _standard_error(rest - centre, weight, units)
    if bounds is not None:
        value = float(np.clip(value, *bounds))
    if n_eff < FEWEST:
        note = f"{len(z)} labels ({n_eff:.0f} effective): too few for an interval, {FEWEST} needed."
        return Estimate(value, None, len(z), n_eff, missing, note, error, lam)
    interval = _interval(value, error, n_eff, level, bounds, flat=bool(np.ptp(z) == 0))
    note = _note(len(z), n_eff, len(parts), lam, missing)
    return Estimate(value, interval, len(z), n_eff, missing, note, error, lam)


def _effective(weight: FloatArray, units: FloatArray) -> float:
    """(Σ 1/π)² / Σ 1/π² of the rows whose units were drawn by chance; the others are certain."""
    chance = weight[units < 1]
    if not len(chance):
        return float(len(weight))
    return float(chance.sum() ** 2 / (chance**2).sum())


def _pool(
    parts: Sequence[Answers],
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray | None, float]:
    """Values, probabilities (π·j/k), those of their units, j/k, expectations and their mean."""
    kept, values, probabilities, shares, expectations = [], [], [], [], []
    units = []
    for part in parts:
        z, pi, f = part.arrays()
        fine = np.isfinite(z) if f is None else np.isfinite(z) & np.isfinite(f)
        values.append(z[fine])
        probabilities.append(pi[fine] * part.share_back)
        size = np.ones(len(pi)) if part.copies is None else np.asarray(part.copies, dtype=float)
        units.append(np.minimum(pi[fine] * size[fine], 1.0) * part.share_back)
        shares.append(np.full(int(fine.sum()), part.share_back))
        if f is not None and part.expected_mean is not None:
            expectations.append(f[fine])
            kept.append((part.expected_mean, part.population))
    z = np.concatenate(values) if values else np.empty(0)
    pi = np.concatenate(probabilities) if probabilities else np.empty(0)
    share = np.concatenate(shares) if shares else np.empty(0)
    unit = np.concatenate(units) if units else np.empty(0)
    if not parts or len(expectations) < len(parts):
        return z, pi, unit, share, None, 0.0
    means, sizes = np.array(kept, dtype=float).T
    return z, pi, unit, share, np.concatenate(expectations), float(means @ sizes / sizes.sum())


def _ratio_bias(rest: FloatArray, weight: FloatArray, back_share: FloatArray) -> float:
    """What a half-finished queue takes from a ratio of sums, to first order; 0 for a whole one.

    The answers are a simple random sample of the drawn rows, in which Σ 1/π varies together with
    Σ u/π (Cochran, "Sampling Techniques", 1977, §6.8). The draw itself is spread, and Σ 1/π
    hardly varies from draw to draw.
    """
    return float(((1 - back_share) * rest * weight**2).sum() / weight.sum() ** 2)


def _slope(z: FloatArray, f: FloatArray, weight: FloatArray) -> float:
    if len(z) < FEWEST_FOR_LAMBDA:
        return 1.0
    share = weight / weight.sum()
    f_rest, z_rest = f - share @ f, z - share @ z
    variance = float(share @ f_rest**2)
    return float(np.clip(share @ (f_rest * z_rest) / variance, 0, 1)) if variance > 0 else 0.0


def _standard_error(rest: FloatArray, weight: FloatArray, units: FloatArray) -> float | None:
    """√ of Σ (1 − π_unit)(u/π)²/(1 − h) / (Σ 1/π)², h = (1/π) / Σ 1/π; None for a single label.

    With equal probabilities 1/(1 − h) is n/(n − 1); with unequal ones it makes up for what each
    row pulls the mean towards itself (HC2, MacKinnon & White 1985).
    """
    if len(rest) < 2:
        return None
    leverage = weight / weight.sum()
    variance = ((1 - units) * (rest * leverage) ** 2 / (1 - leverage)).sum()
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


def _note(n: int, n_eff: float, windows: int, lam: float, missing: float) -> str:
    made = "the model's own expectation corrected by the labels" if lam > 0 else "the labels alone"
    text = f"{n} labels ({n_eff:.0f} effective)"
    text += f" of {windows} windows" if windows > 1 else ""
    text += f", weighted by their chance to be drawn; {made}."
    if missing:
        text += f" {missing:.0%} of the rows came back without a label and are not in it."
    return text
