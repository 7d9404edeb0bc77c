"""Column types that behave the same on SQLite and PostgreSQL, whatever the data hold."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

#: Marks a text that had to be escaped: PostgreSQL refuses NUL, and UTF-8 lone surrogates.
_ESCAPED = "\x01"


class UtcDateTime(TypeDecorator[datetime]):
    """A time with a zone, kept in UTC; a time without one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; SQLite keeps it as text without a zone, which sorts as the time does."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"a stored time needs a zone: {value}"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back to a time in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SafeText(TypeDecorator[str]):
    """Any Python string, NUL and lone surrogates included, back as it was."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what a database would refuse."""
        del dialect
        if value is None or not _needs_escape(value):
            return value
        return _ESCAPED + json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo the escape."""
        del dialect
        if value is None or not value.startswith(_ESCAPED):
            return value
        return str(json.loads(value[len(_ESCAPED) :]))


def _needs_escape(value: str) -> bool:
    if value.startswith(_ESCAPED) or "\x00" in value:
        return True
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


class Json(TypeDecorator[Any]):
    """JSON as ASCII text: unlike `jsonb` it takes every string that Python has."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To JSON; see `plain` for what has no JSON of its own."""
        del dialect
        return None if value is None else json.dumps(plain(value), separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Back to dict, list, str, number or None."""
        del dialect
        return None if value is None else json.loads(value)


#: Most of a document; asking for these first halves the time.
_AS_IT_IS = frozenset({str, int, bool, type(None)})


def plain(value: Any) -> Any:
    """What JSON can hold of a value out of the data.

    NaN and infinities become null, times ISO 8601, bytes base64, numpy's numbers Python's;
    anything else its `str`.
    """
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, dict | Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Sequence | Set) and not isinstance(value, str):
        return [plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    return value.isoformat() if isinstance(value, datetime | date | time) else str(value)


def digest(text: str) -> str:
    """32 hexadecimal digits for an index: PostgreSQL cannot index texts above 2.7 kB."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
