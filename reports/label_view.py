"""What a report shows of labels: who gave them, what they cost, and what they bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Interval = tuple[float, float]  #: 95 %; an end may be infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A figure with its interval; None is "nothing to say"."""

    value: float | None = None
    interval: Interval | None = None
    n: int = 0  #: answers that it rests on


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotatorRow:
    """One annotator. Shares are in 0..1."""

    name: str
    labels: int
    skipped: int = 0
    accuracy: Shown = Shown()  #: against the consensus of the others
    gold: Shown = Shown()  #: against experts
    agreement: Shown = Shown()  #: with each other annotator
    anchoring: Shown = Shown()  #: agreement with the model's draft, shown minus hidden
    seconds: Shown = Shown()  #: median of one label
    change: Shown = Shown()  #: of the accuracy, later half minus earlier half
    changed: bool = False
    leaning: str = ""  #: "cancelled 12 points more often than others on the same items"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecRow:
    """One version of a label spec."""

    name: str  #: "class of 5, guideline 2"
    labels: int
    items: int
    alpha: Shown = Shown()
    seconds: Shown = Shown()
    minutes: float = 0.0  #: of all its labels
    bits: Shown = Shown()  #: that a second annotator confirms, a label
    bits_a_minute: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtPoint:
    """Performance in one window, measured by the labels of its queue."""

    window_start: datetime
    value: float | None
    interval: Interval | None
    labels: int
    model: str = ""  #: version of the model that made the predictions
    before: bool = False  #: one of the windows that "after" is held against
    after: bool = False  #: the retrained model
    all_rows: Shown = Shown()  #: by the labels that came with the data, where most rows have one


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsView:
    """The part of a report that is about labels."""

    total: int  #: answers
    items: int
    disputed: int = 0
    annotators: tuple[AnnotatorRow, ...] = ()
    specs: tuple[SpecRow, ...] = ()
    answers: tuple[str, ...] = ()  #: sentences about guidelines and finer label types
    metric: str = ""  #: of `bought`: "accuracy", "mean absolute error"
    bought: tuple[BoughtPoint, ...] = ()  #: oldest first
    verdict: str = ""  #: before and after, one sentence
    by_all: str = ""  #: the same by the labels of all rows
    note: str = ""  #: what the measure rests on
    joined: int = 0  #: labels that joined the reference
