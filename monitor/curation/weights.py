"""How much a new label should weigh in training, beside the rows of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, clone

from monitor.curation.rows import BoolArray, FloatArray, IntArray

CHOICES = (1.0, 3.0, 8.0)
FOLDS = 3
#: Below this many labels the folds say nothing.
FEWEST = 30
#: A class that the model has never seen costs this probability, and not infinitely much.
_LEAST = 1e-4
WITHOUT_MODEL = (
    "No model to refit: every label weighs 1. Under drift 3 to 5 usually pays; on clean weeks "
    "anything above 1 costs."
)


@dataclass(frozen=True, slots=True)
class TrainingWeight:
    """One weight for all new labels; rows of the training set weigh 1."""

    weight: float
    losses: tuple[tuple[float, float], ...]  #: (weight, cross-validated log loss), as tried
    note: str


def training_weight(
    model: ClassifierMixin | None,
    training: tuple[FloatArray, npt.ArrayLike],
    labelled: tuple[FloatArray, npt.ArrayLike],
    inclusion_probabilities: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    choices: Sequence[float] = CHOICES,
) -> TrainingWeight:
    """Choose by 3-fold cross-validation on the new labels; their loss is weighted by 1/π.

    The probability 1/π is for measuring only: as a training weight it costs 0.4 to 1.2 points of
    accuracy.

    Parameters
    ----------
    model : scikit-learn classifier with `predict_proba` and sample weights, or None
        Refitted as a clone, 3 times for each choice.
    training, labelled : (features of shape (n, d), classes of shape (n,))
    inclusion_probabilities : array, shape of the new classes

    Raises
    ------
    ValueError
        When labels and probabilities differ in number.
    """
    features, classes = labelled[0], np.asarray(labelled[1])
    weight = 1 / np.asarray(inclusion_probabilities, dtype=float)
    if len(classes) != len(weight):
        msg = f"{len(classes)} labels, but {len(weight)} inclusion probabilities"
        raise ValueError(msg)
    if model is None:
        return TrainingWeight(1.0, (), WITHOUT_MODEL)
    if len(classes) < FEWEST:
        note = f"{len(classes)} labels are too few to choose a weight, {FEWEST} are needed: 1."
        return TrainingWeight(1.0, (), note)
    folds = rng.permutation(np.arange(len(classes)) % FOLDS)
    losses = [
        (
            choice,
            _loss(
                model,
                training,
                (features, classes),
                weight=weight,
                folds=folds,
                choice=choice,
            ),
        )
        for choice in choices
    ]
    best, least = min(losses, key=lambda pair: pair[1])
    note = f"Of {', '.join(f'{one:g}' for one in choices)} the weight {best:g} predicts new labels "
    note += f"best: a log loss of {least:.3f}"
    note += "." if best == losses[0][0] else f", against {losses[0][1]:.3f} at {losses[0][0]:g}."
    return TrainingWeight(best, tuple(losses), note)


def _loss(
    model: ClassifierMixin,
    training: tuple[FloatArray, npt.ArrayLike],
    labelled: tuple[FloatArray, npt.NDArray[Any]],
    *,
    weight: FloatArray,
    folds: IntArray,
    choice: float,
) -> float:
    """Log loss on labels that the model has not seen, weighted by 1/π."""
    features, classes = labelled
    total = 0.0
    for fold in range(FOLDS):
        held: BoolArray = folds == fold
        rows = np.vstack([training[0], features[~held]])
        target = np.concatenate([np.asarray(training[1]), classes[~held]])
        share = np.repeat([1.0, choice], [len(training[0]), int((~held).sum())])
        fitted = clone(model).fit(rows, target, sample_weight=share)
        chance = _chance(fitted, features[held], classes[held])
        total -= float(weight[held] @ np.log(np.maximum(chance, _LEAST)))
    return total / float(weight.sum())


def _chance(fitted: Any, features: FloatArray, classes: npt.NDArray[Any]) -> FloatArray:
    """Probability of the true class; 0 where the model does not know it."""
    place = {label: column for column, label in enumerate(fitted.classes_)}
    column = np.array([place.get(label, -1) for label in classes], dtype=np.intp)
    chance: FloatArray = fitted.predict_proba(features)[np.arange(len(classes)), column]
    return np.where(column < 0, 0.0, chance)
