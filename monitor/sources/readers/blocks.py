"""Pieces of a text file, cut at line ends: its head, and some from all over it."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.sources.places import Place

_PIECES = 16
#: A quote that does not close within so many lines is taken for a broken row.
_OPEN_LINES = 100


@dataclass(frozen=True, slots=True)
class Pieces:
    """What was read of a file to learn its types: `head` begins at its first byte."""

    head: bytes
    others: tuple[bytes, ...]
    whole: bool  #: nothing of the file is missing


def open_text(place: Place) -> pa.NativeFile:
    """The file as a stream, decompressed by the ending of its name."""
    return place.filesystem.open_input_stream(place.path, compression=place.compression)


def pieces(place: Place, budget: int) -> Pieces:
    """About `budget` bytes of a file: all of it, or its head and pieces spread over the rest.

    What is compressed or far away gives its head only.
    """
    with open_text(place) as stream:
        head = bytes(stream.read(budget + 1))
    if len(head) <= budget:
        return Pieces(head, (), whole=True)
    if not place.local or place.compression is not None or not place.size:
        return Pieces(_to_line_end(head), (), whole=False)
    share = budget // (2 * _PIECES)
    starts = np.linspace(budget // 2, place.size - share, _PIECES).astype(int)
    return Pieces(_to_line_end(head[: budget // 2]), tuple(_cut(place, starts, share)), whole=False)


def _cut(place: Place, starts: np.ndarray, size: int) -> Iterator[bytes]:
    with place.filesystem.open_input_file(place.path) as file:
        for start in starts:
            file.seek(int(start))
            piece = bytes(file.read(size))
            begin = piece.find(b"\n") + 1
            if 0 < begin < len(piece):
                yield _to_line_end(piece[begin:])


def _to_line_end(piece: bytes) -> bytes:
    end = piece.rfind(b"\n") + 1
    return piece[:end] if end else piece


def lines(place: Place, size: int) -> Iterator[bytes]:
    """The whole file in blocks of whole lines, of about `size` bytes."""
    rest = b""
    with open_text(place) as stream:
        while block := bytes(stream.read(size)):
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            if end:
                yield block[:end]
    if rest.strip():
        yield rest


def closed_lines(
    physical: Iterable[bytes], quote: bytes, delimiter: bytes, broken: Callable[[bytes], None]
) -> Iterator[bytes]:
    """Rows whose quotes close, of one line or several; a line whose quote does not is `broken`.

    Only a quote at the beginning of a value opens it (5" is five inches).
    """
    opening = re.compile(rb"(?:\A|%s)\s*%s" % (re.escape(delimiter), re.escape(quote)))
    held: list[bytes] = []
    quotes = 0

    def settled(todo: deque[bytes], *, final: bool) -> Iterator[bytes]:
        nonlocal quotes
        while todo or (final and held):
            if todo:
                line = todo.popleft()
                quotes += line.count(quote) if held or opening.search(line) else 0
                held.append(line)
            if quotes % 2 == 0:
                yield b"".join(held)
            elif len(held) > _OPEN_LINES or (final and not todo):
                broken(held[0])
                todo.extendleft(reversed(held[1:]))
            else:
                continue
            held.clear()
            quotes = 0

    for line in physical:
        yield from settled(deque([line]), final=False)
    yield from settled(deque(), final=True)


class Chunks(io.RawIOBase):
    """Pieces of bytes as a file that can be read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        found, size = [self._rest], len(self._rest)
        while size < len(buffer) and (chunk := next(self._chunks, None)) is not None:
            found.append(chunk)
            size += len(chunk)
        whole = b"".join(found)
        size = min(len(buffer), len(whole))
        buffer[:size], self._rest = whole[:size], whole[size:]
        return size
