"""The columns once more in the largest groups, counted in the sample that every profile keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.checks.judged import Arrived, Fold
from monitor.checks.outcomes import segment_name
from monitor.checks.run import column_of_segment, segment_key
from monitor.core.arrow import filled
from monitor.evidence import Reference
from monitor.evidence.types import IntArray, Observation, Series
from monitor.profiles.bins import Bins
from monitor.profiles.chunks import whole
from monitor.profiles.levels import encode_levels
from monitor.profiles.plan import Plan
from monitor.profiles.types import CategoricalProfile, Profile, Sample

#: Groups that are looked at, the largest first, and columns in groups, all together.
MAX_GROUPS, MAX_SERIES = 8, 200
#: A group has this share of the rows, and so many sampled rows in a window of the reference.
_LEAST_SHARE, _LEAST_ROWS = 0.05, 30
_ORDER = {"label": 0, "prediction": 1, "score": 2}


@dataclass(frozen=True, slots=True)
class Groups:
    """Which groups are looked at, and over which bins; fixed by the reference."""

    levels: Mapping[str, tuple[str, ...]]  #: by segment column
    bins: Mapping[str, Bins]  #: by column
    arriving: frozenset[str]  #: labels, which come late: what is not there yet is not missing
    series: tuple[Series, ...]

    def observe(self, sample: Sample) -> dict[str, IntArray]:
        """Counts of each column in each group, the missing last; of the rows of a sample."""
        table, found = sample.table, {}
        if table.num_rows == 0:
            return {}
        places = {name: _places(table, name, levels) for name, levels in self.levels.items()}
        wanted = {one.name for one in self.series}
        for column, bins in self.bins.items():
            at = _bins(table, column, bins)
            if at is None:
                continue
            size = len(bins.labels) + 1
            for segment, place in places.items():
                if place is None or segment == column:
                    continue
                levels = self.levels[segment]
                counts = np.bincount(
                    place * size + at, weights=sample.weights, minlength=(len(levels) + 1) * size
                ).reshape(-1, size)
                for level, own in zip(levels, counts, strict=False):
                    key = segment_key(segment_name(segment, level), column)
                    if key in wanted and own.sum() > 0:
                        found[key] = own.astype(np.int64)
                        found[key][-1] *= column not in self.arriving
        return found

    def learn(
        self,
        windows: Sequence[Observation],
        *,
        design_effects: Mapping[str, float],
        missing_design_effects: Mapping[str, float],
    ) -> Reference:
        """How the columns vary in the groups; rows cluster there as they do in the whole."""
        of = {one.name: column_of_segment(one.name) for one in self.series}
        return Reference.learn(
            self.series,
            (),
            windows,
            design_effects={name: design_effects.get(own, 1.0) for name, own in of.items()},
            missing_design_effects={
                name: missing_design_effects.get(own, 1.0) for name, own in of.items()
            },
        )

    def fits(self, learned: Reference) -> bool:
        """Whether that was learned of these groups."""
        shape = [(one.name, one.labels) for one in self.series]
        return [(one.name, one.labels) for one in learned.layout.series] == shape

    def added(self, seen: Observation, sample: Sample) -> Observation:
        """A window with its groups."""
        return replace(seen, counts={**seen.counts, **self.observe(sample)})


def plan_groups(
    plan: Plan, pooled: Profile, series: Sequence[Series], folds: Mapping[str, Fold], windows: int
) -> Groups | None:
    """The groups that a reference with so many windows can say something of.

    Returns
    -------
    Groups, or None where no segment is named or no group is large enough.
    """
    least = max(_LEAST_SHARE, _LEAST_ROWS * windows / max(1, pooled.sample.table.num_rows))
    ranked = sorted(_shares(plan, pooled, least), reverse=True)
    judged = {one.name: one for one in series}
    bins = {name: own for name in judged if (own := _bins_of(plan, name, folds)) is not None}
    columns = sorted(bins, key=lambda name: _ORDER.get(plan.column(name).role, 9))[:MAX_SERIES]
    if not ranked or not columns:
        return None
    kept = ranked[: max(1, min(MAX_GROUPS, MAX_SERIES // len(columns)))]
    levels: dict[str, tuple[str, ...]] = {}
    for _, segment, level in kept:
        levels[segment] = (*levels.get(segment, ()), level)
    made = tuple(
        replace(judged[name], name=segment_key(segment_name(segment, level), name))
        for _, segment, level in kept
        for name in columns
        if name != segment
    )
    return Groups(
        levels=levels,
        bins={name: bins[name] for name in columns},
        arriving=frozenset(name for name in columns if isinstance(folds[name], Arrived)),
        series=made,
    )


def _shares(plan: Plan, pooled: Profile, least: float) -> list[tuple[float, str, str]]:
    """(share, segment column, level) of the groups that are large enough, and not nearly all."""
    found = []
    for name in plan.roles.segments:
        profile = pooled.columns.get(name)
        if isinstance(profile, CategoricalProfile) and profile.rows:
            shares = {level: count / profile.rows for level, count in profile.levels.items()}
            found += [
                (share, name, level)
                for level, share in shares.items()
                if least <= share <= 1 - _LEAST_SHARE
            ]
    return found


def _bins_of(plan: Plan, name: str, folds: Mapping[str, Fold]) -> Bins | None:
    """Bins that rows can be put into: of physical columns, with edges or levels."""
    column, fold = plan.column(name), folds.get(name)
    bins = fold.bins if isinstance(fold, Arrived) else fold
    if column.parent is not None or not isinstance(bins, Bins):
        return None
    if bins.kind == "numeric" and len(bins.edges) != len(bins.labels) - 1:
        return None
    return bins if len(bins.labels) > 1 else None


def _column(table: pa.Table, name: str) -> pa.Array | None:
    return whole(table.column(name)) if name in table.column_names else None


def _places(table: pa.Table, name: str, levels: Sequence[str]) -> IntArray | None:
    """Which of the levels each row has; len(levels) is none of them."""
    column = _column(table, name)
    return None if column is None else _at(column, levels, len(levels), len(levels))


def _at(column: pa.Array, levels: Sequence[str], other: int, missing: int) -> IntArray:
    found = encode_levels(column)
    known = {level: at for at, level in enumerate(levels)}
    table = np.array([*(known.get(name, other) for name in found.names()), missing], np.int64)
    result: IntArray = table[found.positions]
    return result


def _bins(table: pa.Table, name: str, bins: Bins) -> npt.NDArray[np.int64] | None:
    """The bin of each row; len(labels) is missing. None where the column has another type."""
    column = _column(table, name)
    if column is None:
        return None
    size = len(bins.labels)
    if bins.kind == "categorical":
        return _at(column, bins.levels, size - 1, size)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    values = filled(pc.cast(column, pa.float64(), safe=False), np.nan)
    at = np.searchsorted(np.array(bins.edges), values, side="right")
    return np.where(np.isnan(values), size, at).astype(np.int64)
