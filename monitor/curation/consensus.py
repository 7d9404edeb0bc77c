"""One label for each item from the labels of several annotators, and how sure it is.

Three ways: the majority; Dawid and Skene's model, in which each annotator has a confusion matrix of
their own; and the same with the model's scores as a prior, calibrated on the annotators' answers.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from monitor.curation.answers import Answers
from monitor.curation.rows import FloatArray

Method = Literal["majority", "dawid-skene", "model-assisted"]

#: Below this probability an item on which annotators differ is disputed.
SURE = 0.8
#: Weight of what all annotators do together in the confusion matrix of each, in labels of a class.
POOLED = 2.0
#: Weight of the diagonal in what all annotators do together: they know more than nothing.
DIAGONAL = 1.0
MAX_STEPS, TOLERANCE = 200, 1e-6
#: A model is never believed beyond this.
_SUREST = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """What the annotators say together about one item."""

    item: Hashable
    label: str
    confidence: float  #: probability of `label`; of the majority its share of the labels
    answers: int
    agreement: float  #: share of the answers that are `label`
    disputed: bool
    why: str = ""  #: of a disputed item, one sentence

    @property
    def unanimous(self) -> bool:
        """Whether all answers are the same."""
        return self.agreement == 1.0


@dataclass(frozen=True)
class Fit:
    """Dawid and Skene's model, fitted."""

    posterior: FloatArray  #: (items, classes)
    confusion: FloatArray  #: (annotators, classes, classes), P(says | true class)
    prior: FloatArray  #: (classes,) shares of the classes
    log_likelihood: float  #: of all answers, natural logarithm
    steps: int
    temperature: float = 1.0  #: that the model's scores were divided by; 1 without a model


def consensus(
    answers: Answers,
    method: Method = "dawid-skene",
    *,
    scores: npt.ArrayLike | None = None,
    sure: float = SURE,
) -> list[Consensus]:
    """One label for each item, in the order of `answers.items`.

    Parameters
    ----------
    answers : Answers
    method : "majority", "dawid-skene" or "model-assisted"
    scores : array, shape (items, classes), for "model-assisted"
        Class probabilities of the model, NaN rows where it has none.
    sure : float
        An item is disputed when its annotators differ and the label is less probable than this,
        or when the majority is tied.

    Raises
    ------
    ValueError
        "model-assisted" without scores, or scores of another shape.
    """
    votes = answers.votes()
    if not len(answers):
        return []
    if method == "majority":
        return _told(answers, votes / votes.sum(axis=1, keepdims=True), sure=0.5, votes=votes)
    if method == "model-assisted" and scores is None:
        msg = "a model-assisted consensus needs the scores of the model"
        raise ValueError(msg)
    found = dawid_skene(answers, scores=scores if method == "model-assisted" else None)
    return _told(answers, found.posterior, sure=sure, votes=votes)


def dawid_skene(answers: Answers, *, scores: npt.ArrayLike | None = None) -> Fit:
    """Maximum a posteriori fit of Dawid and Skene's model by EM, in logarithms.

    Each annotator's confusion matrix is shrunk towards the one of all annotators together
    (`POOLED` labels a class), so that those with a few labels are not believed too much. With
    `scores` the prior of an item is the class shares times the model's likelihood ratio, tempered:
    the temperature is fitted to the annotators' answers, so a model that is sure and wrong
    is heard less.

    References
    ----------
    A. P. Dawid, A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM
    algorithm", Applied Statistics 28, 1979.
    """
    offset = np.zeros((len(answers.items), len(answers.classes)))
    model = None if scores is None else _log_ratio(scores, offset.shape)
    posterior = answers.votes() + 1e-2
    posterior /= posterior.sum(axis=1, keepdims=True)
    last, temperature, steps = -np.inf, 1.0, 0
    while steps < MAX_STEPS:
        steps += 1
        prior = (posterior.sum(axis=0) + 1) / (len(posterior) + posterior.shape[1])
        confusion = _confusion(answers, posterior)
        evidence = np.log(prior) + _evidence(answers, confusion)
        if model is not None:
            temperature = _temperature(model, posterior, np.log(prior))
            offset = model / temperature
            offset = offset - logsumexp(offset + np.log(prior), axis=1, keepdims=True)
        joint = evidence + offset
        total = logsumexp(joint, axis=1)
        posterior = np.exp(joint - total[:, None])
        likelihood = float(total.sum())
        if abs(likelihood - last) <= TOLERANCE * max(1.0, abs(likelihood)):
            break
        last = likelihood
    return Fit(posterior, confusion, prior, likelihood, steps, temperature)


def _confusion(answers: Answers, posterior: FloatArray) -> FloatArray:
    """P(says j | truth i) of each annotator, shrunk to what all of them do."""
    classes = posterior.shape[1]
    counts = np.zeros((len(answers.annotators), classes, classes))
    given = answers.annotator * classes + answers.label
    for true in range(classes):
        sums = np.bincount(given, posterior[answers.item, true], minlength=counts[:, 0].size)
        counts[:, true] = sums.reshape(-1, classes)
    pooled = counts.sum(axis=0) + DIAGONAL * np.eye(classes) + 1 / classes
    pooled /= pooled.sum(axis=1, keepdims=True)
    counts += POOLED * pooled
    shares: FloatArray = counts / counts.sum(axis=2, keepdims=True)
    return shares


def _evidence(answers: Answers, confusion: FloatArray) -> FloatArray:
    """Natural log of P(all answers of an item | true class), (items, classes)."""
    each = np.log(confusion)[answers.annotator, :, answers.label]
    total = np.zeros((len(answers.items), confusion.shape[1]))
    np.add.at(total, answers.item, each)
    return total


def _log_ratio(scores: npt.ArrayLike, shape: tuple[int, int]) -> FloatArray:
    """Natural log of the model's probabilities over their mean; 0 where the model says nothing."""
    given = np.asarray(scores, dtype=float)
    if given.shape != shape:
        msg = f"scores of shape {given.shape}, but {shape[0]} items and {shape[1]} classes"
        raise ValueError(msg)
    there = np.isfinite(given).all(axis=1) & (np.nan_to_num(given).sum(axis=1) > 0)
    chances = np.clip(np.where(there[:, None], given, 1.0), 0, None)
    chances = np.clip(chances / chances.sum(axis=1, keepdims=True), _SUREST, 1)
    if not there.any():
        return np.zeros(shape)
    ratio = np.log(chances) - np.log(chances[there].mean(axis=0))
    return np.where(there[:, None], ratio, 0.0)


def _temperature(model: FloatArray, posterior: FloatArray, log_prior: FloatArray) -> float:
    """The temperature at which the model predicts the consensus best."""

    def loss(log_temperature: float) -> float:
        logit = model * np.exp(-log_temperature) + log_prior
        return float(-(posterior * (logit - logsumexp(logit, axis=1, keepdims=True))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=(-0.7, 5.0), method="bounded").x))


def _told(
    answers: Answers, posterior: FloatArray, *, sure: float, votes: FloatArray
) -> list[Consensus]:
    best = posterior.argmax(axis=1)
    rows = np.arange(len(best))
    confidence, count = posterior[rows, best], votes.sum(axis=1)
    agreement = votes[rows, best] / count
    return [
        _one(
            answers.items[row],
            answers.classes,
            posterior[row],
            votes[row],
            sure=sure,
            found=(int(best[row]), float(confidence[row]), float(agreement[row])),
        )
        for row in rows
    ]


def _one(
    item: Hashable,
    classes: Sequence[str],
    posterior: FloatArray,
    votes: FloatArray,
    *,
    sure: float,
    found: tuple[int, float, float],
) -> Consensus:
    best, confidence, agreement = found
    tied = int(np.sum(posterior >= confidence - 1e-9)) > 1
    disputed = bool((votes > 0).sum() > 1 and (tied or confidence < sure))
    return Consensus(
        item=item,
        label=classes[best],
        confidence=confidence,
        answers=int(votes.sum()),
        agreement=agreement,
        disputed=disputed,
        why=_why(classes, votes, confidence) if disputed else "",
    )


def _why(classes: Sequence[str], votes: FloatArray, confidence: float) -> str:
    """Who said what, the most frequent first: "2 say late, 1 says on time; …"."""
    order = [place for place in np.argsort(-votes, kind="stable") if votes[place] > 0][:4]
    said = [
        f"{votes[at]:.0f} say{'s' if votes[at] == 1 else ''} {classes[at][:40]}" for at in order
    ]
    return f"{', '.join(said)}; the likeliest has a probability of {confidence:.2f}."
