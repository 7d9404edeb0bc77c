"""Sums over blocks of consecutive rows, and the design effect that they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from monitor.profiles.types import BlockMoments

SIZES = np.array([1, 64, 256, 1024, 4096, 16384, 65536], dtype=np.int64)
SMALLEST = 64
LEAST_BLOCKS = 20
_FOUR = np.ones(4)


class BlockSums:
    """Adds up block moments of one column, buffer by buffer."""

    def __init__(self, components: int) -> None:
        self.blocks = np.zeros(len(SIZES), np.int64)
        self.sums = np.zeros((len(SIZES), components))
        self.squares = np.zeros((len(SIZES), components))

    def add(
        self, rows: int, total: npt.ArrayLike, square: npt.ArrayLike, sums: npt.NDArray[Any]
    ) -> None:
        """Add one buffer.

        Parameters
        ----------
        rows : int
            Single rows in the buffer, those of an incomplete last block included.
        total, square : array_like, shape (n_components,)
            Sum and sum of squares over the single rows.
        sums : ndarray, shape (n_components, n_blocks)
            Sums over the full blocks of 64 rows.
        """
        self.sums[0] += total
        self.squares[0] += square
        self.blocks[0] += rows
        self.blocks[1:] += rows // SIZES[1:]
        sums = sums.astype(np.float64, copy=False)
        for at in range(1, len(SIZES)):
            if at > 1:
                four = sums.shape[1] // 4
                sums = sums[:, : four * 4].reshape(len(sums), four, 4) @ _FOUR
            if not sums.size:
                return
            self.sums[at] += np.add.reduce(sums, axis=1)
            self.squares[at] += np.vecdot(sums, sums)

    def add_mask(self, mask: npt.NDArray[np.bool_] | None, rows: int) -> None:
        """Add one buffer of a yes-or-no component, shape (rows,); None: nowhere true."""
        if mask is None:
            self.blocks += rows // SIZES
            return
        total = float(np.count_nonzero(mask))
        self.add(rows, total, total, trues(mask)[None])


def trues(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """How many are true in each full block of 64, shape (n // 64,)."""
    packed = np.packbits(mask[: len(mask) // SMALLEST * SMALLEST])
    return np.bitwise_count(packed.view(np.uint64))


def design_effect(parts: Sequence[BlockMoments], block_rows: int = 64) -> float:
    """Variance of block means over that of independent rows, >= 1; 1 below 20 blocks.

    Parameters
    ----------
    parts : sequence of BlockMoments
        One for each window. Blocks and rows are compared with the mean of their own window, so
        that ordinary variation between windows is no clustering.
    block_rows : int, default 64
        The largest block size of at most this many rows (and at least 64) is used.

    Notes
    -----
    Components are pooled by their variance: sum of block variances over sum of row variances
    (Kish 1965, deff of a cluster sample with clusters of one size).
    """
    at = max(1, int(np.searchsorted(SIZES, max(block_rows, SMALLEST), side="right")) - 1)
    numbers = [part for part in parts if part.blocks[at] > 0]
    between, degrees = _within(numbers, at)
    single, singles = _within(numbers, 0)
    if sum(int(part.blocks[at]) for part in numbers) < LEAST_BLOCKS or degrees <= 0 or singles <= 0:
        return 1.0
    row_variance = single / singles
    if not np.isfinite(row_variance) or row_variance <= 0:
        return 1.0
    return max(1.0, between / degrees / (float(SIZES[at]) * row_variance))


def _within(parts: Sequence[BlockMoments], at: int) -> tuple[float, int]:
    spread = degrees = 0.0
    for part in parts:
        n = float(part.blocks[at])
        spread += float(np.sum(part.squares[at] - part.sums[at] ** 2 / n))
        degrees += n - 1
    return spread, int(degrees)
