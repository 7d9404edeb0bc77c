"""Whom to trust: a scorecard for each annotator, every figure with an interval."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy import stats
from scipy.special import softmax

from monitor.curation.answers import Answers
from monitor.curation.consensus import Fit, dawid_skene
from monitor.curation.given import (
    NOTHING,
    Figure,
    Given,
    as_class,
    capped,
    distance_of,
    mean,
    median,
    minus,
)
from monitor.curation.rows import FloatArray

#: Answers on either side, below which nothing is said about a change over time.
FEWEST_FOR_DRIFT = 30
_LEVEL = 0.05
#: Accuracies that are tried, and the least likelihood of an answer.
_GRID = np.linspace(0, 1, 401)
_LEAST = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """One annotator. Shares are in 0 … 1; seconds are of one item."""

    annotator: str
    labels: int
    items: int
    accuracy: Figure  #: against the consensus of the *others* on items that others labelled
    gold: Figure  #: against what experts said
    agreement: Figure  #: mean likeness to each other annotator of the same item
    seconds: Figure  #: median, capped
    with_model: Figure  #: share of the answers that are the model's draft, where it was shown
    without_model: Figure  #: the same where it was not
    anchoring: Figure  #: their difference: what seeing the draft adds
    shares: Mapping[str, float]  #: of the classes
    expected_shares: Mapping[str, float]  #: of the classes on the same items, by the others
    change: Figure  #: of the accuracy: the later half of the answers minus the earlier one
    changed: bool  #: surely, over all annotators together (Bonferroni, 5 %)
    first: datetime | None = None
    last: datetime | None = None

    @property
    def leaning(self) -> float:
        """Share of the answers that would have to move to be like the others' on the same items."""
        names = {*self.shares, *self.expected_shares}
        apart = (abs(self.shares.get(n, 0) - self.expected_shares.get(n, 0)) for n in names)
        return sum(apart) / 2


def scorecards(answers: Iterable[Given]) -> list[Scorecard]:
    """A card for each annotator, those with the most labels first.

    Notes
    -----
    Accuracy against a consensus that contains the annotator is too high, and agreement with
    others who err themselves is too low. Here an item's true class is as probable as the *others*
    make it (the annotator's own answer is divided out of Dawid and Skene's posterior), and the
    accuracy is the one that makes the annotator's answers most likely; its interval is that of the
    likelihood ratio. Items that nobody else labelled say nothing. Of labels that are no classes
    (boxes, spans) only the likeness to the others' is given.
    """
    last = {(one.item, one.annotator): one for one in answers}
    given = sorted(last.values(), key=_time)
    chances = _chances(given)
    like = _likeness(given)
    by_annotator: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(given):
        by_annotator[one.annotator].append(place)
    widen = _widening(len(by_annotator))
    expected = _others(given)
    cards = [
        _card(
            name,
            [given[place] for place in places],
            chances=chances[places],
            like=like[places],
            expected=expected[name],
            widen=widen,
        )
        for name, places in by_annotator.items()
    ]
    return sorted(cards, key=lambda card: (-card.labels, card.annotator))


def _time(one: Given) -> tuple[bool, float]:
    return one.at is None, one.at.timestamp() if one.at else 0.0


def _widening(annotators: int) -> float:
    """How much wider an interval must be to hold for all annotators together."""
    each = _LEVEL / max(annotators, 1)
    return float(stats.norm.isf(each / 2) / stats.norm.isf(_LEVEL / 2))


def _card(
    name: str,
    given: Sequence[Given],
    *,
    chances: FloatArray,
    like: FloatArray,
    expected: Mapping[str, float],
    widen: float,
) -> Scorecard:
    known = chances[np.isfinite(chances[:, 0])]
    change, changed = _change(known, widen)
    shown = mean(_drafted(given, shown=True))
    hidden = mean(_drafted(given, shown=False))
    times = [one.at for one in given if one.at is not None]
    classes = Counter(as_class(one.value) for one in given if distance_of(one.type) is None)
    total = sum(classes.values())
    return Scorecard(
        annotator=name,
        labels=len(given),
        items=len({one.item for one in given}),
        accuracy=_accuracy(known),
        gold=mean(np.array([_same(one, one.gold) for one in given if one.gold is not None])),
        agreement=mean(like[np.isfinite(like)]),
        seconds=median(capped(one.seconds for one in given)),
        with_model=shown,
        without_model=hidden,
        anchoring=minus(shown, hidden) if shown.n and hidden.n else NOTHING,
        shares={label: count / total for label, count in classes.most_common()},
        expected_shares=expected,
        change=change,
        changed=changed,
        first=times[0] if times else None,
        last=times[-1] if times else None,
    )


def _accuracy(chances: FloatArray, widen: float = 1.0) -> Figure:
    """The accuracy p under which the answers are most likely; shape (n, 2) as `_chances` gives.

    An answer has the likelihood p · P(it is right) + (1 − p) · P(such an error).
    """
    if not len(chances):
        return NOTHING
    right, wrong = chances.T
    likely = np.log(np.outer(_GRID, right) + np.outer(1 - _GRID, wrong)).sum(axis=1)
    best = int(np.argmax(likely))
    held = _GRID[2 * (likely[best] - likely) <= (widen * float(stats.norm.isf(_LEVEL / 2))) ** 2]
    return Figure(float(_GRID[best]), (float(held[0]), float(held[-1])), len(chances))


def _change(chances: FloatArray, widen: float) -> tuple[Figure, bool]:
    """Accuracy of the later half minus the earlier one, and whether that is surely a change."""
    half = len(chances) // 2
    if half < FEWEST_FOR_DRIFT:
        return NOTHING, False
    halves = chances[half:], chances[:half]
    late, early = (_accuracy(one) for one in halves)
    sure = minus(*(_accuracy(one, widen) for one in halves)).interval
    return minus(late, early), sure is not None and (sure[0] > 0 or sure[1] < 0)


def _drafted(given: Sequence[Given], *, shown: bool) -> FloatArray:
    """Likeness of the answers to the model's draft, where it was shown or was not."""
    return np.array(
        [
            _same(one, one.draft)
            for one in given
            if one.draft is not None and one.with_draft is shown
        ]
    )


def _same(one: Given, other: object) -> float:
    distance = distance_of(one.type)
    if distance is not None:
        return 1 - distance(one.value, other)
    return float(as_class(one.value) == as_class(other))


def _chances(given: Sequence[Given]) -> FloatArray:
    """For each answer P(right | the others' answers), and P(such an error | the others' answers).

    Shape (n, 2); NaN where nobody else answered, or the label is no class.
    """
    chances = np.full((len(given), 2), np.nan)
    places = [at for at, one in enumerate(given) if distance_of(one.type) is None]
    if not places:
        return chances
    answers = Answers.of(
        (given[at].item, given[at].annotator, as_class(given[at].value)) for at in places
    )
    fit = dawid_skene(answers)
    others = answers.votes().sum(axis=1)[answers.item] > 1
    posterior = _without_own(answers, fit)
    right = posterior[np.arange(len(posterior)), answers.label]
    wrong = (posterior * _errors(fit)[:, answers.label].T).sum(axis=1)
    # `given` has one answer of each annotator and item, so the order is that of `places`.
    chances[places] = np.where(others[:, None], np.column_stack([right, wrong]) + _LEAST, np.nan)
    return chances


def _errors(fit: Fit) -> FloatArray:
    """P(says j | true class i, and it is an error) of all annotators together."""
    pooled = fit.confusion.mean(axis=0)
    np.fill_diagonal(pooled, 0.0)
    share: FloatArray = pooled / np.maximum(pooled.sum(axis=1, keepdims=True), _LEAST)
    return share


def _without_own(answers: Answers, fit: Fit) -> FloatArray:
    """P(true class | the other answers) for each answer, (n, classes)."""
    own = np.log(fit.confusion)[answers.annotator, :, answers.label]
    with np.errstate(divide="ignore"):
        rest = np.log(fit.posterior)[answers.item] - own
    # A class that all but excluded itself: its posterior is 0 in floating point, and stays so.
    chances: FloatArray = softmax(np.where(np.isfinite(rest), rest, -1e9), axis=1)
    return chances


def _likeness(given: Sequence[Given]) -> FloatArray:
    """Mean likeness of each answer to the others of its item; NaN where there are none."""
    by_item: dict[object, list[int]] = defaultdict(list)
    for place, one in enumerate(given):
        by_item[one.item].append(place)
    like = np.full(len(given), np.nan)
    for places in by_item.values():
        for place in places:
            others = [_same(given[place], given[at].value) for at in places if at != place]
            if others:
                like[place] = float(np.mean(others))
    return like


def _others(given: Sequence[Given]) -> dict[str, dict[str, float]]:
    """Shares of the classes that others gave to the items of each annotator."""
    votes: dict[object, Counter[str]] = defaultdict(Counter)
    for one in given:
        if distance_of(one.type) is None:
            votes[one.item][as_class(one.value)] += 1
    shares: dict[str, Counter[str]] = defaultdict(Counter)
    for one in given:
        others = votes[one.item] - Counter({as_class(one.value): 1})
        for label, count in others.items():
            shares[one.annotator][label] += count / others.total()  # type: ignore[assignment]  # a Counter holds floats as well
    return {
        one.annotator: {
            label: count / shares[one.annotator].total()
            for label, count in shares[one.annotator].items()
        }
        for one in given
    }
