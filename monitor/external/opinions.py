"""What another tool says about one column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from monitor.core.columns import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """The outcome of one test of another tool on one column."""

    column: str
    test: str
    score: float  #: a p-value or a distance, as the test has it; NaN when there is none
    p_value: float | None = None  #: the score, where it is one
    threshold: float | None = None  #: the tool's own default
    differs: bool = False  #: what the tool says
    n_reference: int = 0  #: values that the test looked at
    n_current: int = 0
    error: str = ""  #: why there is no outcome


class Tool(Protocol):
    """One file in `external/`, named as the config names it; `plugin = TheClass`.

    The docstring of the class is its documentation page. It is built without arguments, and
    imports the tool itself only when it is asked something.
    """

    def tests(self) -> tuple[str, ...]:
        """Names of all column tests of the tool. Raises `PluginError` when it does not import."""
        ...

    def judge(
        self,
        names: Sequence[str],
        reference: pa.Table,
        current: pa.Table,
        columns: Sequence[Column],
    ) -> list[Opinion]:
        """Each named test on each column that it is made for; one that breaks is an error of it."""
        ...
