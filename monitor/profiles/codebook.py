"""A map of numbers to codes that keeps their order: how a numeric column is counted.

A value is standardised by the reference, rounded to float32, and its top 16 bits are the code.
Where much of the reference falls into few codes (several far clusters, say), a range of codes
has a child map with a centre and scale of its own, down to three levels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from monitor.profiles import packing

if TYPE_CHECKING:
    from monitor.profiles.types import NumericProfile

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CODES = 1 << 16
DEPTH = 3
HOT_SHARE = 0.004
HOT_GAP = 8
ATOM_SHARE = 0.001
_SPANS = ((25.0, 75.0), (10.0, 90.0), (2.0, 98.0), (0.0, 100.0))


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One map: standardise by `center` and `scale`, take the top 16 bits.

    `ranges` has a row (low, high, child) for each hot range: rows whose ordered code lies in
    low … high are coded again by node `child`.
    """

    center: float
    scale: float
    ranges: IntArray  #: shape (n_ranges, 3), ascending


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """Nested maps, the root first. Two profiles merge only when they share a codebook.

    A code is root << 32 | child << 16 | grandchild, each the *ordered* 16-bit code of its map,
    so that codes ascend with the values.
    """

    shift: int  #: subtracted from integers before they become floats
    nodes: tuple[Node, ...]
    atoms: IntArray  #: codes of single values that are frequent in the reference
    atom_values: FloatArray  #: their values
    integers: bool  #: all reference values are whole numbers
    times: bool = False  #: values are microseconds since 1970
    id: str = field(default="")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Codebook) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def lower(self, codes: IntArray) -> FloatArray:
        """Least value of each code; for an atom its value."""
        return self._edges(codes, upper=False)

    def upper(self, codes: IntArray) -> FloatArray:
        """Least value above each code (an atom: its value)."""
        return self._edges(codes, upper=True)

    def is_atom(self, codes: IntArray) -> npt.NDArray[np.bool_]:
        """Codes that stand for one frequent value of the reference."""
        return np.isin(codes, self.atoms)

    def _edges(self, codes: IntArray, *, upper: bool) -> FloatArray:
        codes = np.asarray(codes, np.int64)
        edges = np.empty(len(codes))
        with np.errstate(over="ignore"):
            self._fill(edges, codes, np.arange(len(codes)), (0, 32), (-np.inf, np.inf), upper=upper)
        if len(self.atoms):
            at = np.searchsorted(self.atoms, codes).clip(max=len(self.atoms) - 1)
            edges = np.where(self.atoms[at] == codes, self.atom_values[at], edges)
        return edges

    def _fill(
        self,
        edges: FloatArray,
        codes: IntArray,
        at: IntArray,
        map_: tuple[int, int],
        ends: tuple[float, float],
        *,
        upper: bool,
    ) -> None:
        """Edges of the codes at some positions by one map (number, bits below) and its children."""
        node, bits = self.nodes[map_[0]], map_[1]
        own = (codes[at] >> bits) & 0xFFFF
        edges[at] = np.clip(node_edges(node, own + upper), *ends) + float(self.shift)
        if bits == 0:
            return
        for low, high, child in node.ranges.tolist():
            inside = at[own == low]
            if len(inside):
                least, most = node_edges(node, np.array([low, high + 1])).tolist()
                inner = max(ends[0], least), min(ends[1], most)
                self._fill(edges, codes, inside, (child, bits - 16), inner, upper=upper)


def node_edges(node: Node, ordered: IntArray) -> FloatArray:
    """Least value of ordered codes of one map, in the shifted units of the codebook."""
    # Negative codes run away from zero: their bits are inverted, and they end one later.
    bits = np.minimum(np.abs(ordered - 0x8000) << 16, 0x7F800000).astype(np.uint32)
    magnitude = bits.view(np.float32).astype(np.float64)
    return np.asarray(node.center + np.where(ordered >= 0x8000, magnitude, -magnitude) * node.scale)


def ordered_codes() -> IntArray:
    """Ordered code of each raw one (top 16 bits of a float32): shape (65536,)."""
    raw = np.arange(CODES)
    return np.where(raw & 0x8000, 0xFFFF - raw, raw | 0x8000)


ORDER = ordered_codes()


def encode(z: FloatArray, node: Node) -> IntArray:
    """Ordered code of each shifted value by one map; infinities get the outer codes."""
    with np.errstate(over="ignore", invalid="ignore"):
        standard = ((z - node.center) * inverse(node)).astype(np.float32)
    return np.asarray(ORDER[standard.view(np.uint32) >> np.uint32(16)])


def inverse(node: Node) -> float:
    """1 / scale, kept finite."""
    return float(min(1.0 / node.scale, 1e300))


def learn_codebook(values: npt.ArrayLike, *, times: bool = False) -> Codebook:
    """The codebook of a sample of about 100,000 reference values.

    Parameters
    ----------
    values : array_like, shape (n,)
        Integers (kept exact) or floats; NaN and infinities are left out. n may be 0.
    times : bool
        The values are microseconds since 1970.
    """
    array = np.asarray(values)
    shift = 0
    if array.dtype.kind in "iu":
        shift = _shift(array)
        finite = (
            (array - array.dtype.type(shift)).astype(np.float64)
            if shift
            else (array.astype(np.float64))
        )
        integers = len(array) > 0
    else:
        finite = array.astype(np.float64)
        finite = finite[np.isfinite(finite)]
        integers = len(finite) > 0 and bool(np.all(finite == np.rint(finite)))
    builder = _Builder()
    builder.add(finite + 0.0, depth=1, total=len(finite), prefix=0)  # -0.0 becomes 0.0
    atoms = sorted(builder.atoms)
    book = Codebook(
        shift=shift,
        nodes=tuple(node for node in builder.nodes if node is not None),
        atoms=np.array([code for code, _ in atoms], np.int64),
        atom_values=np.array([value + shift for _, value in atoms], np.float64),
        integers=integers,
        times=times,
    )
    digest = hashlib.sha256(b"".join(packing.payload(book))).hexdigest()[:16]
    return replace(book, id=digest)


def _shift(array: npt.NDArray[np.signedinteger]) -> int:
    """The median where float64 would lose digits (timestamps); else 0."""
    if not len(array):
        return 0
    middle = int(np.partition(array, len(array) // 2)[len(array) // 2])
    return middle if abs(middle) > 2**40 else 0


class _Builder:
    """Learns the nested maps from values in any order: sorting them would cost twice as much."""

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []
        self.atoms: list[tuple[int, float]] = []

    def add(self, values: FloatArray, *, depth: int, total: int, prefix: int) -> int:
        at = len(self.nodes)
        self.nodes.append(None)
        center, scale = _standard(values)
        plain = Node(center, scale, np.empty((0, 3), np.int64))
        codes = encode(values, plain)
        counts = np.bincount(codes, minlength=CODES)
        one = np.zeros(CODES)  # of each code one of its values
        one[codes] = values
        single = np.ones(CODES, bool)
        single[codes[values != one[codes]]] = False
        ranges = _ranges(np.flatnonzero((counts > HOT_SHARE * total) & ~single))
        ranges = ranges if depth < DEPTH else []
        bits = 16 * (DEPTH - depth)
        alone = np.flatnonzero(single & (counts > 0) & (counts >= ATOM_SHARE * total))
        for code, value in zip(alone.tolist(), one[alone].tolist(), strict=True):
            if not any(low <= code <= high for low, high in ranges):
                self.atoms.append((prefix | code << bits, value))
        rows = []
        for low, high in ranges:
            inside = values[(codes >= low) & (codes <= high)]
            child = self.add(inside, depth=depth + 1, total=total, prefix=prefix | low << bits)
            rows.append((low, high, child))
        self.nodes[at] = Node(center, scale, np.array(rows, np.int64).reshape(-1, 3))
        return at


def _standard(values: FloatArray) -> tuple[float, float]:
    """Median element, and the first span of percentiles that is not zero."""
    if not len(values):
        return 0.0, 1.0
    last, middle = len(values) - 1, len(values) // 2
    for low, high in _SPANS:
        ranks = int(last * low / 100), int(last * high / 100)
        some = np.partition(values, (*ranks, middle))
        span = float(some[ranks[1]] / 2 - some[ranks[0]] / 2) * 2
        if span > 0:
            return float(some[middle]), min(span, 1e300)
    return float(some[middle]), 1.0


def _ranges(hot: IntArray) -> list[tuple[int, int]]:
    """Hot codes of one sign, at most `HOT_GAP` apart, joined to ranges."""
    ranges: list[tuple[int, int]] = []
    for code in hot.tolist():
        if (
            ranges
            and code - ranges[-1][1] <= HOT_GAP
            and (code < 0x8000) == (ranges[-1][1] < 0x8000)
        ):
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges


def aligned(left: NumericProfile, right: NumericProfile) -> tuple[IntArray, IntArray, IntArray]:
    """Codes of either profile, ascending, and the counts of both on them.

    The difference of the cumulated shares is the KS statistic, within 0.002 of exact.
    """
    codes = np.union1d(left.codes, right.codes)
    counts = np.zeros((2, len(codes)), np.int64)
    for side, row in zip((left, right), counts, strict=True):
        row[np.searchsorted(codes, side.codes)] = side.counts
    return codes, counts[0], counts[1]


def quantile(profile: NumericProfile, codebook: Codebook, q: npt.ArrayLike) -> FloatArray:
    """Quantiles of the values, linear inside of a code; NaN without values.

    Parameters
    ----------
    q : array_like
        In 0 … 1. The result has its shape.
    """
    wanted = np.asarray(q, np.float64)
    total = int(profile.counts.sum())
    if total == 0:
        return np.full(wanted.shape, np.nan)
    ends = np.cumsum(profile.counts)
    rank = wanted * total
    at = np.searchsorted(ends, rank).clip(max=len(ends) - 1)
    low, high = (
        np.clip(edge, profile.minimum, profile.maximum)
        for edge in (
            codebook.lower(profile.codes[at.ravel()]),
            codebook.upper(profile.codes[at.ravel()]),
        )
    )
    share = (rank - (ends[at] - profile.counts[at])) / profile.counts[at]
    share = share.clip(0.0, 1.0).ravel()
    return np.asarray(low * (1 - share) + high * share).reshape(wanted.shape)
