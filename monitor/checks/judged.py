"""Which columns are judged window by window, and how a profile becomes what evidence reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from monitor.core.columns import JUDGED_ROLES, Column
from monitor.core.errors import ProfileError
from monitor.evidence.types import Direction, Gate, Observation, Series
from monitor.profiles.bins import Bins
from monitor.profiles.codebook import Codebook
from monitor.profiles.types import CategoricalProfile, ColumnProfile, NumericProfile, Profile

IntArray = npt.NDArray[np.int64]

#: The one label of a column of which only the missing share is judged.
PRESENT = "any value"

_NEAR_UNIQUE = 0.5  #: share of rows in levels too rare to keep
_EMBEDDING_WEIGHT = 2.0  #: what all columns made from one embedding count together
_TEXT_WEIGHT = 1.0
_SCORES_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Override:
    """What a person says about the judging of one column."""

    judged: bool = True
    gate: Gate = field(default_factory=Gate)
    alarm_on: Direction = "both"
    weight: float = 1.0


class Fold(Protocol):
    """Turns the profile of a column into counts over fixed bins, the missing last."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What a person calls the bins."""
        ...

    def fold(self, profile: ColumnProfile) -> IntArray:
        """Counts of shape (len(labels) + 1,). Raises `ProfileError` on another kind of profile."""
        ...


@dataclass(frozen=True, slots=True)
class Presence:
    """Only whether there is a value: for times, texts, ids and other near-unique columns."""

    labels: tuple[str, ...] = (PRESENT,)

    def fold(self, profile: ColumnProfile) -> IntArray:
        """Rows with a value, rows without."""
        return np.array([profile.present, profile.missing], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bins of a label: labels come late, so those that are not there yet are not missing."""

    bins: Fold

    @property
    def labels(self) -> tuple[str, ...]:
        """What a person calls the bins."""
        return self.bins.labels

    def fold(self, profile: ColumnProfile) -> IntArray:
        """Counts of the labels that are there, and no missing."""
        counts = self.bins.fold(profile).copy()
        counts[-1] = 0
        return counts


def plan_series(
    columns: Sequence[Column],
    pooled: Profile,
    codebooks: Mapping[str, Codebook],
    overrides: Mapping[str, Override] | None = None,
) -> tuple[list[Series], dict[str, Fold]]:
    """Which columns are judged, and over which bins.

    Features, labels, predictions, scores and segments are judged. Of times, texts and columns
    whose values hardly repeat only the missing share is: time goes on by itself, and a level that
    was never seen before is no news there. Columns without a value in the reference are not
    judged at all.

    Parameters
    ----------
    columns : sequence of Column
        Physical and derived ones.
    pooled : Profile
        All windows of the reference together; it fixes the bins.
    codebooks : mapping
        Codebook of each numeric column, by name.
    overrides : mapping, optional
        What a person says about single columns, by name; that of a parent counts for the columns
        made from it.

    Returns
    -------
    list of Series, dict of name to Fold
        In the order of `columns`.
    """
    series: list[Series] = []
    folds: dict[str, Fold] = {}
    said = overrides or {}
    for column in columns:
        override = said.get(column.name, said.get(column.owner, Override()))
        fold = _fold_of(column, pooled, codebooks) if override.judged else None
        if fold is None:
            continue
        numeric = isinstance(pooled.columns[column.name], NumericProfile)
        folds[column.name] = fold
        series.append(
            Series(
                name=column.name,
                kind="numeric" if numeric or fold.labels == (PRESENT,) else "categorical",
                labels=fold.labels,
                weight=override.weight * _shared_weight(column, columns),
                alarm_on=override.alarm_on,
                gate=override.gate,
            )
        )
    return series, folds


def _fold_of(column: Column, pooled: Profile, codebooks: Mapping[str, Codebook]) -> Fold | None:
    profile = pooled.columns.get(column.name)
    if column.role not in JUDGED_ROLES or profile is None or profile.present == 0:
        return None
    if column.kind not in {"numeric", "categorical", "boolean"}:
        return Presence()
    if isinstance(profile, NumericProfile) and column.name not in codebooks:
        return Presence()
    bins: Fold = Bins.fixed_by(profile, codebooks.get(column.name))
    if isinstance(profile, CategoricalProfile):
        counts = bins.fold(profile)
        if counts[-2] > _NEAR_UNIQUE * profile.present:
            return Presence()
    return Arrived(bins) if column.role == "label" else bins


def _shared_weight(column: Column, columns: Sequence[Column]) -> float:
    """Columns made from one parent share a weight, so that an embedding is not a dozen columns.

    So do the scores of a model: one for each class, and they add up to 1.
    """
    if column.role == "score":
        scores = sum(other.role == "score" for other in columns)
        return min(1.0, _SCORES_WEIGHT / scores)
    if column.parent is None:
        return 1.0
    family = [other for other in columns if other.parent == column.parent]
    parent = next((other for other in columns if other.name == column.parent), None)
    whole = _EMBEDDING_WEIGHT if parent and parent.kind == "embedding" else _TEXT_WEIGHT
    return whole / len(family)


def observe(
    folds: Mapping[str, Fold],
    profile: Profile,
    scalars: Mapping[str, tuple[float, float]] | None = None,
) -> Observation:
    """One window as evidence reads it.

    A column that this window does not have, that came as another kind, or that has no rows at
    all, is left out: the checks of `quality.*` speak of it.

    Parameters
    ----------
    folds : mapping
        As `plan_series` made them.
    profile : Profile
        Of the window.
    scalars : mapping, optional
        As `ScalarPlan.values` reads them from the same profile.
    """
    counts: dict[str, IntArray] = {}
    for name, fold in folds.items():
        column = profile.columns.get(name)
        if column is None or name in profile.absent:
            continue
        try:
            folded = fold.fold(column)
        except ProfileError:
            continue
        if folded.sum() > 0:
            counts[name] = folded
    return Observation(counts=counts, scalars=dict(scalars or {}))
