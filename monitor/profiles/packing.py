"""Dataclasses, arrays and tables to bytes and back, without pickle.

A tree of known dataclasses becomes one JSON document whose arrays and tables lie behind it,
all compressed as one piece. Only the classes that the reader names are built.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.errors import ProfileError

MAGIC = b"DLP1"
MAX_BYTES = 1 << 30
_HEADER = struct.Struct("<4sQQ")
_SMALLER = (np.uint8, np.uint16, np.uint32)


def pack(tree: Any) -> bytes:
    """Bytes of a tree of dataclasses, mappings, sequences, arrays, tables and scalars."""
    document, raw = payload(tree)
    whole = document + raw
    body = pa.Codec("zstd", compression_level=6).compress(whole, asbytes=True)
    return _HEADER.pack(MAGIC, len(whole), len(document)) + bytes(body)


def payload(tree: Any) -> tuple[bytes, bytes]:
    """The JSON document and the arrays behind it, uncompressed: what an id is hashed from."""
    blobs = bytearray()
    document = json.dumps(_flatten(tree, blobs), separators=(",", ":"), ensure_ascii=True)
    return document.encode(), bytes(blobs)


def unpack(data: bytes, classes: Mapping[str, type]) -> Any:
    """The tree again. Raises `ProfileError` when the bytes are not what `pack` wrote."""
    try:
        magic, size, split = _HEADER.unpack_from(data)
        if magic != MAGIC or size > MAX_BYTES or split > size:
            msg = "These bytes are no stored profile or plan: the header is another."
            raise ProfileError(msg)  # noqa: TRY301 - one place turns all faults into one error
        body = pa.Codec("zstd").decompress(data[_HEADER.size :], size, asbytes=True)
        return _Builder(classes, memoryview(body)[split:]).build(json.loads(body[:split]))
    except ProfileError:
        raise
    except (ValueError, KeyError, TypeError, struct.error, OSError, pa.ArrowException) as error:
        msg = f"These bytes are no stored profile or plan of this version: {error}."
        raise ProfileError(msg) from error


def _flatten(value: Any, blobs: bytearray) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return _flatten(value.item(), blobs)
    if isinstance(value, np.ndarray):
        return _array(value, blobs)
    if isinstance(value, pa.Table):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema) as writer:
            writer.write_table(value)
        return {"$": "table", **_blob(sink.getvalue().to_pybytes(), blobs)}
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.init]
        return {
            "$": "class",
            "name": type(value).__name__,
            "of": {name: _flatten(getattr(value, name), blobs) for name in names},
        }
    return _flatten_container(value, blobs)


def _flatten_container(value: Any, blobs: bytearray) -> Any:
    if isinstance(value, Mapping):
        pairs = [[_flatten(k, blobs), _flatten(v, blobs)] for k, v in value.items()]
        return {"$": "map", "of": pairs}
    if isinstance(value, tuple | list):
        return [_flatten(item, blobs) for item in value]
    if isinstance(value, frozenset | set):
        return {"$": "set", "of": sorted(value)}
    if isinstance(value, datetime):
        return {"$": "time", "of": value.isoformat()}
    return {"$": "text", "of": value.isoformat() if isinstance(value, date) else str(value)}


def _blob(raw: bytes, blobs: bytearray) -> dict[str, int]:
    at = len(blobs)
    blobs += raw
    return {"at": at, "size": len(raw)}


def _array(array: npt.NDArray[Any], blobs: bytearray) -> dict[str, Any]:
    small = array
    if array.dtype == np.int64 and array.size and array.min() >= 0:
        top = int(array.max())
        for dtype in _SMALLER:
            if top <= np.iinfo(dtype).max:
                small = array.astype(dtype)
                break
    return {
        "$": "array",
        "as": array.dtype.str,
        "in": small.dtype.str,
        "shape": list(array.shape),
        **_blob(np.ascontiguousarray(small).tobytes(), blobs),
    }


class _Builder:
    """Builds a tree; a window has thousands of small arrays, and months of them are read."""

    def __init__(self, classes: Mapping[str, type], raw: memoryview) -> None:
        self.classes, self.raw = classes, raw
        self.dtypes: dict[str, np.dtype[Any]] = {}
        self.makers: dict[str, Callable[[dict[str, Any]], Any]] = {
            "array": self._array,
            "class": self._class,
            "map": self._map,
            "set": self._set,
            "table": self._table,
            "text": self._text,
            "time": self._time,
        }

    def build(self, node: Any) -> Any:
        if isinstance(node, dict):
            return self.makers[node["$"]](node)
        return tuple([self.build(item) for item in node]) if isinstance(node, list) else node

    def _class(self, node: dict[str, Any]) -> Any:
        known = self.classes[node["name"]]
        return known(**{name: self.build(value) for name, value in node["of"].items()})

    def _map(self, node: dict[str, Any]) -> dict[Any, Any]:
        build = self.build
        return {
            key if isinstance(key, str) else build(key): build(value) for key, value in node["of"]
        }

    def _set(self, node: dict[str, Any]) -> frozenset[Any]:
        return frozenset(node["of"])

    def _time(self, node: dict[str, Any]) -> datetime:
        return datetime.fromisoformat(node["of"])

    def _text(self, node: dict[str, Any]) -> str:
        return str(node["of"])

    def _bytes(self, node: dict[str, Any]) -> memoryview:
        piece = self.raw[node["at"] : node["at"] + node["size"]]
        if len(piece) != node["size"]:
            msg = "an array is cut short"
            raise ValueError(msg)
        return piece

    def _table(self, node: dict[str, Any]) -> pa.Table:
        return pa.ipc.open_stream(pa.py_buffer(bytes(self._bytes(node)))).read_all()

    def _array(self, node: dict[str, Any]) -> npt.NDArray[Any]:
        stored, wanted = self._dtype(node["in"]), self._dtype(node["as"])
        flat = np.frombuffer(self._bytes(node), dtype=stored).astype(wanted)
        shape = node["shape"]
        return flat if shape == [len(flat)] else flat.reshape(shape)

    def _dtype(self, name: str) -> np.dtype[Any]:
        if name not in self.dtypes:
            dtype = np.dtype(name)
            if dtype.kind not in "biuf":
                msg = f"arrays of type {dtype} are not stored"
                raise ValueError(msg)
            self.dtypes[name] = dtype
        return self.dtypes[name]
