"""Values of a row made fit for JSON: whatever comes in, what goes out is plain and finite."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import singledispatch
from types import NoneType
from typing import Any

_DEEPEST = 20


def plain(value: Any) -> Any:
    """The value as JSON knows it.

    NaN and infinities become null, times ISO text, durations seconds, bytes base64 text, numpy
    and Arrow scalars their Python value, `Decimal` a number where a float holds it exactly and
    else text, sets and arrays lists, and lone surrogates question marks. What nests deeper than
    20 levels, and any other object, becomes its text.
    """
    return _plain(value, 0)


def clean(text: str) -> str:
    """The text with lone surrogates replaced, so that it can be encoded."""
    return text.encode("utf-8", "replace").decode("utf-8")


@singledispatch
def _plain(value: Any, depth: int) -> Any:
    if depth >= _DEEPEST:
        return clean(str(value))
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _plain(value.tolist(), depth + 1)
    if hasattr(value, "as_py"):  # Arrow scalars
        return _plain(value.as_py(), depth + 1)
    if isinstance(value, Iterable):
        return [_plain(inner, depth + 1) for inner in value]
    return clean(str(value))


@_plain.register(NoneType)
@_plain.register(bool)
def _itself(value: bool | None, _depth: int) -> bool | None:
    return value


@_plain.register(str)
def _text(value: str, _depth: int) -> str:
    return clean(value)


@_plain.register(int)
def _whole(value: int, _depth: int) -> int:
    return int(value)


@_plain.register(float)
def _real(value: float, _depth: int) -> float | None:
    return float(value) if math.isfinite(value) else None


@_plain.register(decimal.Decimal)
def _decimal(value: decimal.Decimal, _depth: int) -> float | int | str | None:
    if not value.is_finite():
        return None
    if abs(value) < 2**53 and value == value.to_integral_value():
        return int(value)
    return float(value) if decimal.Decimal(repr(float(value))) == value else str(value)


@_plain.register(bytes)
@_plain.register(bytearray)
@_plain.register(memoryview)
def _bytes(value: bytes | bytearray | memoryview, _depth: int) -> str:
    return base64.b64encode(bytes(value)).decode("ascii")


@_plain.register(dt.date)
@_plain.register(dt.time)
def _time(value: dt.date | dt.time, _depth: int) -> str | None:
    # pandas' NaT is a datetime that differs from itself.
    return value.isoformat() if value == value else None  # noqa: PLR0124


@_plain.register(dt.timedelta)
def _duration(value: dt.timedelta, _depth: int) -> float | None:
    return _real(value.total_seconds(), 0)


@_plain.register(Enum)
def _member(value: Enum, depth: int) -> Any:
    return _plain(value.value, depth)


@_plain.register(Mapping)
def _object(value: Mapping[Any, Any], depth: int) -> Any:
    if depth >= _DEEPEST:
        return clean(str(value))
    return {clean(str(key)): _plain(inner, depth + 1) for key, inner in value.items()}


def data_uri(image: bytes) -> str:
    """A PNG (or JPEG, GIF, WebP) as a data URI; other bytes as an octet stream."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
    media = next(
        (f"image/{kind}" for head, kind in kinds.items() if image.startswith(head)),
        "application/octet-stream",
    )
    return f"data:{media};base64,{base64.b64encode(image).decode('ascii')}"
