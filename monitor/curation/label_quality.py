"""What a label spec costs and gives: minutes, agreement and shared bits, by type and guideline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from monitor.curation.given import Figure, Given, as_class, capped, distance_of, median
from monitor.curation.rows import FloatArray, IntArray
from monitor.stats.agreement import Agreement, alpha_by_distance, difference, krippendorff_alpha

#: Items with two answers, below which shared bits are not given.
FEWEST_ITEMS = 30
_RESAMPLED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecQuality:
    """All answers to one version of one label spec."""

    type: str
    classes: int  #: that the spec offers
    guideline: str  #: version
    labels: int
    items: int
    agreement: Agreement  #: Krippendorff's alpha: nominal, ordinal (ratings), or by overlap
    seconds: Figure  #: of one label: median, capped
    minutes: float  #: of all labels whose time is known, capped
    bits: Figure | None  #: a label, that two annotators share; None: no classes, or too few

    @property
    def name(self) -> str:
        """Type, number of classes and guideline: `class of 5, guideline 2`."""
        size = f" of {self.classes}" if self.classes else ""
        return f"{self.type}{size}, guideline {self.guideline or '–'}"

    @property
    def bits_a_minute(self) -> float | None:
        """What a minute of work gives, in bits that a second annotator confirms."""
        if self.bits is None or not self.seconds.value > 0:
            return None
        return 60 * self.bits.value / self.seconds.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One spec after another, and what is to be said about it."""

    before: SpecQuality
    after: SpecQuality
    agreement: tuple[float, tuple[float, float] | None]  #: alpha after − before
    answer: str  #: a sentence


def by_spec(answers: Iterable[Given], *, rng: np.random.Generator) -> list[SpecQuality]:
    """Figures for each label type, number of classes and guideline version, oldest first.

    Parameters
    ----------
    answers : iterable of Given, oldest first
    rng : numpy.random.Generator
        For the bootstrap over items, and the pairs that alpha by overlap is drawn from.
    """
    groups: dict[tuple[str, int, str], dict[tuple[object, str], Given]] = defaultdict(dict)
    for one in answers:
        groups[(one.type, one.classes, one.guideline)][(one.item, one.annotator)] = one
    return [_quality(list(found.values()), rng) for found in groups.values()]


def comparisons(specs: Sequence[SpecQuality]) -> list[Comparison]:
    """Each spec against the one before: what the guideline changed, whether the finer type pays."""
    return [
        _guideline(before, after)
        if (before.type, before.classes) == (after.type, after.classes)
        else _type(before, after)
        for before, after in pairwise(specs)
    ]


def _quality(given: Sequence[Given], rng: np.random.Generator) -> SpecQuality:
    first = given[0]
    items = [one.item for one in given]
    codes = {item: place for place, item in enumerate(dict.fromkeys(items))}
    units = np.array([codes[item] for item in items], dtype=np.intp)
    distance = distance_of(first.type)
    if distance is not None:
        agreement = alpha_by_distance(units, [one.value for one in given], distance, rng=rng)
    elif first.type == "rating":
        agreement = krippendorff_alpha(units, [float(one.value) for one in given], "ordinal")
    else:
        agreement = krippendorff_alpha(units, [as_class(one.value) for one in given])
    seconds = capped(one.seconds for one in given)
    bounded = distance is None or first.type == "multi-label"
    return SpecQuality(
        type=first.type,
        classes=first.classes,
        guideline=first.guideline,
        labels=len(given),
        items=len(codes),
        agreement=agreement,
        seconds=median(seconds),
        minutes=float(seconds.sum()) / 60,
        bits=_bits(units, [as_class(one.value) for one in given], rng) if bounded else None,
    )


def _bits(units: IntArray, labels: Sequence[str], rng: np.random.Generator) -> Figure | None:
    """Mutual information of two annotators of one item, in bits a label.

    From the coincidences of pairs within items, less its small-sample bias (Miller 1955); the
    interval is a bootstrap over items. A label that annotators give at random carries none.
    """
    tables = _coincidences(units, labels)
    if len(tables) < FEWEST_ITEMS:
        return None
    weight = rng.multinomial(len(tables), np.full(len(tables), 1 / len(tables)), size=_RESAMPLED)
    drawn = [_information(np.tensordot(one, tables, axes=1), len(tables)) for one in weight]
    value = _information(tables.sum(axis=0), len(tables))
    low, high = np.quantile(drawn, [0.025, 0.975])
    # A resample repeats items, so its information is too high by about the bias again.
    shift = float(np.mean(drawn)) - value
    return Figure(value, (max(0.0, float(low) - shift), max(0.0, float(high) - shift)), len(tables))


def _coincidences(units: IntArray, labels: Sequence[str]) -> FloatArray:
    """Pairs of labels within each item that has two, each item adding up to 1, (items, K, K)."""
    names, places = np.unique(np.asarray(labels), return_inverse=True)
    votes = np.zeros((int(units.max()) + 1, len(names)))
    np.add.at(votes, (units, places.reshape(-1)), 1.0)
    votes = votes[votes.sum(axis=1) >= 2]
    size = votes.sum(axis=1)[:, None, None]
    pairs: FloatArray = votes[:, :, None] * votes[:, None, :] - votes[:, None] * np.eye(len(names))
    share: FloatArray = pairs / (size * (size - 1))
    return share


def _information(table: FloatArray, items: int) -> float:
    share = table / table.sum()
    side = share.sum(axis=1)
    chance = np.outer(side, side)
    some = share > 0
    found = float((share[some] * np.log2(share[some] / chance[some])).sum())
    free = (int((side > 0).sum()) - 1) ** 2
    return max(0.0, found - free / (2 * items * float(np.log(2))))


def _guideline(before: SpecQuality, after: SpecQuality) -> Comparison:
    change = difference(after.agreement, before.agreement)
    value, interval = change
    name = f"Guideline {after.guideline or '–'} after {before.guideline or '–'}"
    if interval is None:
        answer = f"{name}: too few items with two labels to say whether agreement changed."
    elif interval[0] > 0:
        answer = f"{name}: agreement rose by {value:.2f} [{interval[0]:.2f}, {interval[1]:.2f}]."
    elif interval[1] < 0:
        answer = f"{name}: agreement fell by {-value:.2f} [{-interval[1]:.2f}, {-interval[0]:.2f}]."
    else:
        answer = (
            f"{name}: no sure change of agreement ({value:+.2f} "
            f"[{interval[0]:+.2f}, {interval[1]:+.2f}])."
        )
    return Comparison(before=before, after=after, agreement=change, answer=answer)


def _type(before: SpecQuality, after: SpecQuality) -> Comparison:
    change = difference(after.agreement, before.agreement)
    old, new = before.bits, after.bits
    name = f"{_short(after)} after {_short(before)}"
    if old is None or new is None or old.interval is None or new.interval is None:
        answer = f"{name}: too few items with two labels of classes to say whether it pays."
        return Comparison(before=before, after=after, agreement=change, answer=answer)
    said = f"{new.value:.2f} instead of {old.value:.2f} bits a label that a second person confirms"
    rates = before.bits_a_minute, after.bits_a_minute
    if rates[0] is not None and rates[1] is not None:
        said += f", {rates[1]:.1f} instead of {rates[0]:.1f} a minute"
        ends = [60 * end / after.seconds.value for end in new.interval]
        olds = [60 * end / before.seconds.value for end in old.interval]
    else:
        ends, olds = list(new.interval), list(old.interval)
    verdict = (
        "it pays" if ends[0] > olds[1] else
        "it does not earn its cost" if ends[1] < olds[0] else
        "whether it pays is not sure"
    )  # fmt: skip
    return Comparison(
        before=before, after=after, agreement=change, answer=f"{name}: {verdict}; {said}."
    )


def _short(spec: SpecQuality) -> str:
    size = f" of {spec.classes}" if spec.classes else ""
    return f"{spec.type[0].upper()}{spec.type[1:]}{size}"
