"""The mergeable summary of a window: what the kernel makes and what everything above reads.

Laws (tests/profiles): `a.merge(b)` is associative and commutative; the profile of a whole equals
the merge of the profiles of its parts, counts bit for bit, float sums to 1e-9; block moments are
outside of that promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.errors import ProfileError
from monitor.profiles import merging, packing
from monitor.profiles.blocks import SIZES, BlockSums, design_effect

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class BlockMoments:
    """Sums over blocks of consecutive rows, for the design effect of rows that come in clusters.

    `sizes` are 1 (single rows: the baseline), 64, 256, 1,024 … 65,536 rows; for each size the
    number of full blocks, and the components' sums of block sums and of squared block sums. A
    numeric column has one component (its value, standardised and bounded to ±4), a categorical
    one a component a frequent level.
    """

    sizes: IntArray  #: shape (n_sizes,)
    blocks: IntArray  #: shape (n_sizes,)
    sums: FloatArray  #: shape (n_sizes, n_components)
    squares: FloatArray  #: shape (n_sizes, n_components)

    def design_effect(self, block_rows: int = 64) -> float:
        """Variance of block means over that of independent rows, >= 1; 1 below 20 blocks.

        The largest size of at most `block_rows` rows (and at least 64) is used. Of several
        windows use `monitor.profiles.blocks.design_effect`, which looks inside each of them.
        """
        return design_effect([self], block_rows)

    @classmethod
    def of(cls, sums: BlockSums) -> BlockMoments:
        """What was added up so far."""
        return cls(SIZES, sums.blocks.copy(), sums.sums.copy(), sums.squares.copy())

    def merge(self, other: BlockMoments) -> BlockMoments:
        """Sums of both."""
        return merging.blocks([self, other])


@dataclass(frozen=True, slots=True)
class NumericProfile:
    """A numeric (or datetime: microseconds since 1970, UTC) column."""

    codebook_id: str  #: only profiles of one codebook merge
    rows: int  #: all rows, missing included
    nulls: int
    nans: int
    positive_infinities: int
    negative_infinities: int
    minimum: float  #: of the finite values; NaN when there is none
    maximum: float
    mean: float  #: of the finite values
    m2: float  #: sum of squared deviations of the finite values from their mean
    zeros: int
    negatives: int
    codes: IntArray  #: shape (n_codes,), ascending, i.e. in the order of the values
    counts: IntArray  #: shape (n_codes,), rows with that code; infinities are in the outer codes
    blocks: BlockMoments
    missing_blocks: BlockMoments

    @property
    def missing(self) -> int:
        """Rows without a value: null or NaN."""
        return self.nulls + self.nans

    @property
    def present(self) -> int:
        """Rows with a value, infinities included."""
        return self.rows - self.missing

    @property
    def finite(self) -> int:
        """Rows with a finite value."""
        return self.present - self.positive_infinities - self.negative_infinities

    @property
    def variance(self) -> float:
        """Variance of the finite values (divisor n - 1); NaN below two."""
        return self.m2 / (self.finite - 1) if self.finite > 1 else float("nan")

    def merge(self, other: NumericProfile) -> NumericProfile:
        """The profile of both. Raises `ProfileError` when the codebooks differ."""
        return merging.numeric([self, other])


@dataclass(frozen=True, slots=True)
class CategoricalProfile:
    """A categorical or boolean column, or one derived from text or an embedding."""

    rows: int
    nulls: int
    levels: Mapping[str, int]  #: level -> rows; bounded, the heaviest are kept (Misra-Gries)
    other: int  #: rows of the levels that were not kept
    distinct: float  #: distinct levels, estimated when `other` > 0; NaN where not counted
    blocks: BlockMoments
    missing_blocks: BlockMoments
    capacity: int = 4096  #: most levels that are kept
    sketch: npt.NDArray[np.uint64] = field(  #: least hashes of levels, for `distinct`
        default_factory=lambda: np.empty(0, np.uint64)
    )

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return self.nulls

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.nulls

    def merge(self, other: CategoricalProfile) -> CategoricalProfile:
        """The profile of both."""
        return merging.categorical([self, other])


ColumnProfile = NumericProfile | CategoricalProfile


@dataclass(frozen=True, slots=True)
class CellTable:
    """Co-counts of segment level x label x prediction, and of scores, for one segmentation.

    Classification: `counts` has shape (n_levels, n_labels + 1, n_predictions + 1), the last index
    of the last two axes counts rows where label or prediction is missing. `scores` has shape
    (n_levels, n_classes, 3, n_bins): rows by bin of that class's score in [0, 1] (equal bins), for
    label = class, label != class, label missing. Regression: `moments` has shape (n_levels, 6):
    n with both, sum of label, of prediction, of error, of squared error, of absolute error.
    What does not apply is an empty array.
    """

    levels: tuple[str, ...]  #: "" alone for all rows; levels of several columns joined by ", "
    labels: tuple[str, ...]
    predictions: tuple[str, ...]
    classes: tuple[str, ...]  #: the classes whose scores were binned
    counts: IntArray
    scores: IntArray
    moments: FloatArray

    def merge(self, other: CellTable) -> CellTable:
        """Cells of both, over the union of levels, labels, predictions and classes."""
        return merging.cells(self, other)


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How often a declared rule was broken."""

    checked: int
    broken: int
    rows: tuple[Any, ...] = ()  #: keys of up to 20 offending rows, those with the least hash
    error: str = ""  #: why the rule could not be applied (then checked = 0)
    hashes: npt.NDArray[np.uint64] = field(  #: unique: least hashes of distinct values
        default_factory=lambda: np.empty(0, np.uint64)
    )
    weights: IntArray = field(  #: unique: rows with each of these values
        default_factory=lambda: np.empty(0, np.int64)
    )

    def merge(self, other: RuleCount) -> RuleCount:
        """Counts of both; of the keys the 20 with the least hash."""
        return merging.rule(self, other)


@dataclass(frozen=True, slots=True)
class Sample:
    """Bottom-k sample by hash of the row key, with multiplicities.

    The same rows again on a retry, whatever the order and the splits of the data. Rows equal in
    key and content are kept once, with their number as `weights`.
    """

    k: int
    table: pa.Table  #: at most k rows, the physical columns that are not ignored
    hashes: npt.NDArray[np.uint64]  #: shape (n,), ascending; hash of each row's key
    contents: npt.NDArray[np.uint64]  #: shape (n,), hash of each row's whole content
    keys: tuple[Any, ...]  #: id of each row, or its hash in hexadecimal without an id column
    population: int  #: rows that the sample stands for
    weights: IntArray = field(default_factory=lambda: np.empty(0, np.int64))  #: copies of each row
    dropped_images: int = 0  #: image values that were too large to keep

    def merge(self, other: Sample) -> Sample:
        """The bottom-k sample of both."""
        return merging.sample([self, other])

    def to_bytes(self) -> bytes:
        """Versioned, compressed, no pickle."""
        return packing.pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Sample:
        """What `to_bytes` wrote. Raises `ProfileError`."""
        return _checked(packing.unpack(data, _CLASSES), cls)


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is kept of a window: a few hundred kB, whatever the rows."""

    plan_id: str
    rows: int
    first: datetime | None  #: least and greatest value of the timestamp column, UTC
    last: datetime | None
    columns: Mapping[str, ColumnProfile]  #: physical and derived columns, by name
    cells: Mapping[str, CellTable]  #: by segmentation: "" (all), "carrier", "carrier, origin"
    rules: Mapping[str, RuleCount]  #: by the rule's name
    sample: Sample
    errors: Mapping[str, str] = field(default_factory=dict)  #: column -> why it was not profiled
    absent: frozenset[str] = frozenset()  #: planned columns that no batch had
    extra: Mapping[str, str] = field(default_factory=dict)  #: unplanned columns and their types
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  #: Arrow types seen
    late: int = 0  #: rows outside of the window, or without a time: not profiled
    versions: Mapping[str, int] = field(default_factory=dict)  #: model version -> rows

    def merge(self, other: Profile) -> Profile:
        """The profile of both windows' rows. Raises `ProfileError` when the plans differ."""
        return merging.profile([self, other])

    def to_bytes(self, *, sample: bool = False) -> bytes:
        """Versioned, compressed, no pickle; without the sample's rows unless asked."""
        return packing.pack(self if sample else merging.without_rows(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """What `to_bytes` wrote. Raises `ProfileError`."""
        return _checked(packing.unpack(data, _CLASSES), cls)


def _checked(value: Any, wanted: type[_T]) -> _T:
    if not isinstance(value, wanted):
        msg = f"These bytes hold a {type(value).__name__}, not a {wanted.__name__}."
        raise ProfileError(msg)
    return value


_CLASSES: dict[str, type] = {
    known.__name__: known
    for known in (
        BlockMoments,
        NumericProfile,
        CategoricalProfile,
        CellTable,
        RuleCount,
        Sample,
        Profile,
    )
}
