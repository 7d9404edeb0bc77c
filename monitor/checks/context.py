"""All that a check may look at: two profiles, what evidence says, what a person declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pydantic

from monitor.checks.scalars import ScalarPlan
from monitor.core.columns import Column, Roles
from monitor.core.finding import Finding
from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.evidence.types import Series, Verdict
from monitor.profiles.codebook import Codebook
from monitor.profiles.rules import Rule
from monitor.profiles.types import CategoricalProfile, NumericProfile, Profile

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One window beside its reference.

    `reference_counts` and `current_counts` are what `judged.observe` made: for each series its
    bins, then the missing. `verdicts` are those of `monitor.evidence` by the name of the series
    or scalar; a name may be absent (nothing was judged there).
    """

    columns: tuple[Column, ...]  #: physical and derived
    roles: Roles
    reference: Profile  #: pooled over the windows of the reference
    current: Profile
    reference_windows: int = 1
    series: Mapping[str, Series] = field(default_factory=dict)
    scalars: ScalarPlan = field(default_factory=ScalarPlan)
    reference_counts: Mapping[str, IntArray] = field(default_factory=dict)
    current_counts: Mapping[str, IntArray] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    codebooks: Mapping[str, Codebook] = field(default_factory=dict)  #: by column
    notes: tuple[Note, ...] = ()  #: what the source saw while reading the current window
    own_windows: int | None = None  #: of a model deployed since, that its own reference has so far
    one_window: bool = False  #: `compare`: how windows vary by themselves is not known
    window: Window | None = None
    now: datetime | None = None  #: for freshness; None: not judged
    rules: tuple[Rule, ...] = ()  #: as declared; their counts are in the profiles

    def column(self, name: str) -> Column | None:
        """The column of that name, physical or derived."""
        return next((column for column in self.columns if column.name == name), None)

    def scalar_verdict(self, name: str) -> Verdict | None:
        """The verdict on a number beside the columns; a column of that name has its own."""
        return None if name in self.series else self.verdicts.get(name)

    def physical(self) -> Iterator[Column]:
        """Columns that are in the data, not made from one."""
        return (column for column in self.columns if column.parent is None)

    def numeric(self, name: str) -> tuple[NumericProfile, NumericProfile] | None:
        """(reference, current) of a column that is numeric on both sides."""
        old, new = self.reference.columns.get(name), self.current.columns.get(name)
        both = isinstance(old, NumericProfile) and isinstance(new, NumericProfile)
        return (old, new) if both else None  # type: ignore[return-value]

    def categorical(self, name: str) -> tuple[CategoricalProfile, CategoricalProfile] | None:
        """(reference, current) of a column that is categorical on both sides."""
        old, new = self.reference.columns.get(name), self.current.columns.get(name)
        both = isinstance(old, CategoricalProfile) and isinstance(new, CategoricalProfile)
        return (old, new) if both else None  # type: ignore[return-value]


class Check(Protocol):
    """Turns a context into findings. One file in `checks/`, named as the config names it.

    `plugin = TheClass` at the end of the file; built as `TheClass(options)`. The docstring of the
    class is its documentation page. Bad data never raise: they are findings.
    """

    name: ClassVar[str]
    Options: ClassVar[type[pydantic.BaseModel]]

    def findings(self, context: Context) -> Iterable[Finding]:
        """What there is to say about this window."""
        ...
