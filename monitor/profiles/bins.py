"""Few bins, fixed by the reference, that people can read and evidence counts in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from monitor.core.errors import ProfileError
from monitor.profiles.codebook import Codebook
from monitor.profiles.merging import OTHER
from monitor.profiles.types import CategoricalProfile, ColumnProfile, NumericProfile

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins or levels of one column; a fold has one count each, and the missing last."""

    kind: Literal["numeric", "categorical"]
    labels: tuple[str, ...]  #: what a person calls them; a categorical's last is "other"
    levels: tuple[str, ...] = ()  #: categorical: the levels, without OTHER
    tops: tuple[int, ...] = ()  #: numeric: greatest code of each bin but the last
    edges: tuple[float, ...] = ()  #: numeric: inner edges, for drawing; empty without a codebook

    @classmethod
    def fixed_by(
        cls,
        pooled: ColumnProfile,
        codebook: Codebook | None = None,
        *,
        bins: int = 20,
        min_share: float = 0.002,
    ) -> Bins:
        """The bins of the pooled reference.

        Numeric: at most `bins` of equal mass on the borders of codes; a value that is frequent
        enough to fill a bin has its own, so has each value where there are few. Categorical: each
        level of at least `min_share` of the rows with a value, heaviest first, then OTHER.
        """
        if isinstance(pooled, CategoricalProfile):
            least = max(1.0, min_share * pooled.present)
            kept = [(-count, name) for name, count in pooled.levels.items() if count >= least]
            levels = tuple(name for _, name in sorted(kept))
            return cls("categorical", (*levels, OTHER), levels=levels)
        tops = _tops(pooled.codes, pooled.counts, bins, min_share)
        labels, edges = _numeric_labels(pooled, codebook, tops)
        return cls("numeric", labels, tops=tuple(tops), edges=edges)

    def fold(self, profile: ColumnProfile) -> IntArray:
        """Counts in these bins, shape (len(labels) + 1,); the last one is the missing."""
        counts = np.zeros(len(self.labels) + 1, np.int64)
        if isinstance(profile, CategoricalProfile):
            if self.kind != "categorical":
                msg = "A categorical profile cannot be folded into numeric bins."
                raise ProfileError(msg)
            counts[: len(self.levels)] = [profile.levels.get(level, 0) for level in self.levels]
            counts[-2] = profile.present - counts[:-2].sum()
        else:
            if self.kind != "numeric":
                msg = "A numeric profile cannot be folded into levels."
                raise ProfileError(msg)
            at = np.searchsorted(np.array(self.tops, np.int64), profile.codes)
            np.add.at(counts, at, profile.counts)
        counts[-1] = profile.missing
        return counts

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            "kind": self.kind,
            "labels": list(self.labels),
            "levels": list(self.levels),
            "tops": list(self.tops),
            "edges": list(self.edges),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Bins:
        """What `to_dict` wrote."""
        return cls(
            kind=stored["kind"],
            labels=tuple(stored["labels"]),
            levels=tuple(stored["levels"]),
            tops=tuple(int(top) for top in stored["tops"]),
            edges=tuple(float(edge) for edge in stored["edges"]),
        )


def _tops(codes: IntArray, counts: IntArray, bins: int, min_share: float) -> list[int]:
    """Greatest code of each bin but the last."""
    total = int(counts.sum())
    if total == 0 or len(codes) < 2:
        return []
    heavy = counts >= total / bins
    if len(codes) <= bins:
        heavy = counts >= min_share * total
    spare = max(bins - int(heavy.sum()), 1)
    target = max(float(counts[~heavy].sum()) / spare, min_share * total)
    groups: list[list[int]] = []  # [first position, rows, heavy]
    for at, (count, alone) in enumerate(zip(counts.tolist(), heavy.tolist(), strict=True)):
        last = groups[-1] if groups else None
        if last is None or alone or last[2] or last[1] + count / 2 > target:
            groups.append([at, count, int(alone)])
        else:
            last[1] += count
    _join_smallest(groups, bins, min_share * total)
    return [_border(codes, group[0], group[2]) for group in groups[1:]]


def _border(codes: IntArray, first: int, heavy: int) -> int:
    """Greatest code before a bin; a single value keeps unseen neighbours below out."""
    return int(codes[first]) - 1 if heavy else int(codes[first - 1])


def _join_smallest(groups: list[list[int]], bins: int, least: float) -> None:
    """Join the lightest group to its lighter neighbour until all are few and heavy enough."""
    while len(groups) > 1:
        at = min(range(len(groups)), key=lambda i: groups[i][1])
        if len(groups) <= bins and groups[at][1] >= least:
            return
        sides = [i for i in (at - 1, at + 1) if 0 <= i < len(groups)]
        other = min(sides, key=lambda i: (groups[i][2], groups[i][1]))
        left, right = sorted((at, other))
        joined = [groups[left][0], groups[left][1] + groups[right][1], 0]
        groups[left : right + 1] = [joined]


def _numeric_labels(
    pooled: NumericProfile, codebook: Codebook | None, tops: list[int]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    if codebook is None or not len(pooled.codes):
        count = len(tops) + 1
        return tuple(f"bin {at + 1} of {count}" for at in range(count)), ()
    bounds = np.array(tops, np.int64)
    at = np.searchsorted(bounds, pooled.codes)
    starts = np.flatnonzero(np.append(True, np.diff(at) > 0))
    ends = np.append(starts[1:], len(at)) - 1
    low = np.clip(codebook.lower(pooled.codes[starts]), pooled.minimum, pooled.maximum)
    upper = codebook.upper(pooled.codes[ends])
    high = np.clip(upper, pooled.minimum, pooled.maximum)
    write: Callable[[float], str] = partial(compact, digits=_digits(low, high))
    if codebook.times:
        write = _time
    elif codebook.integers and pooled.maximum < 1e12:
        low, high = np.ceil(low), np.where(upper > high, high, np.ceil(upper) - 1)
        high = np.maximum(np.where(codebook.is_atom(pooled.codes[ends]), upper, high), low)
        write = _whole
    labels = [
        write(least) if least == most else f"{write(least)} … {write(most)}"
        for least, most in zip(low.tolist(), high.tolist(), strict=True)
    ]
    return tuple(labels), tuple(low[1:].tolist())


def _whole(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:.0f}"


def _time(micros: float) -> str:
    """A time in few characters, without the seconds."""
    try:
        time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    except OverflowError:
        return compact(micros)
    return f"{time:%Y-%m-%d %H:%M}".removesuffix(" 00:00")


def _digits(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> int:
    """Least number of significant digits, 3 … 12, that keeps the edges apart."""
    edges = np.unique(np.concatenate([low, high]))
    for digits in range(3, 12):
        if len({compact(float(edge), digits) for edge in edges}) == len(edges):
            return digits
    return 12


def compact(number: float, digits: int = 3) -> str:
    """A number in few characters: 12.5, 1,200, 3.4e+09."""
    text = f"{number:.{digits}g}"
    if "e" in text and 1e-4 < abs(number) < 1e9:
        text = f"{float(text):,.0f}" if abs(number) >= 1 else f"{float(text):f}".rstrip("0")
    return "0" if text == "-0" else text
