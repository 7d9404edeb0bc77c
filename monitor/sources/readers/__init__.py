"""One file of one format, read in batches with the file's own types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from monitor.core.errors import DuplicateColumnError
from monitor.core.ports import Note
from monitor.core.window import Window
from monitor.sources.tally import Tally
from monitor.sources.times import Clock

#: Enough rows that the fixed cost of a batch hardly counts; three batches are in memory at once.
BATCH_ROWS = 131_072
#: Wide rows (images, embeddings) come in batches of about this many bytes.
BATCH_BYTES = 64 << 20


class NothingInItError(Exception):
    """A file without even a header: not an error of its own, other files may hold rows."""


def check_names(names: Sequence[str], file: str) -> None:
    """Raise `DuplicateColumnError` when two columns carry one name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DuplicateColumnError(twice, file)


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of a file. A reader may skip what cannot be in `window`, or ignore it."""

    columns: Sequence[str]
    clock: Clock | None = None
    window: Window | None = None
    categories: frozenset[str] = frozenset()  #: text columns best read dictionary-encoded
    groups: tuple[int, int] | None = None  #: only these row groups, first and end


@dataclass(frozen=True, slots=True)
class Span:
    """Times of a file, from its statistics: microseconds UTC, the last one included."""

    first: int | None
    last: int | None
    nulls: int


class Reader(Protocol):
    """One file. Arrow's and the system's errors pass through; `Files` names the file."""

    schema: pa.Schema
    rows: int | None  #: None when only a read can tell
    empty: bool  #: surely not one row
    notes: list[Note]  #: what was seen while the types were found out

    def batches(self, request: Request, tally: Tally, /) -> Iterator[pa.RecordBatch]:
        """Rows with the wanted columns that the file has."""
        ...

    def sample(self, request: Request, rows: int, tally: Tally, /) -> Iterator[pa.RecordBatch]:
        """At least `rows` rows if there are, from all over the file as far as that is cheap."""
        ...

    def sampled_whole(self, rows: int) -> bool:
        """Whether a sample of so many rows reads all rows, as `batches` does without a window."""
        ...

    def span(self, clock: Clock) -> Span | None:
        """Times by statistics; None when only a read can tell."""
        ...

    def few_levels(self) -> frozenset[str]:
        """Text columns that hold few levels, as far as the file says so itself."""
        ...

    def groups(self, clock: Clock | None, window: Window | None) -> list[int] | None:
        """Rows of each row group that are to be read; None when a file is read as a whole."""
        ...


class WithoutStatistics:
    """What a format answers that keeps no statistics: only a read can tell."""

    def sampled_whole(self, rows: int) -> bool:  # noqa: ARG002 - as `Reader` wants it
        """Not known without a read."""
        return False

    def span(self, clock: Clock) -> Span | None:  # noqa: ARG002 - as `Reader` wants it
        """Nothing known without a read."""
        return None

    def few_levels(self) -> frozenset[str]:
        """Nothing known without a read."""
        return frozenset()

    def groups(self, clock: Clock | None, window: Window | None) -> list[int] | None:  # noqa: ARG002 - as `Reader` wants it
        """Read as a whole."""
        return None
