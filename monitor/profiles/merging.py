"""Merging: profiles of parts become the profile of the whole.

Written on the parts' own `dataclasses.replace`, so that this file needs no profile class.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
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
        ColumnProfile,
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
_N = TypeVar("_N", np.int64, np.float64)


def blocks(parts: Sequence[BlockMoments]) -> BlockMoments:
    """Sums of all; components that one of them lacks count as zero."""
    width = max(part.sums.shape[1] for part in parts)
    return dataclasses.replace(
        parts[0],
        blocks=_added([part.blocks for part in parts]),
        sums=_added([_widen(part.sums, width) for part in parts]),
        squares=_added([_widen(part.squares, width) for part in parts]),
    )


def _added(arrays: Sequence[npt.NDArray[_N]]) -> npt.NDArray[_N]:
    return np.asarray(np.add.reduce(arrays))


def _widen(array: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    missing = width - array.shape[1]
    return np.pad(array, ((0, 0), (0, missing))) if missing else array


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


def numeric(parts: Sequence[NumericProfile]) -> NumericProfile:
    """The profile of all. Raises `ProfileError` when the codebooks differ."""
    first = parts[0]
    for part in parts:
        if part.codebook_id != first.codebook_id:
            msg = (
                f"Profiles of codebooks {first.codebook_id!r} and {part.codebook_id!r} do not "
                "merge: they were made against different references. Profile the data again."
            )
            raise ProfileError(msg)
    _, mean, m2 = reduce(moments, ((part.finite, part.mean, part.m2) for part in parts))
    codes, counts = sparse((part.codes, part.counts) for part in parts)
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
        first,
        **{name: sum(getattr(part, name) for part in parts) for name in added},
        minimum=float(np.fmin.reduce([part.minimum for part in parts])),
        maximum=float(np.fmax.reduce([part.maximum for part in parts])),
        mean=mean,
        m2=m2,
        codes=codes,
        counts=counts,
        blocks=blocks([part.blocks for part in parts]),
        missing_blocks=blocks([part.missing_blocks for part in parts]),
    )


def categorical(parts: Sequence[CategoricalProfile]) -> CategoricalProfile:
    """The profile of all."""
    total: dict[str, int] = dict(parts[0].levels)
    for part in parts[1:]:
        for level, count in part.levels.items():
            total[level] = total.get(level, 0) + count
    capacity = max(part.capacity for part in parts)
    kept, lost = heaviest(total, capacity)
    other = sum(part.other for part in parts) + lost
    uncounted = any(math.isnan(part.distinct) for part in parts)
    sketch = np.empty(0, np.uint64)
    if other and not uncounted:
        hashes = [part.sketch if part.other else sketch_of(part.levels) for part in parts]
        sketch = least_distinct(np.concatenate([*hashes, sketch_of(total)]), SKETCH_SIZE)
    return dataclasses.replace(
        parts[0],
        rows=sum(part.rows for part in parts),
        nulls=sum(part.nulls for part in parts),
        levels=dict(sorted(kept.items())),
        other=other,
        distinct=math.nan if uncounted else distinct_levels(len(kept), other, sketch),
        blocks=blocks([part.blocks for part in parts]),
        missing_blocks=blocks([part.missing_blocks for part in parts]),
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


def sample(parts: Sequence[Sample]) -> Sample:
    """The bottom-k sample of all."""
    k = min(part.k for part in parts)
    hashes = np.concatenate([part.hashes for part in parts])
    # Only rows at or below the k-th least key can stay: the others are not worth a copy.
    least = least_distinct(hashes, k)
    ends = [
        int(np.searchsorted(part.hashes, least[-1], side="right")) if len(least) == k else None
        for part in parts
    ]
    sides = list(zip(parts, ends, strict=True))
    hashes = np.concatenate([part.hashes[:end] for part, end in sides])
    contents = np.concatenate([part.contents[:end] for part, end in sides])
    weights = np.concatenate([part.weights[:end] for part, end in sides])
    order, kept_weights = bottom(hashes, contents, weights, k)
    keys = [key for part, end in sides for key in part.keys[:end]]
    table = concat_tables([part.table.slice(0, end) for part, end in sides])
    return dataclasses.replace(
        parts[0],
        k=k,
        table=table.combine_chunks().take(array_of(order)) if table.num_rows else table,
        hashes=hashes[order],
        contents=contents[order],
        keys=tuple(map(keys.__getitem__, order.tolist())),
        population=sum(part.population for part in parts),
        weights=kept_weights,
        dropped_images=sum(part.dropped_images for part in parts),
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


def profile(parts: Sequence[Profile]) -> Profile:
    """The profile of all parts' rows. Raises `ProfileError` when their plans differ."""
    first = parts[0]
    for part in parts:
        if part.plan_id != first.plan_id:
            msg = (
                f"Profiles of plans {first.plan_id!r} and {part.plan_id!r} do not merge: their "
                "columns or references differ. Profile the data again with one plan."
            )
            raise ProfileError(msg)
    names = sorted({name for part in parts for name in part.types})
    # A column that broke in one part is lost for the whole; `errors` says why.
    common = [name for name in first.columns if all(name in part.columns for part in parts)]
    return dataclasses.replace(
        first,
        rows=sum(part.rows for part in parts),
        first=min((part.first for part in parts if part.first is not None), default=None),
        last=max((part.last for part in parts if part.last is not None), default=None),
        columns={name: _column([part.columns[name] for part in parts]) for name in common},
        cells=reduce(_either, (part.cells for part in parts)),
        rules=reduce(_either, (part.rules for part in parts)),
        sample=sample([part.sample for part in parts]),
        errors=_firsts([part.errors for part in parts]),
        absent=frozenset.intersection(*(part.absent for part in parts)),
        extra=_firsts([part.extra for part in parts]),
        types={
            name: tuple(sorted({kind for part in parts for kind in part.types.get(name, ())}))
            for name in names
        },
        late=sum(part.late for part in parts),
        versions=reduce(_sums, (part.versions for part in parts)),
    )


def _column(parts: Sequence[ColumnProfile]) -> ColumnProfile:
    # Not by `isinstance`: this file needs no profile class.
    merge: Callable[[Any], ColumnProfile] = (
        numeric if hasattr(parts[0], "codebook_id") else categorical
    )
    return merge(parts)


def _either(left: Mapping[str, _M], right: Mapping[str, _M]) -> dict[str, _M]:
    both = dict(left)
    for name, value in right.items():
        both[name] = both[name].merge(value) if name in both else value
    return both


def _firsts(sides: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: text for side in reversed(sides) for name, text in side.items()}


def _sums(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    names = sorted({*left, *right})
    return {name: left.get(name, 0) + right.get(name, 0) for name in names}
