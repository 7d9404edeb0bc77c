"""Who labels how well, and what the label specs cost and give: for reports and the command line."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitor.curation.given import Figure
from monitor.curation.label_quality import Comparison, SpecQuality, by_spec, comparisons
from monitor.curation.scorecards import Scorecard, scorecards
from monitor.steps.consensus import Spoken, spoken
from monitor.store.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotators:
    """Scorecards, label specs and their comparisons of one monitor."""

    cards: tuple[Scorecard, ...]
    specs: tuple[SpecQuality, ...]
    comparisons: tuple[Comparison, ...]
    skipped: Mapping[str, int]  #: items that an annotator gave back without a label


def annotators(store: Store, monitor: str) -> Annotators:
    """All that the stored labels say about who gave them."""
    return scored(spoken(store, monitor), monitor)


def scored(said: Spoken, monitor: str) -> Annotators:
    """The same of what annotators said."""
    rng = np.random.default_rng(zlib.crc32(monitor.encode()))
    specs = by_spec(said.given, rng=rng)
    return Annotators(
        cards=tuple(scorecards(said.given)),
        specs=tuple(specs),
        comparisons=tuple(comparisons(specs)),
        skipped=said.skipped,
    )


def document(monitor: str, found: Annotators) -> dict[str, Any]:
    """What `driftloop annotators --json` prints of one monitor."""
    return {
        "monitor": monitor,
        "annotators": [_card(card, found.skipped) for card in found.cards],
        "specs": [_spec(spec) for spec in found.specs],
        "comparisons": [
            {
                "before": one.before.name,
                "after": one.after.name,
                "agreement_difference": _number(one.agreement[0]),
                "interval": one.agreement[1],
                "answer": one.answer,
            }
            for one in found.comparisons
        ],
    }


def _card(card: Scorecard, skipped: Mapping[str, int]) -> dict[str, Any]:
    return {
        "annotator": card.annotator,
        "labels": card.labels,
        "items": card.items,
        "skipped": skipped.get(card.annotator, 0),
        "accuracy_consensus": _figure(card.accuracy),
        "accuracy_gold": _figure(card.gold),
        "agreement_others": _figure(card.agreement),
        "agreement_draft_shown": _figure(card.with_model),
        "agreement_draft_hidden": _figure(card.without_model),
        "anchoring": _figure(card.anchoring),
        "seconds_median": _figure(card.seconds),
        "accuracy_change": _figure(card.change),
        "changed": card.changed,
        "class_shares": dict(card.shares),
        "class_shares_others": dict(card.expected_shares),
        "leaning": card.leaning,
        "first": card.first.isoformat() if card.first else None,
        "last": card.last.isoformat() if card.last else None,
    }


def _spec(spec: SpecQuality) -> dict[str, Any]:
    rate = spec.bits_a_minute
    return {
        "type": spec.type,
        "classes": spec.classes,
        "guideline": spec.guideline,
        "labels": spec.labels,
        "items": spec.items,
        "alpha": _number(spec.agreement.value),
        "alpha_interval": spec.agreement.interval,
        "seconds_median": _figure(spec.seconds),
        "minutes": spec.minutes,
        "bits": None if spec.bits is None else _figure(spec.bits),
        "bits_a_minute": rate,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {"value": _number(figure.value), "interval": figure.interval, "n": figure.n}


def _number(value: float) -> float | None:
    """NaN is no JSON."""
    return value if math.isfinite(value) else None
