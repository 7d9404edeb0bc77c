"""What evidence is asked, and what it answers. No column of data comes this far, only counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Direction = Literal["rise", "fall", "both"]
ContrastKind = Literal[
    "location", "scale", "skewness", "bin", "tails", "level", "missing", "scalar"
]


@dataclass(frozen=True, slots=True)
class Gate:
    """The smallest change that matters; smaller ones never alarm, however sure (STATS part 1)."""

    location: float = 0.05  #: reference sd
    scale: float = 0.05  #: |ratio of sd - 1|
    skewness: float = 0.05
    level: float = 0.005  #: share of rows, and 10 % of itself
    level_relative: float = 0.10
    bin: float = 0.01  #: share of rows
    missing: float = 0.005  #: share of rows


@dataclass(frozen=True, slots=True)
class Series:
    """One judged column: a histogram with fixed bins, once for each window.

    The counts of a window have shape (len(labels) + 1,): the bins or levels in the order of
    `labels`, then the missing (null and NaN). A categorical series has OTHER (all levels that are
    rare in the reference or new) as its last label, always present, even if empty.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    labels: tuple[str, ...]  #: what a person calls the bins ("12.5 … 14", "JFK", "other")
    weight: float = 1.0
    alarm_on: Direction = "both"
    gate: Gate = field(default_factory=Gate)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One judged number a window: a gap between groups, an accuracy, log rows.

    `gate` is in the units of the number; the number's sampling variance comes with each value.
    """

    name: str
    gate: float
    weight: float = 1.0
    alarm_on: Direction = "both"


@dataclass(frozen=True, slots=True)
class Observation:
    """One window, folded: all that evidence needs of it, and all that a replay needs.

    `counts[name]` has the shape that the series of that name says; `scalars[name]` is
    (value, sampling variance). A name may be absent: that window says nothing about it.
    `calendar` is what is known of the window beforehand (`Calendar.row`).
    """

    counts: Mapping[str, IntArray]
    scalars: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    calendar: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """How many false mails are allowed, and how often one looks."""

    per_year: float = 1.0
    windows_per_year: float = 52.0
    scales: tuple[int, ...] = (1, 2, 4, 8)
    scale_weights: tuple[float, ...] = (0.5, 0.2, 0.15, 0.15)
    step: int = 1  #: observations that make up one window: 7 where weeks are looked at by days


@dataclass(frozen=True, slots=True)
class Contrast:
    """One contrast at one scale, with its evidence."""

    kind: ContrastKind
    label: str  #: the bin or level, both outermost bins for "tails", or ""
    scale: int  #: how many windows were merged
    value: float  #: signed, standardised (1/n_e variance under the reference)
    effect: float  #: signed, in the units of the gate: sd, ratio - 1, difference of shares
    reference: float  #: what the reference has, in natural units (a share, 0 for location)
    current: float  #: what the merged windows have, in natural units
    p_value: float
    threshold: float  #: p must be at most this to fire
    over_gate: bool
    due: bool  #: whether this scale is looked at in this window
    fired: bool  #: due, p <= threshold and over the gate


@dataclass(frozen=True, slots=True)
class Verdict:
    """What evidence says about one series or scalar in the newest window."""

    name: str
    fired: bool
    drifted: bool  #: Benjamini-Hochberg at 5 % among the series over the gate; includes all fired
    calm: bool  #: no contrast has p <= 0.2 of its weights and an effect of half its gate
    deciding: Contrast  #: the fired one with the least p/threshold; else the least p/threshold
    contrasts: tuple[Contrast, ...]
    interval: tuple[float, float] | None  #: 95 % of the deciding effect, same units as effect
    n_reference: int
    n_current: int  #: rows with a value in the newest window
    design_effect: float
    sight: Mapping[int, float]  #: scale -> smallest location shift (sd) or level change it can find
    sight_unit: Literal["sd", "share", "scalar"]
    enough: bool  #: False: too few rows to say anything; `needed` rows would do
    needed: int
    once_in_years: float  #: how often such evidence would come by chance, one every N years
