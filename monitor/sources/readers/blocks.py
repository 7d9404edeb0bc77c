"""Pieces of a text file, cut at line ends: its head, and some from all over it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitor.sources.places import Place

_PIECES = 16


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
