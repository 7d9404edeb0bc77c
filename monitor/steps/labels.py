"""Labels that come later and from elsewhere, joined to the rows by id while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.errors import ColumnNotFoundError, ConfigError
from monitor.core.ports import Note, Reading, Source, Spread


@dataclass(frozen=True, slots=True)
class Labels:
    """Every label known today: `ids[i]` has `values[i]`. The last label of an id counts."""

    name: str  #: the label column that the rows get
    id: str
    ids: pa.Array  #: strings, unique
    values: pa.Array
    repeated: int  #: labels that a later one of the same id replaced


def load(
    source: Source,
    *,
    id_column: str | None,
    label: str | None,
    id_there: str | None = None,
    label_there: str | None = None,
) -> Labels:
    """Read all labels of a source.

    Parameters
    ----------
    id_column, label : names in the rows, as [monitors.columns] has them.
    id_there, label_there : names in the labels, where they are other ones.

    Raises
    ------
    ConfigError
        `[monitors.columns]` names no id or no label: nothing to join by, or nothing to join.
    ColumnNotFoundError
        The labels have no such column.
    """
    if id_column is None or label is None:
        msg = "[monitors.labels] is joined by id, so [monitors.columns] must name `id` and `label`."
        raise ConfigError(msg)
    key, value = id_there or id_column, label_there or label
    names = source.schema().names
    for role, column in (("id", key), ("label", value)):
        if column not in names:
            raise ColumnNotFoundError(column, source.describe(), names, f"labels.{role}")
    reading = source.open(columns=[key, value])
    table = pa.Table.from_batches(list(reading.batches), schema=reading.schema)
    ids = _as_key(table.column(key).combine_chunks())
    known = table.num_rows
    # The last one wins: index_in finds the first, so the table is turned round before.
    order = pa.array(range(known - 1, -1, -1), type=pa.int64())
    unique = pc.unique(ids.take(order))
    position = pc.subtract(known - 1, pc.index_in(unique, value_set=ids.take(order)))
    values = table.column(value).combine_chunks().take(position)
    return Labels(label, id_column, unique, values, known - len(unique))


def join(reading: Reading, labels: Labels) -> Reading:
    """The same rows, with the label column (replaced where the rows had one already)."""
    schema = _schema_with(reading.schema, labels)
    notes = reading.notes
    if labels.repeated:
        text = f"{labels.repeated:,} labels were replaced by a later label of the same id."
        notes.append(Note("labels_repeated", text, labels.name, labels.repeated))
    joined = _joined(reading.batches, labels, schema)
    spread = None if reading.spread is None else partial(_spread, reading.spread, labels, schema)
    return Reading(schema, joined, notes, reading.rows_hint, spread)


def _spread(
    rows: Callable[[int | None], Spread], labels: Labels, schema: pa.Schema, wanted: int | None
) -> Spread:
    """The same on a cluster: the labels travel to the tasks."""
    shared = rows(wanted)

    def batches(given: Iterator[pa.RecordBatch], told: list[str]) -> Iterator[pa.RecordBatch]:
        return _joined(shared_batches(given, told), labels, schema)

    shared_batches = shared.batches
    return replace(shared, batches=batches)


def _joined(
    batches: Iterator[pa.RecordBatch], labels: Labels, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    place = schema.get_field_index(labels.name)
    for batch in batches:
        keys = _as_key(batch.column(batch.schema.get_field_index(labels.id)))
        found = labels.values.take(pc.index_in(keys, value_set=labels.ids))
        arrays = [
            found if index == place else batch.column(batch.schema.get_field_index(name))
            for index, name in enumerate(schema.names)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _schema_with(schema: pa.Schema, labels: Labels) -> pa.Schema:
    field = pa.field(labels.name, labels.values.type)
    place = schema.get_field_index(labels.name)
    return schema.append(field) if place < 0 else schema.set(place, field)


def _as_key(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Ids as strings, so that 7 joins "7" whatever the files made of it."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())
