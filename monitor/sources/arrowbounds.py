"""How large an Arrow stream becomes, found out before a byte of it is unpacked.

A stream of a few bytes may announce buffers of many gigabytes. Arrow believes it, so its messages
are looked at here first, as the format (Columnar.rst, Message.fbs) lays them out.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from monitor.core.errors import BatchRefusedError

_CONTINUATION = 0xFFFFFFFF
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3
_VALUE_BYTES = 8
_MOST_METADATA = 16 << 20
_BROKEN = "The batch is no Arrow IPC stream: {}. Send what `pyarrow.ipc.new_stream` writes."


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of a flatbuffer."""

    data: bytes
    at: int

    def field(self, number: int) -> int | None:
        """Where a field stands; None where it has its default."""
        vtable = self.at - _int(self.data, self.at, "<i")
        size = _int(self.data, vtable, "<H")
        place = 4 + 2 * number
        offset = _int(self.data, vtable + place, "<H") if place + 2 <= size else 0
        return self.at + offset if offset else None

    def table(self, number: int) -> _Table | None:
        """A table that a field refers to."""
        place = self.field(number)
        return None if place is None else _Table(self.data, place + _int(self.data, place, "<I"))

    def number(self, number: int, form: str) -> int:
        """A number; 0 is the default."""
        place = self.field(number)
        return 0 if place is None else _int(self.data, place, form)

    def pairs(self, number: int) -> Iterator[tuple[int, int]]:
        """A vector of structs of two 64-bit numbers."""
        place = self.field(number)
        if place is None:
            return
        start = place + _int(self.data, place, "<I")
        count = _int(self.data, start, "<I")
        if 16 * count > len(self.data):
            raise BatchRefusedError(_BROKEN.format("a list in it has no end"))
        for index in range(count):
            at = start + 4 + 16 * index
            yield _int(self.data, at, "<q"), _int(self.data, at + 8, "<q")


def _int(data: bytes, at: int, form: str) -> int:
    if at < 0:
        raise BatchRefusedError(_BROKEN.format("an offset points before its beginning"))
    return int(struct.unpack_from(form, data, at)[0])


def check_stream(file: BinaryIO, *, max_bytes: int, max_rows: int) -> None:
    """Raise unless all messages together unpack to no more than that.

    Raises
    ------
    BatchRefusedError
        Not an Arrow IPC stream (400), or one that is too large when unpacked (413).
    """
    try:
        rows = size = 0
        for metadata, body in _messages(file):
            more_rows, more_size = _unpacked(metadata, body, file)
            rows, size = rows + more_rows, size + more_size
            if size > max_bytes:
                msg = f"The batch has more than {max_bytes:,} bytes when unpacked; send less."
                raise BatchRefusedError(msg, 413)
            if rows > max_rows:
                msg = f"The batch has more than {max_rows:,} rows; send less in one batch."
                raise BatchRefusedError(msg, 413)
    except (struct.error, OverflowError, OSError, ValueError) as error:
        raise BatchRefusedError(_BROKEN.format("it ends too early")) from error
    finally:
        file.seek(0)


def _messages(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Metadata of each message, and where its body begins."""
    end = file.seek(0, io.SEEK_END)
    file.seek(0)
    while head := file.read(4):
        (length,) = struct.unpack("<I", head)
        if length == _CONTINUATION:
            (length,) = struct.unpack("<I", file.read(4))
        if length == 0:
            return
        if length > _MOST_METADATA:
            raise BatchRefusedError(_BROKEN.format("its head is too large"))
        metadata = file.read(length)
        if len(metadata) < length:
            raise BatchRefusedError(_BROKEN.format("it ends too early"))
        body = file.tell()
        yield metadata, body
        message = _Table(metadata, _int(metadata, 0, "<I"))
        size = message.number(3, "<q")
        if size < 0:
            raise BatchRefusedError(_BROKEN.format("a body has a negative size"))
        if body + size > end:  # Arrow would ask for so much memory before it reads
            raise BatchRefusedError(_BROKEN.format("it ends too early"))
        file.seek(body + size)


def _unpacked(metadata: bytes, body: int, file: BinaryIO) -> tuple[int, int]:
    """Rows and bytes of the batch in a message; 0 for other messages."""
    message = _Table(metadata, _int(metadata, 0, "<I"))
    kind, header = message.number(1, "<B"), message.table(2)
    if header is None or kind not in (_DICTIONARY, _BATCH):
        return 0, 0
    batch = header.table(1) if kind == _DICTIONARY else header
    if batch is None:
        return 0, 0
    packed = batch.field(3) is not None
    size = 0
    for offset, length in batch.pairs(2):
        if length < 0 or offset < 0:
            raise BatchRefusedError(_BROKEN.format("a buffer has a negative size"))
        size += _size_of(file, body + offset, length) if packed and length else length
    rows, values = batch.number(0, "<q"), sum(length for length, _ in batch.pairs(1))
    # Values of no bytes, such as nulls in lists of a fixed length, take some when they are kept.
    size = max(size, values * _VALUE_BYTES)
    if rows < 0:
        raise BatchRefusedError(_BROKEN.format("it has a negative number of rows"))
    return (rows if kind == _BATCH else 0), size


def _size_of(file: BinaryIO, place: int, length: int) -> int:
    """Bytes of a compressed buffer, which it begins with; -1 says that it is none."""
    file.seek(place)
    (size,) = struct.unpack("<q", file.read(8))
    if size < -1:
        raise BatchRefusedError(_BROKEN.format("a buffer has a negative size"))
    return length if size == -1 else int(size)
