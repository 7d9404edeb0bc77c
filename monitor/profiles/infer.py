"""Kind and role of each column, from its Arrow type, a sample and what a person named."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import array_of, values_of
from monitor.core.columns import Column, Kind, Role, Roles
from monitor.profiles.casting import is_text, plain
from monitor.profiles.chunks import simple, whole

FEW_LEVELS = 10
FEW_CLASSES = 50
LEAST_DIMENSIONS = 4
MAX_LOOK = 5_000
_NEAR_UNIQUE = 0.9
_PARSED = 0.99


def infer_columns(schema: pa.Schema, sample: pa.Table, roles: Roles) -> tuple[Column, ...]:
    """All physical columns of the schema, in its order.

    Parameters
    ----------
    schema : pa.Schema
    sample : pa.Table
        Some rows of the reference; columns that it lacks are judged by type alone.
    roles : Roles
        What a person named; `roles.kinds` overrides the guess. Roles are never guessed here.

    Notes
    -----
    Nested and binary columns that nobody named get the role "ignored".
    """
    fixed = dict(roles.kinds)
    return tuple(_column(field, sample, roles, fixed.get(field.name)) for field in schema)


def _column(field: pa.Field, sample: pa.Table, roles: Roles, fixed: Kind | None) -> Column:
    name, role = field.name, _role(field.name, roles)
    values = sample.column(name) if name in sample.column_names else None
    kind = fixed or _named_kind(name, role, roles)
    if kind is None:
        kind = _guess(field.type, _head(values, field.type), role)
    if kind is None:
        return Column(name, "categorical", "ignored" if role == "feature" else role)
    return Column(name, kind, role)


def _role(name: str, roles: Roles) -> Role:
    if name in roles.ignore or name in roles.images:
        return "ignored"
    for role in ("timestamp", "id", "label", "prediction", "model_version"):
        if getattr(roles, role) == name:
            return role
    if name in roles.scores:
        return "score"
    return "segment" if name in roles.segments else "feature"


def _named_kind(name: str, role: Role, roles: Roles) -> Kind | None:
    if name in roles.embeddings:
        return "embedding"
    if name in roles.texts:
        return "text"
    kinds: dict[Role, Kind] = {
        "timestamp": "datetime",
        "score": "numeric",
        "segment": "categorical",
        "model_version": "categorical",
    }
    return kinds.get(role)


def _head(values: pa.ChunkedArray | None, kind: pa.DataType) -> pa.Array:
    """Some values that are not null, spread over the sample."""
    if values is None or len(values) == 0:
        return pa.nulls(0) if pa.types.is_dictionary(kind) else pa.nulls(0, kind)
    if len(values) > MAX_LOOK:
        at = np.linspace(0, len(values) - 1, MAX_LOOK).astype(np.int64)
        values = simple(values).take(array_of(at))
    return plain(whole(values)).drop_null()


def _guess(  # noqa: PLR0911 - one line a type
    kind: pa.DataType, values: pa.Array, role: Role
) -> Kind | None:
    """The kind, None for what cannot be profiled."""
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_boolean(kind):
        return "boolean"
    if types.is_null(kind):
        return "categorical"
    if types.is_timestamp(kind) or types.is_date(kind):
        return "datetime"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return _guess_number(kind, values, role)
    if types.is_time(kind) or types.is_duration(kind):
        return "numeric"
    if is_text(kind):
        return _guess_text(values, role)
    return _guess_list(kind, values)


def _guess_number(kind: pa.DataType, values: pa.Array, role: Role) -> Kind:
    outcome = role in {"label", "prediction"}
    limit = FEW_CLASSES if outcome else FEW_LEVELS
    whole = pa.types.is_integer(kind)
    if not whole and outcome and len(values):
        numbers = values_of(values.cast(pa.float64(), safe=False))
        numbers = numbers[~np.isnan(numbers)]
        whole = bool(np.all(numbers == np.rint(numbers)))
    distinct = pc.count_distinct(values).as_py()
    few = distinct <= 2 or (distinct <= limit and distinct <= len(values) / 2)
    return "categorical" if whole and few else "numeric"


def _guess_text(values: pa.Array, role: Role) -> Kind:
    distinct = values.unique().to_pylist()
    if not distinct or role in {"label", "prediction"}:
        return "categorical"
    if all(_is_time(text) for text in distinct[:200]):
        parsed = sum(map(_is_time, distinct))
        if parsed >= _PARSED * len(distinct):
            return "datetime"
    if len(distinct) > FEW_LEVELS and sum(map(_is_number, distinct)) >= _PARSED * len(distinct):
        return "numeric"
    share = len(distinct) / len(values)
    words = float(np.mean([len(text.split()) for text in distinct[:500]]))
    length = float(np.mean([len(text) for text in distinct[:500]]))
    free = share > 0.5 and len(distinct) > FEW_LEVELS and words >= 4 and length >= 20
    near_unique = share > _NEAR_UNIQUE and len(values) >= 200
    return "text" if free or near_unique or length > 200 else "categorical"


def _is_time(text: str) -> bool:
    if len(text) < 10 or text[4:5] != "-":
        return False
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    """A number as one writes it; leading zeros make it a code (a postcode)."""
    text = text.strip()
    digits = text.lstrip("+-")
    if not digits or "_" in text or (digits[0] == "0" and digits[1:2].isdigit()):
        return False
    try:
        float(text)
    except ValueError:
        return False
    return True


def _guess_list(kind: pa.DataType, values: pa.Array) -> Kind | None:
    types = pa.types
    if types.is_fixed_size_list(kind):
        long = kind.list_size >= LEAST_DIMENSIONS
        return "embedding" if types.is_floating(kind.value_type) and long else None
    if not (types.is_list(kind) or types.is_large_list(kind)):
        return None
    if not types.is_floating(kind.value_type) or not len(values):
        return None
    lengths = pc.list_value_length(values)
    ends = pc.min_max(lengths)
    same = ends["min"] == ends["max"] and ends["min"].as_py() >= LEAST_DIMENSIONS
    return "embedding" if same else None


def most_distinct(sample: pa.Table, columns: Sequence[Column], count: int) -> tuple[str, ...]:
    """The columns with the most distinct values, for a row key when there is no id."""
    ranked = []
    for at, column in enumerate(columns):
        if column.role == "ignored" or column.name not in sample.column_names:
            continue
        values = _head(sample.column(column.name), sample.schema.field(column.name).type)
        if column.kind == "embedding":
            ranked.append((-len(values) // 2, at, column.name))
            continue
        try:
            ranked.append((-pc.count_distinct(values).as_py(), at, column.name))
        except pa.ArrowNotImplementedError:
            ranked.append((0, at, column.name))
    return tuple(name for _, _, name in sorted(ranked)[:count])
