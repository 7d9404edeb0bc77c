"""One feed for each planned column: from a buffer's Arrow array to its counters."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import values_of
from monitor.core.columns import Column
from monitor.profiles import text
from monitor.profiles.casting import is_missing, numbers_of, plain, to_text
from monitor.profiles.categorical import CategoricalCounter, PresenceCounter
from monitor.profiles.chunks import whole
from monitor.profiles.embedding import Encoder, vectors_of
from monitor.profiles.levels import Levels, encode_levels
from monitor.profiles.numeric import NumericCounter
from monitor.profiles.plan import Plan
from monitor.profiles.types import ColumnProfile, Sample

MAX_NOVELTY_ROWS = 4_000
_ENCODED_ROWS = 4_096  #: at once: float64 vectors of more would not stay in the cache

Mask = npt.NDArray[np.bool_]
#: Features and clusters of the rows that have a vector and are held out; all that miss one.
Encoded = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], Mask]
_NOT_YET = ValueError("not encoded yet")


class Feed(Protocol):
    """Counts one physical column and what is derived from it."""

    note: str  #: what could not be read, for `Profile.errors`; empty: nothing

    def add(self, array: pa.Array, held: Mask | None) -> None:
        """Count one buffer; `held` marks the rows that an encoder was not fitted on."""
        ...

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        ...

    def results(self) -> dict[str, ColumnProfile]:
        """Profiles by column name."""
        ...


def feed_of(column: Column, plan: Plan) -> Feed:
    """The feed that the kind and role of a column want."""
    if column.role == "id":
        return PresenceFeed(column)
    if column.kind in {"numeric", "datetime"}:
        return NumberFeed(column, plan)
    if column.kind == "text":
        return TextFeed(column, plan)
    if column.kind == "embedding":
        return EmbeddingFeed(column, plan)
    return LevelFeed(column, plan)


class NumberFeed:
    """Numeric and datetime columns."""

    def __init__(self, column: Column, plan: Plan) -> None:
        self.column, self.note = column, ""
        self.counter = NumericCounter(plan.codebooks[column.name])

    def add(self, array: pa.Array, held: Mask | None) -> None:  # noqa: ARG002 - see Feed
        """Count one buffer."""
        numbers, note = numbers_of(array, self.column.kind)
        self.note = self.note or note
        self.counter.add(numbers)

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.counter.add_missing(rows)

    def results(self) -> dict[str, ColumnProfile]:
        """The column's profile."""
        return {self.column.name: self.counter.result()}


class LevelFeed:
    """Categorical and boolean columns."""

    def __init__(self, column: Column, plan: Plan) -> None:
        self.column, self.note = column, ""
        self.counter = CategoricalCounter(plan.frequent.get(column.name, ()))
        self.levels: Levels | None = None  #: of the buffer just added, for the cells

    def add(self, array: pa.Array, held: Mask | None) -> None:  # noqa: ARG002 - see Feed
        """Count one buffer."""
        self.levels = encode_levels(array)
        self.counter.add(self.levels)

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.levels = None
        self.counter.add_missing(rows)

    def results(self) -> dict[str, ColumnProfile]:
        """The column's profile."""
        return {self.column.name: self.counter.result()}


class PresenceFeed:
    """Row keys: only what is missing counts; duplicates are the sample's."""

    def __init__(self, column: Column) -> None:
        self.column, self.note = column, ""
        self.counter = PresenceCounter()

    def add(self, array: pa.Array, held: Mask | None) -> None:  # noqa: ARG002 - see Feed
        """Count one buffer."""
        self.counter.add(_mask(is_missing(array)))

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.counter.add_missing(rows)

    def results(self) -> dict[str, ColumnProfile]:
        """The column's profile."""
        return {self.column.name: self.counter.result()}


class TextFeed:
    """Texts: missing, length and pattern."""

    def __init__(self, column: Column, plan: Plan) -> None:
        self.column, self.note = column, ""
        names = _derived(column, plan)
        self.length, self.pattern = names["length"], names["pattern"]
        self.counter = PresenceCounter()
        self.lengths = NumericCounter(plan.codebooks[self.length])
        self.patterns = CategoricalCounter(plan.frequent[self.pattern])

    def add(self, array: pa.Array, held: Mask | None) -> None:  # noqa: ARG002 - see Feed
        """Count one buffer."""
        texts = to_text(array)
        self.counter.add(_mask(texts.is_null()))
        self.lengths.add(text.lengths(texts))
        self.patterns.add(text.patterns(texts))

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.counter.add_missing(rows)
        self.lengths.add_missing(rows)
        self.patterns.add_missing(rows)

    def results(self) -> dict[str, ColumnProfile]:
        """The text's presence, length and pattern."""
        return {
            self.column.name: self.counter.result(),
            self.length: self.lengths.result(),
            self.pattern: self.patterns.result(),
        }


class EmbeddingFeed:
    """Embeddings: missing, and what the encoder makes of the rest."""

    def __init__(self, column: Column, plan: Plan) -> None:
        self.column, self.note = column, ""
        self.encoder = plan.encoders.get(column.name)
        self.counter = PresenceCounter()
        self.parts: list[Encoded | Exception] = []
        self.numbers: dict[str, NumericCounter] = {}
        if self.encoder is None:
            return
        names = _derived(column, plan)
        self.numbers = {
            names[feature]: NumericCounter(plan.codebooks[names[feature]])
            for feature in self.encoder.numeric_features
        }
        self.cluster = names["cluster"]
        self.clusters = CategoricalCounter(plan.frequent[self.cluster])

    def add(self, array: pa.Array, held: Mask | None) -> None:
        """Count one buffer; derived columns see only the rows that are held out."""
        if self.encoder is None:
            self.counter.add(_mask(is_missing(plain(array))))
            return
        if not self.parts:
            for task in self.tasks(array, held):
                task()
        parts, self.parts = self.parts, []
        for part in parts:
            if isinstance(part, Exception):
                raise part
        columns, clusters, missing = (np.concatenate(side) for side in zip(*parts, strict=True))
        self.counter.add(missing)
        absent = int(np.count_nonzero(missing if held is None else missing & held))
        for counter, values in zip(self.numbers.values(), columns.T, strict=True):
            counter.add(pa.array(np.ascontiguousarray(values)))
            counter.add_missing(absent)
        names = pa.array(range(len(self.encoder.centroids)))
        self.clusters.add(Levels(clusters, names, 0))
        self.clusters.add_missing(absent)

    def tasks(self, array: pa.Array, held: Mask | None) -> list[Callable[[], None]]:
        """What `add` needs of a buffer, in pieces that may be worked out side by side."""
        if self.encoder is None:
            return []
        encoder = self.encoder
        parts: list[Encoded | Exception] = [_NOT_YET] * -(-len(array) // _ENCODED_ROWS)
        self.parts = parts

        def encode(at: int) -> None:
            rows = slice(at * _ENCODED_ROWS, (at + 1) * _ENCODED_ROWS)
            try:
                piece = plain(array.slice(rows.start, _ENCODED_ROWS))
                parts[at] = _encoded(encoder, piece, held if held is None else held[rows])
            except Exception as error:  # noqa: BLE001 - `add` raises it
                parts[at] = error

        return [partial(encode, at) for at in range(len(parts))]

    def add_missing(self, rows: int) -> None:
        """Rows of a batch that lacks the column."""
        self.counter.add_missing(rows)
        if self.encoder is not None:
            for counter in self.numbers.values():
                counter.add_missing(rows)
            self.clusters.add_missing(rows)

    def results(self) -> dict[str, ColumnProfile]:
        """The embedding's presence and its derived columns, `novelty` left out."""
        found: dict[str, ColumnProfile] = {self.column.name: self.counter.result()}
        if self.encoder is not None:
            found |= {name: counter.result() for name, counter in self.numbers.items()}
            found[self.cluster] = self.clusters.result()
        return found


def _encoded(encoder: Encoder, array: pa.Array, held: Mask | None) -> Encoded:
    vectors, missing = vectors_of(array, encoder.dimensions)
    if held is not None:
        vectors = vectors[held[~missing]]
    return *encoder.encode(vectors), missing


def novelty_columns(plan: Plan, sample: Sample, held: Mask | None) -> dict[str, ColumnProfile]:
    """The `novelty` columns: of the sample's first 4,000 rows (of those that are held out)."""
    found: dict[str, ColumnProfile] = {}
    rows = np.arange(len(sample.hashes)) if held is None else np.flatnonzero(held)
    for parent, encoder in plan.encoders.items():
        name = _derived(plan.column(parent), plan)["novelty"]
        counter = NumericCounter(plan.codebooks[name])
        if parent in sample.table.column_names:
            chosen = whole(sample.table.column(parent)).take(pa.array(rows[:MAX_NOVELTY_ROWS]))
            vectors, missing = vectors_of(plain(chosen), encoder.dimensions)
            counter.add(pa.array(encoder.novelty(vectors)))
            counter.add_missing(int(np.count_nonzero(missing)))
        found[name] = counter.result()
    return found


def _derived(column: Column, plan: Plan) -> dict[str, str]:
    """Names of a column's derived ones, by feature."""
    return {plan.features[c.name]: c.name for c in plan.derived if c.parent == column.name}


def _mask(array: pa.Array) -> Mask:
    return np.asarray(values_of(array), dtype=bool)
