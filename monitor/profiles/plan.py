"""What the kernel counts: fixed by the reference, and by an id that says which profiles merge."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from monitor.core.columns import Column, Roles
from monitor.core.errors import ProfileError
from monitor.profiles import packing
from monitor.profiles.codebook import Codebook, Node
from monitor.profiles.embedding import Encoder
from monitor.profiles.rules import Rule

Task = Literal["classification", "regression", "none"]

#: Raised when the kernel counts otherwise than before, so that old plans do not merge with new.
VERSION = 1


@dataclass(frozen=True, slots=True)
class CellPlan:
    """Which co-counts are kept."""

    task: Task = "none"
    segmentations: tuple[tuple[str, ...], ...] = ((),)  #: (), ("carrier",), ("carrier", "origin")
    classes: tuple[tuple[str, str], ...] = ()  #: (score column, class that it scores)
    digits: bool = False  #: labels and predictions mix true/false with 1/0: all become 1/0


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All that the kernel must know; equal ids mean that profiles merge."""

    columns: tuple[Column, ...]  #: physical, in the order of the schema, ignored ones included
    derived: tuple[Column, ...]  #: made from texts and embeddings
    features: Mapping[str, str]  #: derived column -> what it is: "length", "pattern", "pc0" …
    roles: Roles
    key: tuple[str, ...]  #: columns whose values make the row key
    codebooks: Mapping[str, Codebook]  #: of numeric and datetime columns, derived ones included
    frequent: Mapping[str, tuple[str, ...]]  #: levels that get block moments, by column
    encoders: Mapping[str, Encoder]  #: by embedding column
    rules: tuple[Rule, ...]
    cells: CellPlan
    types: Mapping[str, str]  #: Arrow type of each physical column in the reference
    sample_size: int = 10_000
    seed: int = 0
    version: int = VERSION
    id: str = field(default="")

    def __post_init__(self) -> None:
        """The id is the hash of all the rest."""
        if not self.id:
            bare = packing.payload([getattr(self, f.name) for f in dataclasses.fields(self)])
            digest = hashlib.sha256(b"".join(bare)).hexdigest()[:16]
            object.__setattr__(self, "id", digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def timestamp(self) -> str | None:
        """The column that says when a row happened."""
        return self.roles.timestamp

    @property
    def every(self) -> tuple[Column, ...]:
        """Physical columns that are not ignored, then the derived ones."""
        return (*(c for c in self.columns if c.role != "ignored"), *self.derived)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names of the physical columns to read, images included."""
        images = set(self.roles.images)
        return tuple(c.name for c in self.columns if c.role != "ignored" or c.name in images)

    def column(self, name: str) -> Column:
        """The column of that name, physical or derived. Raises `KeyError`."""
        for column in (*self.columns, *self.derived):
            if column.name == name:
                return column
        raise KeyError(name)

    def to_bytes(self) -> bytes:
        """Versioned, compressed, no pickle."""
        return packing.pack(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """What `to_bytes` wrote. Raises `ProfileError`."""
        plan = packing.unpack(data, _CLASSES)
        if not isinstance(plan, cls):
            msg = f"These bytes hold a {type(plan).__name__}, not a Plan."
            raise ProfileError(msg)
        if plan.version != VERSION:
            msg = (
                f"This plan is of version {plan.version}, and this driftloop writes {VERSION}. "
                "Profile the reference again."
            )
            raise ProfileError(msg)
        return plan


_CLASSES: dict[str, type] = {
    known.__name__: known
    for known in (Plan, CellPlan, Column, Roles, Codebook, Node, Encoder, Rule)
}
