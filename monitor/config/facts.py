"""What a sample says about one column: counted once, read by hints, guesses and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import array_of, values_of
from monitor.core.columns import Column, Kind
from monitor.profiles.casting import is_text, plain, type_name
from monitor.profiles.levels import level_names

#: Columns of text are looked at through so many distinct values.
MAX_DISTINCT = 5_000


@dataclass(frozen=True)
class Facts:
    """One column of a sample; `values` are without nulls, dictionaries and views."""

    name: str
    kind: Kind
    ignored: bool  #: nested or binary: nothing is counted in it
    type: str
    rows: int
    values: pa.Array

    @classmethod
    def of(cls, column: Column, values: pa.ChunkedArray) -> Facts:
        """The facts of a column."""
        stored = type_name(values.type)
        whole = values.unify_dictionaries().combine_chunks()
        if isinstance(whole, pa.ChunkedArray):
            whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.nulls(0, whole.type)
        present = plain(whole).drop_null()
        return cls(column.name, column.kind, column.role == "ignored", stored, len(values), present)

    @property
    def nulls(self) -> int:
        """Rows without a value; NaN counts."""
        return self.rows - len(self.values) + self.nans

    @cached_property
    def nans(self) -> int:
        """Values that are not a number."""
        if not pa.types.is_floating(self.values.type):
            return 0
        return int(np.isnan(self.numbers).sum())

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.nulls

    @property
    def is_text(self) -> bool:
        """Whether values are stored as text."""
        return is_text(self.values.type)

    @property
    def is_number(self) -> bool:
        """Whether values are stored as numbers."""
        kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
        return any(kind(self.values.type) for kind in kinds)

    @property
    def is_time(self) -> bool:
        """Whether values are stored as times or dates."""
        return any(kind(self.values.type) for kind in (pa.types.is_timestamp, pa.types.is_date))

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        """Values of a numeric column as float64, NaN and infinities among them."""
        if not self.is_number:
            return np.empty(0)
        cast = self.values.cast(pa.float64(), safe=False)
        return values_of(cast)

    @cached_property
    def finite(self) -> npt.NDArray[np.float64]:
        """Values of a numeric column that are finite."""
        return self.numbers[np.isfinite(self.numbers)]

    @cached_property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """Names of the distinct values and their rows, the most frequent first."""
        if self.ignored or self.kind == "embedding":
            return ()
        found = pc.value_counts(self.values)
        counts = values_of(found.field("counts"))
        order = np.argsort(-counts, kind="stable")[:MAX_DISTINCT]
        names = level_names(found.field("values").take(array_of(order)))
        return tuple(zip(names, counts[order].tolist(), strict=True))

    @cached_property
    def distinct(self) -> int:
        """Distinct values in the sample; 0 where nothing is counted."""
        if self.ignored or self.kind == "embedding" or len(self.values) == 0:
            return 0
        return int(pc.count_distinct(self.values).as_py())

    @property
    def levels(self) -> Sequence[str]:
        """Names of the distinct values, the most frequent first."""
        return [name for name, _ in self.counts]

    @property
    def few(self) -> bool:
        """Whether it has few levels, each seen often."""
        return self.kind in ("categorical", "boolean") and 1 <= self.distinct <= 50

    @property
    def unique(self) -> bool:
        """Whether no value came twice, and none is missing."""
        return self.rows > 1 and self.nulls == 0 and self.distinct == self.rows
