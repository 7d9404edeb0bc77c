"""Counting a numeric column, buffer by buffer: 2-3 ns a value, plain numpy.

Fresh arrays of more than 128 kB are the trap here (the allocator maps and unmaps them each
time), so each thread has its scratch.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import missing_in, values_of
from monitor.profiles import merging, sketches
from monitor.profiles.blocks import SMALLEST, BlockSums
from monitor.profiles.codebook import CODES, ORDER, Codebook, Node, inverse
from monitor.profiles.scratch import scratch
from monitor.profiles.types import BlockMoments, NumericProfile

IntArray = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]  # integers or floats of any width

BOUND = 4.0  #: standardised values are clipped to ±BOUND for block moments
_TOP_HALF = 1 if sys.byteorder == "little" else 0
_SHORT = 4096  # BLAS starts no threads for so few: they cost more than they give
#: Codes of +inf and -inf: beyond those of finite values that overflow a float32.
INFINITIES = np.array([0xFFFF << 32, 0], np.int64)
_CONSOLIDATE = 16


@dataclass(slots=True)
class _Tally:
    """Sparse counts of one map of the codebook, by raw (not ordered) code."""

    parts: list[tuple[IntArray, IntArray]] = field(default_factory=list)

    def add(self, counts: IntArray) -> None:
        raw = np.flatnonzero(counts != 0)  # much faster than on integers
        self.parts.append((raw, counts[raw]))
        if len(self.parts) > _CONSOLIDATE:
            self.parts = [self.total()]

    def total(self) -> tuple[IntArray, IntArray]:
        if len(self.parts) == 1:
            return self.parts[0]
        dense = np.zeros(CODES, np.int64)
        for raw, counts in self.parts:
            dense[raw] += counts
        raw = np.flatnonzero(dense != 0)
        return raw, dense[raw]


class NumericCounter:
    """Counts one numeric or datetime column against its codebook."""

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        self.rows = self.nulls = self.nans = self.zeros = self.negatives = 0
        self.infinities = [0, 0]
        self.minimum = self.maximum = math.nan
        self.moments = (0, 0.0, 0.0)
        self.tallies = [_Tally() for _ in codebook.nodes]
        self.blocks = BlockSums(1)
        self.missing_blocks = BlockSums(1)

    def add(self, array: pa.Array) -> None:
        """Count signed integers, float32 or float64; nulls and NaN are missing."""
        self.rows += len(array)
        self.nulls += array.null_count
        values, missing = _present(array)
        with np.errstate(over="ignore", invalid="ignore"):
            if len(values):
                low, high = values.min(), values.max()
                if values.dtype.kind == "f" and not (np.isfinite(low) and np.isfinite(high)):
                    values, missing = self._take_out(values, missing)
                    if len(values):
                        self._count(values, values.min(), values.max())
                else:
                    self._count(values, low, high)
        self.missing_blocks.add_mask(missing, len(array))

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.rows += rows
        self.nulls += rows
        self.missing_blocks.add_mask(np.ones(rows, bool), rows)

    def _take_out(
        self, values: Numbers, missing: npt.NDArray[np.bool_] | None
    ) -> tuple[Numbers, npt.NDArray[np.bool_] | None]:
        """Count NaN and infinities and leave the finite values."""
        finite = np.isfinite(values)
        is_nan = np.isnan(values)
        if is_nan.any():
            self.nans += int(np.count_nonzero(is_nan))
            if missing is None:
                missing = is_nan
            else:
                missing = missing.copy()
                missing[np.flatnonzero(~missing)[is_nan]] = True
        self.infinities[0] += int(np.count_nonzero(values == np.inf))
        self.infinities[1] += int(np.count_nonzero(values == -np.inf))
        return values[finite], missing

    def _count(self, values: Numbers, low: Any, high: Any) -> None:
        self.minimum = float(np.fmin(self.minimum, float(low)))
        self.maximum = float(np.fmax(self.maximum, float(high)))
        if low <= 0:
            true = scratch.get("true", np.bool_, len(values))
            if low < 0:
                self.negatives += int(np.count_nonzero(np.less(values, 0, out=true)))
            if high >= 0:
                self.zeros += int(np.count_nonzero(np.equal(values, 0, out=true)))
        shifted = self._shifted(values, int(low) if values.dtype.kind == "i" else 0, high)
        standard = self._standardise(shifted, self.codebook.nodes[0], 0)
        self._add_moments(shifted)
        self._add_blocks(standard)
        self._codes(shifted, standard, 0, 0)

    def _shifted(self, values: Numbers, low: int, high: Any) -> Numbers:
        """Integers near a far centre lose it as integers, before they become floats."""
        shift = self.codebook.shift
        if shift == 0:
            return values
        if values.dtype.kind == "i" and low - shift >= -(2**63) and int(high) - shift < 2**63:
            return np.subtract(values, shift, dtype=np.int64)
        return values.astype(np.float64) - shift

    def _standardise(self, values: Numbers, node: Node, depth: int) -> Numbers:
        centred = scratch.get("centred", np.float64, len(values), depth)
        # Adding 0.0 - center turns -0.0 into 0.0; subtracting would keep it.
        np.add(values, 0.0 - node.center, out=centred, dtype=np.float64)
        standard = scratch.get("standard", np.float32, len(values), depth)
        np.multiply(centred, inverse(node), out=standard, casting="same_kind")
        return standard

    def _add_moments(self, shifted: Numbers) -> None:
        centred = scratch.get("centred", np.float64, len(shifted), 0)
        n, center = len(centred), self.codebook.nodes[0].center
        total = float(centred.sum())
        square = _square(centred)
        mean = total / n
        if not math.isfinite(mean):
            mean = float((centred / n).sum())
        if not math.isfinite(square):
            m2 = math.inf
        elif total * mean > 0.5 * square:  # far from the reference: no digits left otherwise
            away = centred - mean
            m2 = _square(away)
        else:
            m2 = square - total * mean
        place = self.codebook.shift + (center + mean)
        self.moments = merging.moments(self.moments, (n, place, max(m2, 0.0)))

    def _add_blocks(self, standard: Numbers) -> None:
        bounded = scratch.get("bounded", np.float32, len(standard))
        np.clip(standard, -BOUND, BOUND, out=bounded)
        whole = len(bounded) // SMALLEST
        sums = np.einsum("ij->i", bounded[: whole * SMALLEST].reshape(whole, SMALLEST))
        total = float(sums.sum(dtype=np.float64)) + float(bounded[whole * SMALLEST :].sum())
        square = _square(bounded)
        self.blocks.add(len(bounded), total, square, sums[None])

    def _codes(
        self,
        values: Numbers,
        standard: Numbers,
        node: int,
        depth: int,
    ) -> None:
        top = scratch.get("top", np.uint16, len(standard), depth)
        np.copyto(top, standard.view(np.uint16)[_TOP_HALF::2])
        codes = scratch.get("codes", np.int64, len(top), depth)
        np.copyto(codes, top)
        counts = np.bincount(codes, minlength=CODES)
        for low, high, child in self.codebook.nodes[node].ranges.tolist():
            first, last = sorted((int(RAW[low]), int(RAW[high])))
            if not counts[first : last + 1].any():
                continue
            counts[first : last + 1] = 0
            # One comparison: what lies below `first` wraps round to the greatest numbers.
            inside = np.flatnonzero(top - np.uint16(first) <= np.uint16(last - first))
            kept = np.take(values, inside)
            deeper = self._standardise(kept, self.codebook.nodes[child], depth + 1)
            self._codes(kept, deeper, child, depth + 1)
        self.tallies[node].add(counts)

    def result(self) -> NumericProfile:
        """The profile of all that was added."""
        codes, counts = sketches.sparse(self._ordered())
        finite, mean, m2 = self.moments
        return NumericProfile(
            codebook_id=self.codebook.id,
            rows=self.rows,
            nulls=self.nulls,
            nans=self.nans,
            positive_infinities=self.infinities[0],
            negative_infinities=self.infinities[1],
            minimum=self.minimum,
            maximum=self.maximum,
            mean=mean if finite else math.nan,
            m2=m2,
            zeros=self.zeros,
            negatives=self.negatives,
            codes=codes,
            counts=counts,
            blocks=BlockMoments.of(self.blocks),
            missing_blocks=BlockMoments.of(self.missing_blocks),
        )

    def _ordered(self) -> list[tuple[IntArray, IntArray]]:
        """Sparse counts of each map by full code, infinities included."""
        parts = []
        for node, (prefix, bits) in enumerate(_places(self.codebook)):
            raw, counts = self.tallies[node].total()
            parts.append((prefix | ORDER[raw] << bits, counts))
        some = np.flatnonzero(self.infinities)
        parts.append((INFINITIES[some], np.array(self.infinities, np.int64)[some]))
        return parts


RAW = np.argsort(ORDER)  #: raw code of each ordered one


def _square(values: Numbers) -> float:
    """Sum of squares."""
    whole = len(values) // _SHORT * _SHORT
    rows, rest = values[:whole].reshape(-1, _SHORT), values[whole:]
    return float(np.vecdot(rows, rows).sum(dtype=np.float64)) + float(np.vecdot(rest, rest))


def _places(codebook: Codebook) -> list[tuple[int, int]]:
    """(prefix, shift in bits) of each map's codes."""
    places = [(0, 32)] * len(codebook.nodes)
    for at, node in enumerate(codebook.nodes):  # parents stand before their children
        prefix, bits = places[at]
        for low, _, child in node.ranges.tolist():
            places[child] = (prefix | low << bits, bits - 16)
    return places


def _present(
    array: pa.Array,
) -> tuple[Numbers, npt.NDArray[np.bool_] | None]:
    """Values that are not null, and the mask of nulls (None: no nulls)."""
    if not array.null_count:
        return values_of(array), None
    missing = missing_in(array)
    raw = values_of(array)
    keep = np.flatnonzero(~missing)
    out = scratch.get("present", raw.dtype, len(keep))
    np.take(raw, keep, out=out, mode="clip")
    return out, missing
