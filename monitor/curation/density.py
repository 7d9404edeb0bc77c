"""How much of each row the training set does not account for."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from monitor.curation.rows import FloatArray, IntArray

FOLDS, REGULARISATION, MAX_LOG_RATIO = 3, 0.01, 4.0
MAX_REFERENCE = 20_000
#: Below this many rows on either side a classifier says nothing.
MIN_ROWS = 3 * FOLDS


@dataclass(frozen=True)
class DensityRatio:
    """Density of the window over that of the training set, at each candidate."""

    log_ratio: FloatArray  #: (n,), within ±4, each from a model that has not seen the row
    auc: float  #: of the cross-fitted classifier; ½ is "cannot be told apart"
    z: float  #: z-value of the AUC against ½ (Mann–Whitney within folds, ties counted)
    coefficients: FloatArray  #: (p,) mean over folds, per unit of the given features
    centre: FloatArray  #: (p,) reference means

    @property
    def unexplained(self) -> FloatArray:
        """Share of such rows that the training set does not explain, e = max(0, 1 − 1/r)."""
        share: FloatArray = np.maximum(0.0, -np.expm1(-self.log_ratio))
        return share

    @property
    def trust(self) -> float:
        """0 where window and training set cannot be told apart (z <= 1), 1 from z = 3 on."""
        return float(np.clip((self.z - 1) / 2, 0, 1))

    def contributions(self, features: FloatArray) -> FloatArray:
        """What each feature adds to the log ratio of each row, against a mean reference row."""
        parts: FloatArray = (features - self.centre) * self.coefficients
        return parts


def density_ratio(candidates: FloatArray, reference: FloatArray) -> DensityRatio:
    """Cross-fitted density ratio by L2 logistic regression (probabilistic classification).

    Parameters
    ----------
    candidates, reference : array, shapes (n, p) and (n_r, p), finite
        Rows are dealt to the folds in turn, so the same rows in the same order give the same
        ratio. At most `MAX_REFERENCE` reference rows are used, evenly spaced.

    Notes
    -----
    Standardised over both together, C = 0.01, 3 folds, |log r| <= 4. With too few rows, or
    nothing that tells rows apart, the ratio is 1 everywhere and z is 0.

    References
    ----------
    M. Sugiyama, T. Suzuki, T. Kanamori, "Density Ratio Estimation in Machine Learning", 2012,
    chapter 4.
    """
    width = candidates.shape[1]
    reference = reference[:: -(-len(reference) // MAX_REFERENCE) or 1]
    if width == 0 or min(len(candidates), len(reference)) < MIN_ROWS:
        nothing = np.zeros(width)
        return DensityRatio(np.zeros(len(candidates)), 0.5, 0.0, nothing, nothing)
    scale = np.std(np.vstack([candidates, reference]), axis=0)
    scale[scale == 0] = 1.0
    centre = reference.mean(axis=0)
    window, training = (candidates - centre) / scale, (reference - centre) / scale
    return _cross_fit(window, training, scale, centre)


def _cross_fit(
    window: FloatArray, training: FloatArray, scale: FloatArray, centre: FloatArray
) -> DensityRatio:
    fold_window = np.arange(len(window)) % FOLDS
    fold_training = np.arange(len(training)) % FOLDS
    log_ratio, tests, coefficients = np.zeros(len(window)), [], np.zeros(window.shape[1])
    for fold in range(FOLDS):
        out_w, out_t = fold_window == fold, fold_training == fold
        model = _fit(window[~out_w], training[~out_t])
        prior = np.log((~out_w).sum() / (~out_t).sum())
        log_ratio[out_w] = model.decision_function(window[out_w]) - prior
        tests.append(
            _mann_whitney(log_ratio[out_w], model.decision_function(training[out_t]) - prior)
        )
        coefficients += model.coef_[0] / FOLDS
    excess, variance, pairs = np.sum(tests, axis=0)
    return DensityRatio(
        log_ratio=np.clip(log_ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO),
        auc=float(0.5 + excess / pairs),
        z=float(excess / np.sqrt(variance)) if variance > 0 else 0.0,
        coefficients=coefficients / scale,
        centre=centre,
    )


def _fit(window: FloatArray, training: FloatArray) -> LogisticRegression:
    target: IntArray = np.repeat(np.array([1, 0], dtype=np.intp), [len(window), len(training)])
    model = LogisticRegression(C=REGULARISATION, max_iter=300)
    with warnings.catch_warnings():
        # A fit that stopped early is still a ratio; the held-out AUC says what it is worth.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.vstack([window, training]), target)
    return model


def _mann_whitney(window: FloatArray, training: FloatArray) -> tuple[float, float, float]:
    """U − E[U], its variance under H0 with ties, and the number of pairs."""
    n, m = len(window), len(training)
    ranks = rankdata(np.concatenate([window, training]))
    _, ties = np.unique(ranks, return_counts=True)
    total = n + m
    excess = float(ranks[:n].sum() - n * (total + 1) / 2)
    tied = float(((ties.astype(float) ** 3) - ties).sum()) / (total * (total - 1))
    return excess, n * m / 12 * (total + 1 - tied), float(n * m)
