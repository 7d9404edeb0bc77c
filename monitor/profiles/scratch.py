"""Reused arrays: fresh ones of more than 128 kB cost more than the work done in them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt


class Scratch(threading.local):
    """Arrays by name, a set for each thread; what is in them lasts until the name is next asked."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[str, int], npt.NDArray[Any]] = {}

    def get(self, name: str, dtype: npt.DTypeLike, size: int, depth: int = 0) -> npt.NDArray[Any]:
        """An array with any content, shape (size,)."""
        array = self.arrays.get((name, depth))
        if array is None or len(array) < size or array.dtype != dtype:
            array = np.empty(max(size, 1 << 10), dtype)
            self.arrays[name, depth] = array
        return array[:size]


scratch = Scratch()
