"""Where do I start with my data? Every column: kind, gaps, noise, levels; and likely roles.

All figures are of a sample that is spread over the whole of the data; `sampled` says how many rows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.config.facts import Facts
from monitor.config.guess import Guess, guess_roles
from monitor.config.noise import hints
from monitor.core.columns import Kind, Roles
from monitor.core.errors import SourceError
from monitor.core.ports import Note, Source
from monitor.core.window import Window
from monitor.profiles.hashing import combine, hash_array
from monitor.profiles.infer import infer_columns

SAMPLE_ROWS = 20_000
_TOP = 10


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """One column as the sample shows it."""

    name: str
    type: str  #: Arrow type, text encodings all "string"
    kind: Kind
    role: str  #: key of [monitors.columns], "feature" or "ignored"
    reason: str  #: why this role was guessed, "" for a feature
    missing: float  #: share of rows without a value
    distinct: int  #: distinct values; 0 where nothing is counted (nested, binary, embeddings)
    top: tuple[tuple[str, float], ...]  #: most frequent values and their share of those present
    minimum: float | None
    maximum: float | None
    noise: tuple[str, ...]  #: what looks wrong, one sentence each


@dataclass(frozen=True, slots=True)
class DataMap:
    """The first look at a source."""

    source: str
    rows: int | None  #: of the whole source, when known without reading it
    sampled: int
    columns: tuple[ColumnMap, ...]
    roles: Roles
    guesses: tuple[Guess, ...]
    duplicates: float  #: share of the sampled rows that repeat another one
    balance: tuple[tuple[str, float], ...]  #: classes of the label (else of the prediction)
    notes: tuple[Note, ...]  #: files that disagree: types, missing columns …
    extent: Window | None  #: the time that the data cover; None without a timestamp

    def column(self, name: str) -> ColumnMap:
        """The column of that name. Raises `KeyError`."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """As JSON wants it."""
        found = asdict(self)
        found["extent"] = None
        if self.extent is not None:
            found["extent"] = {
                "start": self.extent.start.isoformat(),
                "end": self.extent.end.isoformat(),
            }
        return found


def data_map(source: Source, *, rows: int = SAMPLE_ROWS) -> DataMap:
    """Look at a sample of a source.

    Raises
    ------
    SourceError
        The data cannot be read.
    """
    sample = source.sample(rows)
    facts = facts_of(sample)
    roles, guesses = guess_roles(facts)
    reading = source.open()
    extent, count = _extent(source, roles, reading.rows_hint)
    return DataMap(
        source=source.describe(),
        rows=count,
        sampled=sample.num_rows,
        columns=tuple(_column(column, guesses) for column in facts),
        roles=roles,
        guesses=guesses,
        duplicates=_duplicates(sample, facts),
        balance=_balance(facts, roles),
        notes=tuple(reading.notes),
        extent=extent,
    )


def facts_of(sample: pa.Table) -> list[Facts]:
    """The facts of every column of a sample."""
    columns = infer_columns(sample.schema, sample, Roles())
    return [Facts.of(column, sample.column(index)) for index, column in enumerate(columns)]


def _extent(source: Source, roles: Roles, hint: int | None) -> tuple[Window | None, int | None]:
    if roles.timestamp is None:
        return None, hint
    try:
        return source.extent(roles.timestamp)
    except SourceError:  # the form of its times must be told first: see `Guess`
        return None, hint


def _column(facts: Facts, guesses: tuple[Guess, ...]) -> ColumnMap:
    guess = next((guess for guess in guesses if facts.name in guess.columns), None)
    finite = facts.finite
    return ColumnMap(
        name=facts.name,
        type=facts.type,
        kind=facts.kind,
        role=guess.key if guess else "ignored" if facts.ignored else "feature",
        reason=guess.reason if guess else "",
        missing=facts.nulls / facts.rows if facts.rows else 0.0,
        distinct=facts.distinct,
        top=_shares(facts)[:_TOP] if facts.kind in ("categorical", "boolean") else (),
        minimum=float(finite.min()) if len(finite) else None,
        maximum=float(finite.max()) if len(finite) else None,
        noise=hints(facts),
    )


def _shares(facts: Facts) -> tuple[tuple[str, float], ...]:
    return tuple((name, count / max(facts.present, 1)) for name, count in facts.counts)


def _balance(facts: list[Facts], roles: Roles) -> tuple[tuple[str, float], ...]:
    named = roles.label or roles.prediction
    column = next((column for column in facts if column.name == named), None)
    return _shares(column) if column is not None and column.few else ()


def _duplicates(sample: pa.Table, facts: list[Facts]) -> float:
    counted = [column.name for column in facts if not column.ignored]
    if not counted or not sample.num_rows:
        return 0.0
    hashes = reduce(combine, (hash_array(sample.column(name)) for name in counted))
    return float(1.0 - len(np.unique(hashes)) / sample.num_rows)
