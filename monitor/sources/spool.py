"""Where posted batches lie: one Parquet file for each, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.core.errors import BatchRefusedError
from monitor.sources.payload import parse
from monitor.sources.types import without_views

_INCOMING = ".incoming"  #: hidden, so that no reader looks into it
_STALE_SECONDS = 3600.0
_LONGEST_ID = 200
_SENT, _ID = b"driftloop.sent", b"driftloop.batch"
#: A batch may unpack to so many times the bytes that may be sent.
_UNPACKED = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a batch may be, and all of them together."""

    max_bytes: int
    max_rows: int
    max_columns: int
    spool_bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch."""

    batch: str
    rows: int
    new: bool  #: False: it was there already


class Spool:
    """The folder of one inbox. Several threads and processes may write to it.

    A batch is parsed, written aside, synced to the disk and then renamed, so that a reader sees
    all of it or nothing; a process that is killed leaves only a file that nobody reads.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder, self.limits = folder, limits
        self._lock = threading.Lock()
        self._size: int | None = None

    @contextlib.contextmanager
    def incoming(self) -> Iterator[BinaryIO]:
        """A file for what is being received; gone when it is closed."""
        aside = self.folder / _INCOMING
        aside.mkdir(parents=True, exist_ok=True)
        self._tidy(aside)
        with tempfile.NamedTemporaryFile(dir=aside, suffix=".part") as file:
            yield file  # type: ignore[misc]  # a wrapper that behaves as one

    def store(self, received: Path, kind: str, batch: str | None) -> Stored:
        """Keep what was received as one batch; the same batch again is kept once.

        Parameters
        ----------
        received : a closed or flushed file with the payload.
        kind : `arrow` or `jsonl`.
        batch : the sender's name for it; None: named after its content.

        Raises
        ------
        BatchRefusedError
            400 unreadable, 409 another batch has that name, 413 too large, 507 no room.
        """
        sent = _digest(received)
        name = sent if batch is None else _checked(batch)
        path = self._path(name)
        if path.exists():
            return self._known(path, name, sent)
        limits = self.limits
        table = parse(
            received,
            kind,
            max_bytes=limits.max_bytes * _UNPACKED,
            max_rows=limits.max_rows,
            max_columns=limits.max_columns,
        )
        self._make_room(received.stat().st_size)
        self._write(_told(_writable(table), name, sent), path)
        return Stored(name, table.num_rows, new=True)

    def _path(self, name: str) -> Path:
        """By a hash of the name, which may hold anything."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:40]
        return self.folder / digest[:2] / f"{digest}.parquet"

    def _known(self, path: Path, name: str, sent: str) -> Stored:
        found = pq.read_metadata(path)
        if (found.metadata or {}).get(_SENT) != sent.encode():
            msg = f"Another batch was stored as {name!r}; give each batch a name of its own."
            raise BatchRefusedError(msg, 409)
        return Stored(name, found.num_rows, new=False)

    def _write(self, table: pa.Table, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.folder / _INCOMING
        handle, text = tempfile.mkstemp(dir=aside, suffix=".new")
        written = Path(text)
        try:
            with os.fdopen(handle, "wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            with self._lock:
                self._size = None if self._size is None else self._size + written.stat().st_size
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
        for folder in (path.parent, self.folder):
            _sync(folder)

    def _make_room(self, size: int) -> None:
        with self._lock:
            if self._size is None:
                self._size = sum(file.stat().st_size for file in self.folder.rglob("*.parquet"))
            full = self._size + size > self.limits.spool_bytes
            if full:
                self._size = None  # somebody may tidy up: it is counted again next time
        if full:
            msg = (
                f"The inbox is full: it may hold {self.limits.spool_bytes:,} bytes. Delete old "
                "files in its folder, or raise `spool_bytes`."
            )
            raise BatchRefusedError(msg, 507)

    def _tidy(self, aside: Path) -> None:
        """Take away what processes left that were killed."""
        for file in aside.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime > _STALE_SECONDS:
                    file.unlink()


def _checked(batch: str) -> str:
    if not batch or len(batch) > _LONGEST_ID:
        msg = f"The name of a batch has 1 to {_LONGEST_ID} characters."
        raise BatchRefusedError(msg)
    return batch


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _writable(table: pa.Table) -> pa.Table:
    """In types that Parquet has: no views, no extensions, no runs."""
    try:
        columns = [_plain_column(column) for column in table.columns]
        return pa.table(columns, table.column_names)
    except (pa.ArrowException, ValueError) as error:
        msg = f"The batch holds a type that cannot be kept: {error}."
        raise BatchRefusedError(msg) from error


def _plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pa.types.is_run_end_encoded(column.type):
        column = pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks])
    return without_views(column)


def _told(table: pa.Table, name: str, sent: str) -> pa.Table:
    return table.replace_schema_metadata({_ID: name.encode(), _SENT: sent.encode()})


def _sync(folder: Path) -> None:
    """So that a name outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
