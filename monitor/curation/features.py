"""Rows of a sample as numbers: a space that is fitted on the reference once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitor.core.columns import Column, Role
from monitor.curation.encoders import Encoder, EncodingError, fit
from monitor.curation.rows import FloatArray

MAX_WIDTH = 512
#: What a row is; not what it is called, when it came, or what was said about it.
ROLES: frozenset[Role] = frozenset({"feature", "segment"})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that takes no part, and why, in one sentence."""

    column: str
    reason: str


@dataclass(frozen=True)
class FeatureSpace:
    """Columns of a table to a matrix, standardised by the reference.

    Numbers and the length of texts by mean and sd (of the middle 99.8 %, so that one wild value
    does not flatten the rest), clipped to ±5; booleans 0/1; categories one-hot over the 20 most
    frequent levels and "other"; embeddings each dimension by mean and sd, those with more than 256
    dimensions on their 64 principal directions. A gap is NaN; `select` knows what to do with it.
    """

    encoders: tuple[tuple[str, Encoder], ...]
    dropped: tuple[Dropped, ...] = ()

    @classmethod
    def fit(
        cls, reference: pa.Table, columns: Sequence[Column], *, max_width: int = MAX_WIDTH
    ) -> FeatureSpace:
        """Fit on reference rows.

        Columns with a role that does not describe a row, and those derived from another, are
        passed over. A column that is missing, breaks, or finds no room is named in `dropped`.
        """
        encoders: list[tuple[str, Encoder]] = []
        dropped: list[Dropped] = []
        room = max_width
        for column in columns:
            if column.role not in ROLES or column.parent is not None:
                continue
            try:
                encoder = fit(_values(reference, column.name), column.kind)
            except EncodingError as error:
                dropped.append(Dropped(column.name, str(error)))
                continue
            if encoder.width > room:
                dropped.append(Dropped(column.name, f"no room left beside {max_width} features"))
                continue
            room -= encoder.width
            encoders.append((column.name, encoder))
        return cls(tuple(encoders), tuple(dropped))

    @property
    def width(self) -> int:
        """Number of features."""
        return sum(encoder.width for _, encoder in self.encoders)

    @property
    def names(self) -> tuple[str, ...]:
        """The column that each feature is made from, as `Candidates.names` wants it."""
        return tuple(name for name, encoder in self.encoders for _ in range(encoder.width))

    def transform(self, table: pa.Table) -> tuple[FloatArray, tuple[Dropped, ...]]:
        """Rows as an array of shape (n, width), and the columns that could not be read.

        A column that is missing from the table or breaks becomes NaN throughout.
        """
        parts: list[FloatArray] = [np.empty((table.num_rows, 0))]
        broken: list[Dropped] = []
        for name, encoder in self.encoders:
            try:
                parts.append(encoder.encode(_values(table, name)))
            except EncodingError as error:
                parts.append(np.full((table.num_rows, encoder.width), np.nan))
                broken.append(Dropped(name, str(error)))
        return np.hstack(parts), tuple(broken)


def features(table: pa.Table, space: FeatureSpace) -> FloatArray:
    """Rows of a table in a fitted space, shape (n, space.width); broken columns are NaN."""
    return space.transform(table)[0]


def _values(table: pa.Table, name: str) -> pa.ChunkedArray:
    places = table.schema.get_all_field_indices(name)
    if len(places) != 1:
        said = "is not in the table" if not places else f"is there {len(places)} times"
        msg = f"the column {said}"
        raise EncodingError(msg)
    return table.column(places[0])
