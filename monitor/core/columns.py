"""What a column is (kind) and what it is for (role)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["numeric", "categorical", "boolean", "datetime", "text", "embedding"]
Role = Literal[
    "feature",
    "label",
    "prediction",
    "score",
    "id",
    "timestamp",
    "model_version",
    "segment",
    "ignored",
]

#: Roles whose distribution is judged window by window.
JUDGED_ROLES: frozenset[Role] = frozenset({"feature", "label", "prediction", "score", "segment"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column, physical or derived.

    A derived column (`comment.length`, `embedding.pc0`) is made from its `parent` while the
    data is read; from then on it is an ordinary numeric or categorical column.
    """

    name: str
    kind: Kind
    role: Role = "feature"
    parent: str | None = None

    @property
    def owner(self) -> str:
        """The physical column that findings about this one are filed under."""
        return self.parent or self.name


@dataclass(frozen=True, slots=True)
class Roles:
    """Which physical columns play which part. No role is compulsory."""

    timestamp: str | None = None
    id: str | None = None
    label: str | None = None
    prediction: str | None = None
    scores: tuple[str, ...] = ()  #: one for a binary model, or one for each class
    model_version: str | None = None
    segments: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kinds: tuple[tuple[str, Kind], ...] = ()  #: kinds that a person fixed, (column, kind)

    def named(self) -> tuple[tuple[str, str], ...]:
        """All (key, column) pairs that a person named, for checking against a schema."""
        single = [
            (key, value)
            for key in ("timestamp", "id", "label", "prediction", "model_version")
            if (value := getattr(self, key)) is not None
        ]
        many = [
            (key, value)
            for key in ("segments", "embeddings", "images", "texts", "ignore")
            for value in getattr(self, key)
        ]
        scores = [("score", value) for value in self.scores]
        return tuple(single + scores + many + [("kinds", name) for name, _ in self.kinds])
