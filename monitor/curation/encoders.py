"""One column to numbers: an encoder for each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.utils.extmath import randomized_svd

from monitor.core.columns import Kind
from monitor.curation.rows import FloatArray

CLIP = 5.0
MAX_LEVELS = 20
MAX_DIMENSIONS, PRINCIPAL = 256, 64
#: Rows that principal directions are found from, and dimensions up to which exactly.
_FITTED_ON, _MAX_EXACT = 5_000, 1_024
_MIDDLE = (0.001, 0.999)


class EncodingError(ValueError):
    """A column that cannot be encoded; the message is a reason for a person."""


class Encoder(Protocol):
    """Fitted on the reference."""

    @property
    def width(self) -> int:
        """Number of features."""
        ...

    def encode(self, values: pa.ChunkedArray) -> FloatArray:
        """Shape (n, width), NaN for gaps. Raises `EncodingError`."""
        ...


def fit(values: pa.ChunkedArray, kind: Kind) -> Encoder:
    """Encoder for a column of the reference.

    Raises
    ------
    EncodingError
        When the values are not of their kind, or none is there.
    """
    if kind == "datetime":
        msg = "a time says when, not what a row is"
        raise EncodingError(msg)
    if len(values) == values.null_count:
        msg = "no value in the reference"
        raise EncodingError(msg)
    if kind == "embedding":
        return Directions.fit(values)
    if kind == "categorical":
        return Levels.fit(values)
    return Scale.fit(values, text=kind == "text")


@dataclass(frozen=True)
class Scale:
    """A number (or the length of a text) by mean and standard deviation."""

    mean: float
    deviation: float
    text: bool
    width: int = 1

    @classmethod
    def fit(cls, values: pa.ChunkedArray, *, text: bool) -> Scale:
        """Fit on the middle 99.8 % of the values that are there."""
        numbers = _lengths(values) if text else _numbers(values)
        numbers = numbers[np.isfinite(numbers)]
        if not len(numbers):
            msg = "no finite value in the reference"
            raise EncodingError(msg)
        low, high = np.quantile(numbers, _MIDDLE)
        middle = np.clip(numbers, low, high)
        size = max(float(np.abs(middle).max()), np.finfo(float).tiny)
        mean, deviation = float((middle / size).mean()) * size, float((middle / size).std()) * size
        # A constant that changes at all has changed beyond every measure.
        return cls(mean, max(deviation, 1e-9 * max(size, 1e-290)), text)

    def encode(self, values: pa.ChunkedArray) -> FloatArray:
        """Standard deviations from the mean, within ±5."""
        numbers = _lengths(values) if self.text else _numbers(values)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (numbers - self.mean) / self.deviation
        return np.clip(np.where(np.isnan(numbers), np.nan, scaled), -CLIP, CLIP).reshape(-1, 1)


@dataclass(frozen=True)
class Levels:
    """A category, one-hot over the frequent levels, "other" last."""

    levels: tuple[str, ...]

    @property
    def width(self) -> int:
        """Levels and "other"."""
        return len(self.levels) + 1

    @classmethod
    def fit(cls, values: pa.ChunkedArray) -> Levels:
        """The most frequent levels of the reference."""
        counts = pc.value_counts(_strings(values).drop_null()).to_pylist()
        counts.sort(key=lambda pair: (-pair["counts"], pair["values"]))
        return cls(tuple(pair["values"] for pair in counts[:MAX_LEVELS]))

    def encode(self, values: pa.ChunkedArray) -> FloatArray:
        """0/1, and NaN throughout where the level is null."""
        texts = _strings(values)
        found = pc.index_in(texts, value_set=pa.array(self.levels, pa.string()))
        places = pc.fill_null(found, len(self.levels)).to_numpy().astype(np.intp)
        hot: FloatArray = np.eye(self.width)[places]
        hot[pc.is_null(texts).to_numpy()] = np.nan
        return hot


@dataclass(frozen=True)
class Directions:
    """An embedding, each dimension (or principal direction) by mean and standard deviation."""

    mean: FloatArray  #: (d,)
    directions: FloatArray | None  #: (d, p)
    deviation: FloatArray  #: (p,), or (d,) without directions

    @property
    def width(self) -> int:
        """Dimensions that are kept."""
        return len(self.deviation)

    @classmethod
    def fit(cls, values: pa.ChunkedArray) -> Directions:
        """Fit on the reference rows that are complete and of the most frequent length."""
        rows = vectors(values)
        rows = rows[np.isfinite(rows).all(axis=1)]
        if len(rows) < 2:
            msg = "fewer than two complete embeddings in the reference"
            raise EncodingError(msg)
        mean = rows.mean(axis=0)
        directions, centred = None, rows - mean
        if rows.shape[1] > MAX_DIMENSIONS:
            directions = _principal(centred[:: -(-len(rows) // _FITTED_ON)])
            centred = centred @ directions
        deviation = centred.std(axis=0)
        return cls(mean, directions, np.where(deviation > 0, deviation, 1.0))

    def encode(self, values: pa.ChunkedArray) -> FloatArray:
        """Standard deviations from the mean; NaN for rows that are null or of another length."""
        rows = vectors(values, len(self.mean)) - self.mean
        scaled: FloatArray = rows if self.directions is None else rows @ self.directions
        return np.clip(scaled / self.deviation, -2 * CLIP, 2 * CLIP)


def _principal(centred: FloatArray) -> FloatArray:
    """Orthonormal directions of the largest spread, the largest first, shape (d, p)."""
    kept = min(PRINCIPAL, len(centred))
    if centred.shape[1] > _MAX_EXACT:
        found: FloatArray = randomized_svd(centred, kept, n_iter=2, random_state=0)[2].T
        return found
    single = centred.astype(np.float32)
    _, found = np.linalg.eigh((single.T @ single).astype(np.float64))
    return found[:, : -kept - 1 : -1]


def vectors(values: pa.ChunkedArray, dimensions: int | None = None) -> FloatArray:
    """A list column as an array of shape (n, d); rows of another length than d are NaN.

    d is the most frequent length unless it is given. Raises `EncodingError` for other types.
    """
    kind = values.type
    if not (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    ):
        msg = f"an embedding must be a list of numbers, not {kind}"
        raise EncodingError(msg)
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy().astype(np.intp)
    if dimensions is None:
        dimensions = int(np.bincount(lengths[lengths > 0]).argmax()) if lengths.any() else 0
    if dimensions == 0:
        msg = "every embedding is empty"
        raise EncodingError(msg)
    fine = lengths == dimensions
    flat = _numbers(pc.list_flatten(values.filter(pa.array(fine))))
    rows = np.full((len(values), dimensions), np.nan)
    rows[fine] = flat.reshape(-1, dimensions)
    rows[~np.isfinite(rows).all(axis=1)] = np.nan
    return rows


def _numbers(values: pa.ChunkedArray) -> FloatArray:
    """float64; NaN for nulls and infinities, and for texts that are no numbers."""
    try:
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if pa.types.is_boolean(values.type):
            values = values.cast(pa.int8())
        elif pa.types.is_float16(values.type):
            values = values.cast(pa.float32())
        numbers = values.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    except (pa.ArrowException, ValueError, TypeError) as error:
        msg = f"{values.type} cannot be read as numbers"
        raise EncodingError(msg) from error
    finite: FloatArray = np.where(np.isfinite(numbers), numbers, np.nan)
    return finite


def _strings(values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        return values.cast(pa.string())
    except (pa.ArrowException, ValueError, TypeError) as error:
        msg = f"{values.type} cannot be read as categories"
        raise EncodingError(msg) from error


def _lengths(values: pa.ChunkedArray) -> FloatArray:
    numbers: FloatArray = np.log1p(_numbers(pc.utf8_length(_strings(values))))
    return numbers
