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
    score: float  #: a p-value or a distance, as the test has it
    threshold: float  #: the tool's own default
    differs: bool  #: what the tool says
    error: str = ""  #: why there is no outcome


class Tool(Protocol):
    """One file in `external/`, named as the config names it; `plugin = TheClass`."""

    def tests(self) -> tuple[str, ...]:
        """Names of all column tests of the tool."""
        ...

    def judge(
        self,
        names: Sequence[str],
        reference: pa.Table,
        current: pa.Table,
        columns: Sequence[Column],
    ) -> list[Opinion]:
        """Each named test on each column that it is made for."""
        ...
