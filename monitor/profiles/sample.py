"""The bottom-k sample by hash of the row key, and the duplicates that it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import stdtrit

from monitor.core.arrow import array_of, filled, missing_in
from monitor.core.finding import MAX_ROWS
from monitor.profiles import merging, sketches
from monitor.profiles.chunks import whole
from monitor.profiles.hashing import Hashes, hash_array, hash_rows
from monitor.profiles.keys import key_column
from monitor.profiles.plan import Plan
from monitor.profiles.types import Sample

MAX_IMAGE = 200_000  #: bytes of one image in the sample
MAX_IMAGES = 64 << 20  #: bytes of all images of one column in the sample
_ALL = np.uint64(2**64 - 1)


def key_hashes(batch: pa.Table, plan: Plan) -> Hashes:
    """Hash of each row's key: its id, or without one the columns that the plan names."""
    if plan.roles.id is not None and plan.roles.id in batch.column_names:
        hashes = hash_array(key_column(whole(batch.column(plan.roles.id))))
        if batch.column(plan.roles.id).null_count == 0:
            return hashes
        missing = missing_in(whole(batch.column(plan.roles.id)))
        return np.where(missing, content_hashes(batch, plan, batch.num_rows), hashes)
    names = [name for name in plan.key if name in batch.column_names and name != plan.roles.id]
    return _hash_rows(batch, names or sorted(batch.column_names), batch.num_rows)


def content_hashes(batch: pa.Table, plan: Plan, rows: int) -> Hashes:
    """Hash of each row's whole content, images left out, shape (rows,)."""
    images = set(plan.roles.images)
    return _hash_rows(batch, [name for name in plan.wanted if name not in images], rows)


def _hash_rows(batch: pa.Table, names: Sequence[str], rows: int) -> Hashes:
    """Hash over several columns; one that the batch lacks counts as null."""
    there = set(batch.column_names)
    columns = (whole(batch.column(n)) if n in there else pa.nulls(rows) for n in names)
    return hash_rows(columns, rows)


class Ceiling:
    """The k-th least distinct key hash of all parts that are profiled side by side.

    The parts' samples together must hold the k least of all rows, not each its own k: with
    many small parts keeping rows would cost more than all counting.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.least = np.empty(0, np.uint64)

    def lower(self, hashes: Hashes) -> np.uint64:
        """Take in more hashes; gives the greatest that may still be needed."""
        self.least = sketches.least_with(self.least, hashes, self.k)
        return self.least[-1] if len(self.least) == self.k else _ALL


class SampleCounter:
    """Keeps the k least (key hash, content hash), each with its number of copies.

    With a `ceiling` that other parts share, only what the sample of all parts together needs.
    """

    def __init__(self, plan: Plan, ceiling: Ceiling | None = None) -> None:
        self.plan, self.k = plan, plan.sample_size
        self.ceiling = Ceiling(self.k) if ceiling is None else ceiling
        self.population = self.dropped_images = self.waiting = 0
        self.threshold = _ALL
        self.fresh: list[tuple[pa.RecordBatch, Hashes]] = []  #: rows since the last compaction
        self.table: pa.Table | None = None
        self.hashes = np.empty(0, np.uint64)
        self.contents = np.empty(0, np.uint64)
        self.weights = np.empty(0, np.int64)

    def add(self, batch: pa.Table, hashes: Hashes) -> None:
        """Look at one buffer; `hashes` are its key hashes, shape (n,)."""
        self.population += len(hashes)
        self.threshold = min(self.threshold, self.ceiling.lower(hashes))
        chosen = np.flatnonzero(hashes <= self.threshold)
        if not len(chosen):
            return
        self.fresh.append((self._rows(batch, chosen), hashes[chosen]))
        self.waiting += len(chosen)
        if len(self.hashes) + self.waiting > 2 * self.k:
            self._compact()

    def _rows(self, batch: pa.Table, chosen: npt.NDArray[np.int64]) -> pa.RecordBatch:
        """Rows at some places; dictionaries stay, as most of these rows fall out again."""
        there, images = set(batch.column_names), set(self.plan.roles.images)
        columns = [
            whole(batch.column(name)) if name in there else pa.nulls(batch.num_rows)
            for name in self.plan.wanted
        ]
        names = list(self.plan.wanted)
        rows = pa.RecordBatch.from_arrays(columns, names=names).take(array_of(chosen))
        for at, name in enumerate(names):
            if name in images and name in there:
                bounded = self._bounded(_decoded(rows.column(at)))
                rows = rows.set_column(at, name, bounded)
        return rows

    def _bounded(self, images: pa.Array) -> pa.Array:
        try:
            large = pc.greater(pc.binary_length(images), MAX_IMAGE)
        except pa.ArrowNotImplementedError:
            return images
        self.dropped_images += pc.sum(large).as_py() or 0
        return pc.if_else(large, pa.scalar(None, images.type), images)

    def _compact(self) -> None:
        """Drop what has fallen out; only what stays is worth the hash of its content."""
        tables = [] if self.table is None else [self.table]
        hashes, contents = [self.hashes], [self.contents]
        for rows, some in self.fresh:
            stays = some <= self.threshold
            kept = rows if stays.all() else rows.filter(array_of(stays))
            arrays = [_decoded(column) if _sparse(column) else column for column in kept.columns]
            table = pa.table(arrays, names=kept.schema.names)
            hashes.append(some[stays])
            contents.append(content_hashes(table, self.plan, table.num_rows))
            tables.append(pa.table([_decoded(column) for column in arrays], table.column_names))
        new = sum(map(len, hashes[1:]))
        weights = np.concatenate([self.weights, np.ones(new, np.int64)])
        merged = np.concatenate(hashes), np.concatenate(contents)
        order, self.weights = sketches.bottom(*merged, weights, self.k)
        self.hashes, self.contents = merged[0][order], merged[1][order]
        table = merging.concat_tables(tables).combine_chunks().take(array_of(order))
        self.table, self.fresh, self.waiting = self._capped(table), [], 0

    def _capped(self, table: pa.Table) -> pa.Table:
        """Images of the rows with the least hashes, up to the cap."""
        for name in self.plan.roles.images:
            if name not in table.column_names:
                continue
            images = whole(table.column(name))
            if not (pa.types.is_binary(images.type) or pa.types.is_large_binary(images.type)):
                continue
            sizes = filled(pc.binary_length(images), 0)
            beyond = np.cumsum(sizes.astype(np.int64)) > MAX_IMAGES
            if beyond.any():
                self.dropped_images += int(np.count_nonzero(beyond & (sizes > 0)))
                kept = pc.if_else(pa.array(beyond), pa.scalar(None, images.type), images)
                table = table.set_column(table.column_names.index(name), name, kept)
        return table

    def result(self) -> Sample:
        """The sample of all that was added."""
        if self.fresh:
            self._compact()
        table = pa.table({}) if self.table is None else self.table
        return Sample(
            k=self.k,
            table=table,
            hashes=self.hashes,
            contents=self.contents,
            keys=_keys(table, self.hashes, self.plan.roles.id),
            population=self.population,
            weights=self.weights,
            dropped_images=self.dropped_images,
        )


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _sparse(column: pa.Array) -> bool:
    """A dictionary with more values than there are rows: not worth a hash of each value."""
    return pa.types.is_dictionary(column.type) and len(column.dictionary) > len(column)


def _keys(table: pa.Table, hashes: Hashes, id_column: str | None) -> tuple[Any, ...]:
    digits = hashes.astype(">u8").tobytes().hex()
    names = [digits[at : at + 16] for at in range(0, len(digits), 16)]
    if id_column is None or id_column not in table.column_names:
        return tuple(names)
    ids = key_column(whole(table.column(id_column))).to_pylist()
    return tuple(name if key is None else key for key, name in zip(ids, names, strict=True))


@dataclass(frozen=True, slots=True)
class Duplicates:
    """A share of rows that are copies, as the sample shows it."""

    share: float  #: of all rows; NaN without rows
    interval: tuple[float, float]  #: 95 %; of no width when exact
    exact: bool  #: the sample holds the whole population
    examples: tuple[Any, ...]  #: keys of up to 20 of them


def duplicate_keys(sample: Sample) -> Duplicates:
    """Share of rows whose key other rows have too (all of them count, not only the second)."""
    _, first, inverse = np.unique(sample.hashes, return_index=True, return_inverse=True)
    rows = np.bincount(inverse, weights=sample.weights, minlength=len(first)).astype(np.int64)
    return _share(sample, rows, first, np.where(rows > 1, rows, 0))


def duplicate_rows(sample: Sample) -> Duplicates:
    """Share of rows that repeat another one wholly (the first of each does not count)."""
    return _share(sample, sample.weights, np.arange(len(sample.weights)), sample.weights - 1)


def _share(
    sample: Sample,
    rows: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    broken: npt.NDArray[np.int64],
) -> Duplicates:
    """Ratio over distinct keys, a simple random sample of them; t interval of the ratio."""
    total = int(rows.sum())
    exact = total == sample.population
    examples = tuple(sample.keys[at] for at in first[broken > 0][:MAX_ROWS].tolist())
    if total == 0:
        return Duplicates(float("nan"), (float("nan"), float("nan")), exact, ())
    share = float(broken.sum()) / total
    if exact:
        return Duplicates(share, (share, share), exact, examples)
    n = len(rows)
    spread = float(np.std(broken - share * rows, ddof=1)) / float(rows.mean()) / np.sqrt(n)
    if not broken.any():  # the rule of three, with the exact 97.5 % limit
        return Duplicates(share, (0.0, 1 - 0.025 ** (1 / n)), exact, ())
    half = float(stdtrit(n - 1, 0.975)) * spread
    return Duplicates(share, (max(0.0, share - half), min(1.0, share + half)), exact, examples)


def representative(sample: Sample, *, rows: int | None = None) -> pa.Table:
    """The sample's table with each row as often as it occurs, thinned to at most `rows`.

    Systematic along the hash order: row i is taken about weight_i * rows / total times.
    """
    total = int(sample.weights.sum())
    wanted = min(total, rows if rows is not None else sample.k)
    if wanted == len(sample.weights) == total or total == 0:
        return sample.table
    ends = np.cumsum(sample.weights)
    at = np.searchsorted(ends, (np.arange(wanted) + 0.5) * total / wanted, side="right")
    return sample.table.take(array_of(at.clip(max=len(ends) - 1)))
