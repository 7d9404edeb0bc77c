"""What goes into the selection, and what comes out of it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.intp]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

Reason = Literal[
    "drifted", "novel", "ambiguous", "underrepresented", "random", "similar", "disagreement"
]


@dataclass(frozen=True)
class Candidates:
    """The rows of a window that may be labelled: its bottom-k sample, a uniform one.

    Raises
    ------
    ValueError
        When the parts differ in their number of rows.
    """

    ids: tuple[
        Hashable, ...
    ]  #: row keys, n_c of them; of a key that comes twice the first row counts
    features: FloatArray  #: (n_c, d), standardised (see `features.FeatureSpace`); NaN is allowed
    population: int  #: rows of the whole window, N >= n_c
    scores: FloatArray | None = None  #: (n_c, K) class probabilities; K = 1 is a binary model
    predictions: tuple[Any, ...] | None = None  #: predicted classes
    segments: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: a level for each row
    names: tuple[str, ...] = ()  #: d names: the column that each feature was made from

    def __post_init__(self) -> None:
        rows, width = len(self.ids), self.features.shape[1]
        _same_length("candidates", rows, self.features, self.scores, self.predictions)
        _same_length("candidates", rows, *self.segments.values())
        _same_length("names of the features", width, self.names or None)

    @property
    def expected(self) -> FloatArray | None:
        """(n_c,) score of the most probable class; None without scores, or without a chance."""
        if self.scores is None or not self.scores.size:
            return None
        scores = self.scores if self.scores.ndim > 1 else self.scores[:, None]
        if not np.all((scores >= 0) & (scores <= 1)):
            return None
        top: FloatArray = scores.max(axis=1)
        return top if scores.shape[1] > 1 else np.maximum(top, 1 - top)


@dataclass(frozen=True)
class ReferenceRows:
    """The training set, the labels that were taken up since included.

    Raises
    ------
    ValueError
        When the parts differ in their number of rows.
    """

    features: FloatArray  #: (n_r, d), the same columns as the candidates; n_r may be 0
    segments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    predictions: tuple[Any, ...] | None = None
    labels: tuple[Any, ...] | None = None  #: stand in for the classes where predictions are absent

    def __post_init__(self) -> None:
        rows = self.features.shape[0]
        _same_length("the reference", rows, self.predictions, self.labels)
        _same_length("the reference", rows, *self.segments.values())

    @property
    def classes(self) -> tuple[Any, ...] | None:
        """Class of each row: as predicted, else as labelled, else unknown."""
        return self.predictions if self.predictions is not None else self.labels


@dataclass(frozen=True, slots=True)
class Asked:
    """A row that a person (or annotators who disagree) asked for; it need not be a candidate."""

    id: Hashable
    reason: Literal["similar", "disagreement"] = "similar"
    note: str = ""  #: replaces the standard sentence
    score: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One row for the annotators, with the reason why it was chosen."""

    id: Hashable
    reason: Reason
    reason_text: str  #: one sentence for a person
    score: float  #: size in the draw: 1 is an average row of a quiet window
    inclusion_probability: float | None  #: of this row of the window; None: it was asked for
    weight: float  #: training weight; see `weights`
    order: int  #: place in the push, 0 first
    copies: int = 1  #: rows of the sample that it stands for, itself included


@dataclass(frozen=True)
class Selection:
    """The queue of a window, and what is known of all rows that it was drawn from."""

    rows: tuple[QueueRow, ...]  #: in push order
    candidates: int  #: that could be drawn
    size_mean: float  #: of what they weighed in the draw; NaN without any
    expected_mean: float | None  #: of the model's score for its own prediction; None: no scores


def _same_length(what: str, rows: int, *parts: Any) -> None:
    for part in parts:
        if part is not None and len(part) != rows:
            msg = f"{what}: {rows} rows expected, a part has {len(part)}"
            raise ValueError(msg)
