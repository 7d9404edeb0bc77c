"""Columns derived from text: its length, and which classes of characters it has."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import missing_in, texts_of
from monitor.profiles.levels import Levels

FEATURES = ("length", "pattern")

#: Classes of characters in the order in which a pattern names them.
_CLASSES = ("A", "a", "9", " ", ".", "é")


def _table() -> npt.NDArray[np.uint8]:
    """Bit of the class of each byte of UTF-8."""
    bits = np.full(256, 1 << 4, np.uint8)  # punctuation and control characters
    bits[ord("A") : ord("Z") + 1] = 1 << 0
    bits[ord("a") : ord("z") + 1] = 1 << 1
    bits[ord("0") : ord("9") + 1] = 1 << 2
    bits[[9, 10, 13, 32]] = 1 << 3
    bits[128:] = 1 << 5
    return bits


_BITS = _table()
_NAMES = texts_of(
    ["".join(c for at, c in enumerate(_CLASSES) if bits >> at & 1) for bits in range(64)],
    pa.string(),
)


def lengths(array: pa.Array) -> pa.Array:
    """Characters of each text (int64), null where it is null."""
    return pc.utf8_length(array).cast(pa.int64())


def patterns(array: pa.Array) -> Levels:
    """Which classes of characters occur in each text, at most 64 levels.

    "Aa9" has capitals, small letters and digits; " " stands for white space, "." for
    punctuation, "é" for all beyond ASCII, the empty level for empty text.

    Parameters
    ----------
    array : pa.Array
        Of type `large_string`.
    """
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset :][: len(array) + 1]
    data = array.buffers()[2]
    raw = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else None
    masks = np.zeros(len(array), np.int64)
    filled = np.flatnonzero(np.diff(offsets))
    if raw is not None and len(filled):
        starts = offsets[filled] - offsets[0]
        masks[filled] = np.bitwise_or.reduceat(_BITS[raw], starts)
    if array.null_count:
        masks[missing_in(array)] = len(_NAMES)
    return Levels(masks, _NAMES, array.null_count)
