"""What plug-ins implement. Read this first, then `pipeline.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from monitor.core.window import Window


@dataclass(frozen=True, slots=True)
class Note:
    """Something a source or engine saw that is no error: it becomes a `quality.schema` finding."""

    kind: str  #: "type_differs", "column_missing_in_file", "unparsable_rows", "time_without_zone" …
    message: str  #: one sentence for a person
    column: str | None = None
    count: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """How the machines of a cluster read the rows of a reading, each a share of them.

    `batches` travels to the tasks, so that it holds no open file and no session; the rest stays
    with the driver. Shares in their order hold the rows in theirs.
    """

    #: A Spark DataFrame, a partition for each share; how to get a session is given.
    frame: Callable[[Callable[[], Any]], Any]
    #: Rows of each share, None where only reading tells; None: not even their number is known.
    shares: Sequence[int | None] | None
    #: In a task: batches of the reading's schema made of those of the frame. What was seen is
    #: appended to the list, as text, when they are exhausted.
    batches: Callable[[Iterator[pa.RecordBatch], list[str]], Iterator[pa.RecordBatch]]
    #: What all tasks saw, as notes.
    notes: Callable[[Sequence[str]], list[Note]]


@dataclass(slots=True)
class Reading:
    """One pass over the rows of one window."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]  #: read once; every batch has `schema`
    notes: list[Note] = field(default_factory=list)  #: complete when `batches` is exhausted
    rows_hint: int | None = None  #: rows to come, when known without reading
    #: The same rows for a cluster, in so many shares (None: as many as suit); None: only here.
    spread: Callable[[int | None], Spread] | None = None


@runtime_checkable
class Source(Protocol):
    """Where rows come from. One file in `sources/`, named as the config names it.

    `plugin = TheClass`; built as `TheClass(options, base)` with `options` an instance of its
    `Options` (a pydantic model) and `base` the folder that relative paths start from.
    """

    def describe(self) -> str:
        """What a person calls it, for messages: "files data/*.parquet"."""
        ...

    def schema(self) -> pa.Schema:
        """Columns and types, the union over all parts. Raises `SourceError`."""
        ...

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """About `rows` rows spread over the whole (not only its head), cheaply."""
        ...

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows with `window.start <= timestamp < window.end` (all, without a window).

        Rows whose timestamp is null are passed on to no window; they are counted in a note.
        """
        ...

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """The stretch of time that the data covers, and its rows, without a full read."""
        ...


@runtime_checkable
class Pinned(Protocol):
    """A source of versioned data that reads one version, the same in all of its answers."""

    def pinned(self) -> dict[str, str | int | None]:
        """Which version that is, as the run's record keeps it: `{"version": 12, …}`."""
        ...

    def newest(self) -> Source:
        """The same source, at the version that is the newest one now."""
        ...


class AlertChannel(Protocol):
    """Where alerts go. One file in `alerts/`, named as the config names it, built as a source."""

    def send(self, message: Message) -> None:
        """Deliver once, or raise `DeliveryError`; retrying is the caller's work."""
        ...

    def check(self) -> str:
        """Open and close without sending; returns what was found, raises `DeliveryError`."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """One mail (or push) about one event."""

    message_id: str  #: stable for the event, "<…@driftloop>"; the dedup key
    subject: str
    text: str
    html: str
    in_reply_to: str | None = None  #: the message that opened the same alarm
    recipients: tuple[str, ...] = ()  #: overrides those of the channel
    attachments: tuple[tuple[str, str, bytes], ...] = ()  #: (file name, media type, content)
    facts: Mapping[str, Any] = field(default_factory=dict)  #: for programs; JSON can hold it
