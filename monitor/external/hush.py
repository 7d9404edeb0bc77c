"""Other people's libraries, kept from talking, phoning and shaking our state."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator

import numpy as np

_SEED = 0
_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Telemetry off, no warning, nothing on standard output, numpy's global generator seeded.

    Warning filters, standard output and that generator belong to the whole process, so one
    caller at a time; all three are put back. The seed makes permutation tests say the same
    again when a window is run again.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    with _ONE_AT_A_TIME, warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        state = np.random.get_state()  # noqa: NPY002 - the other library uses it, not we
        np.random.seed(_SEED)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
