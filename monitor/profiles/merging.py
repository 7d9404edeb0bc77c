"""Merging: profiles of parts become the profile of the whole.

Written on the parts' own `dataclasses.replace`, so that this file needs no profile class.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import array_of
from monitor.core.errors import ProfileError
from monitor.core.finding import MAX_ROWS
from monitor.profiles.hashing import hash_key
from monitor.profiles.sketches import (
    SKETCH_SIZE,
    bottom,
    bottom_values,
    distinct_levels,
    heaviest,
    least_distinct,
    repeated,
    sketch_of,
    sparse,
)

if TYPE_CHECKING:
    from monitor.profiles.types import (
        BlockMoments,
        CategoricalProfile,
        CellTable,
        NumericProfile,
        Profile,
        RuleCount,
        Sample,
    )

IntArray = npt.NDArray[np.int64]
#: Levels beyond this many are folded into `OTHER` when cell tables are merged.
MAX_CELL_LEVELS = 1000
#: Stands in cell tables for levels beyond those that are kept.
OTHER = "other"


class _Merges(Protocol):
    def merge(self, other: Any, /) -> Any: ...


_M = TypeVar("_M", bound=_Merges)


def blocks(left: BlockMoments, right: BlockMoments) -> BlockMoments:
    """Sums of both; components that one side lacks count as zero."""
    if left.sums.shape == right.sums.shape:
        sums, squares = left.sums + right.sums, left.squares + right.squares
        return dataclasses.replace(
            left, blocks=left.blocks + right.blocks, sums=sums, squares=squares
        )
    width = max(left.sums.shape[1], right.sums.shape[1])
    return dataclasses.replace(
        left,
        blocks=left.blocks + right.blocks,
        sums=_widen(left.sums, width) + _widen(right.sums, width),
        squares=_widen(left.squares, width) + _widen(right.squares, width),
    )


def _widen(array: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    return np.pad(array, ((0, 0), (0, width - array.shape[1])))


def moments(
    left: tuple[int, float, float], right: tuple[int, float, float]
) -> tuple[int, float, float]:
    """(n, mean, sum of squared deviations) of both (Chan, Golub & LeVeque 1979)."""
    n_left, mean_left, m2_left = left
    n_right, mean_right, m2_right = right
    n = n_left + n_right
    if n_left == 0 or n_right == 0:
        return (n, mean_right, m2_right) if n_left == 0 else (n, mean_left, m2_left)
    # Each part for itself: the difference of two finite means can overflow.
    share = n_right / n
    mean = mean_left * (n_left / n) + mean_right * share
    with np.errstate(over="ignore", invalid="ignore"):
        delta = np.float64(mean_right) - np.float64(mean_left)
        m2 = float(m2_left + m2_right + delta * delta * n_left * share)
    return n, mean, math.inf if math.isnan(m2) else m2


def numeric(left: NumericProfile, right: NumericProfile) -> NumericProfile:
    """The profile of both. Raises `ProfileError` when the codebooks differ."""
    if left.codebook_id != right.codebook_id:
        msg = (
            f"Profiles of codebooks {left.codebook_id!r} and {right.codebook_id!r} do not merge: "
            "they were made against different references. Profile the data again."
        )
        raise ProfileError(msg)
    _, mean, m2 = moments((left.finite, left.mean, left.m2), (right.finite, right.mean, right.m2))
    codes, counts = sparse([(left.codes, left.counts), (right.codes, right.counts)])
    added = (
        "rows",
        "nulls",
        "nans",
        "positive_infinities",
        "negative_infinities",
        "zeros",
        "negatives",
    )
    return dataclasses.replace(
        left,
        **{name: getattr(left, name) + getattr(right, name) for name in added},
        minimum=float(np.fmin(left.minimum, right.minimum)),
        maximum=float(np.fmax(left.maximum, right.maximum)),
        mean=mean,
        m2=m2,
        codes=codes,
        counts=counts,
        blocks=blocks(left.blocks, right.blocks),
        missing_blocks=blocks(left.missing_blocks, right.missing_blocks),
    )


def categorical(left: CategoricalProfile, right: CategoricalProfile) -> CategoricalProfile:
    """The profile of both."""
    total = dict(left.levels)
    for level, count in right.levels.items():
        total[level] = total.get(level, 0) + count
    capacity = max(left.capacity, right.capacity)
    kept, lost = heaviest(total, capacity)
    other = left.other + right.other + lost
    uncounted = math.isnan(left.distinct) or math.isnan(right.distinct)
    sketch = np.empty(0, np.uint64)
    if other and not uncounted:
        hashes = [side.sketch if side.other else sketch_of(side.levels) for side in (left, right)]
        sketch = least_distinct(np.concatenate([*hashes, sketch_of(total)]), SKETCH_SIZE)
    return dataclasses.replace(
        left,
        rows=left.rows + right.rows,
        nulls=left.nulls + right.nulls,
        levels=dict(sorted(kept.items())),
        other=other,
        distinct=math.nan if uncounted else distinct_levels(len(kept), other, sketch),
        blocks=blocks(left.blocks, right.blocks),
        missing_blocks=blocks(left.missing_blocks, right.missing_blocks),
        capacity=capacity,
        sketch=sketch,
    )


def rule(left: RuleCount, right: RuleCount) -> RuleCount:
    """Counts of both; of the keys the 20 with the least hash."""
    keys = sorted({hash_key(key): key for key in (*left.rows, *right.rows)}.items())
    error = left.error or right.error
    checked = 0 if error else left.checked + right.checked
    hashes, weights = bottom_values(
        np.concatenate([left.hashes, right.hashes]), np.concatenate([left.weights, right.weights])
    )
    known = len(hashes) > 0 and all(len(s.hashes) or not s.checked for s in (left, right))
    broken = repeated(weights, checked) if known else left.broken + right.broken
    return dataclasses.replace(
        left,
        checked=checked,
        broken=0 if error else broken,
        rows=() if error else tuple(key for _, key in keys[:MAX_ROWS]),
        error=error,
        hashes=hashes if known else hashes[:0],
        weights=weights if known else weights[:0],
    )


def cells(left: CellTable, right: CellTable) -> CellTable:
    """Cells of both, over the union of levels, labels, predictions and classes."""
    levels = _union(left.levels, right.levels)
    labels = _union(left.labels, right.labels)
    predictions = _union(left.predictions, right.predictions)
    classes = _union(left.classes, right.classes)
    counts = [
        _spread(
            side.counts,
            [
                (side.levels, levels, False),
                (side.labels, labels, True),
                (side.predictions, predictions, True),
            ],
        )
        for side in (left, right)
    ]
    scores = [
        _spread(side.scores, [(side.levels, levels, False), (side.classes, classes, False)])
        for side in (left, right)
    ]
    sums = [_spread(side.moments, [(side.levels, levels, False)]) for side in (left, right)]
    return dataclasses.replace(
        left,
        levels=levels,
        labels=labels,
        predictions=predictions,
        classes=classes,
        counts=_plus(*counts),
        scores=_plus(*scores),
        moments=_plus(*sums),
    )


def _union(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    return left if left == right else tuple(sorted({*left, *right}))


def _plus(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if left.size == 0 or right.size == 0:
        return right if left.size == 0 else left
    return np.asarray(left + right)


def _spread(
    array: npt.NDArray[Any], axes: list[tuple[tuple[str, ...], tuple[str, ...], bool]]
) -> npt.NDArray[Any]:
    """The array on new names of its first axes; True: a last index for the missing stays last."""
    if array.size == 0:
        return array
    for axis, (old, new, missing) in enumerate(axes):
        if old == new:
            continue
        where = {name: at for at, name in enumerate(new)}
        at = [where[name] for name in old] + ([len(new)] if missing else [])
        shape = list(array.shape)
        shape[axis] = len(new) + missing
        wide = np.zeros(shape, array.dtype)
        wide[(slice(None),) * axis + (at,)] = array
        array = wide
    return array


def sample(left: Sample, right: Sample) -> Sample:
    """The bottom-k sample of both."""
    hashes = np.concatenate([left.hashes, right.hashes])
    contents = np.concatenate([left.contents, right.contents])
    weights = np.concatenate([left.weights, right.weights])
    order, kept_weights = bottom(hashes, contents, weights, min(left.k, right.k))
    keys = (*left.keys, *right.keys)
    table = concat_tables([left.table, right.table])
    return dataclasses.replace(
        left,
        k=min(left.k, right.k),
        table=table.take(array_of(order)) if table.num_rows else table,
        hashes=hashes[order],
        contents=contents[order],
        keys=tuple(keys[at] for at in order),
        population=left.population + right.population,
        weights=kept_weights,
        dropped_images=left.dropped_images + right.dropped_images,
    )


def concat_tables(tables: list[pa.Table]) -> pa.Table:
    """One table; a column that one of them lacks is null there, types are widened."""
    filled = [table for table in tables if table.num_columns]
    if not filled:
        return tables[0]
    return pa.concat_tables(filled, promote_options="permissive")


def without_rows(whole: Profile) -> Profile:
    """The profile without its sample's rows, hashes, keys and weights, nor those of rules.

    Such profiles still merge; what was estimated from hashes (unique) is then added up.
    """
    empty = np.empty(0, np.uint64)
    bare = dataclasses.replace(
        whole.sample,
        table=whole.sample.table.slice(0, 0),
        hashes=empty,
        contents=empty,
        keys=(),
        weights=np.empty(0, np.int64),
    )
    rules = {
        name: dataclasses.replace(count, hashes=empty, weights=np.empty(0, np.int64))
        for name, count in whole.rules.items()
    }
    return dataclasses.replace(whole, sample=bare, rules=rules)


def profile(left: Profile, right: Profile) -> Profile:
    """The profile of both windows' rows. Raises `ProfileError` when the plans differ."""
    if left.plan_id != right.plan_id:
        msg = (
            f"Profiles of plans {left.plan_id!r} and {right.plan_id!r} do not merge: their columns "
            "or references differ. Profile the data again with one plan."
        )
        raise ProfileError(msg)
    firsts = [time for time in (left.first, right.first) if time is not None]
    lasts = [time for time in (left.last, right.last) if time is not None]
    return dataclasses.replace(
        left,
        rows=left.rows + right.rows,
        first=min(firsts, default=None),
        last=max(lasts, default=None),
        columns=_common(left.columns, right.columns),
        cells=_either(left.cells, right.cells),
        rules=_either(left.rules, right.rules),
        sample=left.sample.merge(right.sample),
        errors={**right.errors, **left.errors},
        absent=left.absent & right.absent,
        extra={**right.extra, **left.extra},
        types={
            name: tuple(sorted({*left.types.get(name, ()), *right.types.get(name, ())}))
            for name in sorted({*left.types, *right.types})
        },
        late=left.late + right.late,
        versions=_sums(left.versions, right.versions),
    )


def _common(left: Mapping[str, _M], right: Mapping[str, _M]) -> dict[str, _M]:
    """A column that broke in one part is lost for the whole; `errors` says why."""
    return {name: value.merge(right[name]) for name, value in left.items() if name in right}


def _either(left: Mapping[str, _M], right: Mapping[str, _M]) -> dict[str, _M]:
    both = dict(left)
    for name, value in right.items():
        both[name] = both[name].merge(value) if name in both else value
    return both


def _sums(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    names = sorted({*left, *right})
    return {name: left.get(name, 0) + right.get(name, 0) for name in names}
