import pyarrow as pa
import pytest

from monitor.core.errors import ColumnNotFoundError, ConfigError
from monitor.core.ports import Reading
from monitor.steps import labels


class Tables:
    """A source at the port, over a table in memory."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def describe(self) -> str:
        return "a table"

    def schema(self) -> pa.Schema:
        return self.table.schema

    def open(self, window=None, *, timestamp=None, columns=None) -> Reading:
        table = self.table.select(columns) if columns else self.table
        return Reading(table.schema, iter(table.to_batches()))


def joined(rows: pa.Table, known: pa.Table) -> pa.Table:
    loaded = labels.load(Tables(known), id_column="id", label="y")
    reading = labels.join(Reading(rows.schema, iter(rows.to_batches(max_chunksize=2))), loaded)
    return pa.Table.from_batches(list(reading.batches), schema=reading.schema)


def test_labels_are_joined_by_id_and_the_rest_is_null():
    rows = pa.table({"id": [3, 1, 2], "x": [0.3, 0.1, 0.2]})
    known = pa.table({"id": ["1", "3"], "y": ["cat", "dog"]})

    assert joined(rows, known).column("y").to_pylist() == ["dog", "cat", None]


def test_the_last_label_of_an_id_counts_and_the_others_are_said():
    rows = pa.table({"id": [1]})
    known = pa.table({"id": [1, 2, 1], "y": [0, 5, 1]})
    loaded = labels.load(Tables(known), id_column="id", label="y")
    reading = labels.join(Reading(rows.schema, iter(rows.to_batches())), loaded)

    assert next(reading.batches).column("y").to_pylist() == [1]
    assert [(note.kind, note.count) for note in reading.notes] == [("labels_repeated", 1)]


def test_a_label_column_in_the_rows_is_replaced():
    rows = pa.table({"y": ["old", "old"], "id": pa.array(["1", "2"]).dictionary_encode()})
    known = pa.table({"id": [2], "y": ["new"]})

    assert joined(rows, known).to_pydict() == {"y": [None, "new"], "id": ["1", "2"]}


def test_no_labels_yet_is_no_error():
    rows = pa.table({"id": [1, 2]})
    known = pa.table({"id": pa.array([], pa.int64()), "y": pa.array([], pa.string())})

    assert joined(rows, known).column("y").to_pylist() == [None, None]


def test_labels_without_an_id_are_a_config_error():
    with pytest.raises(ConfigError, match="joined by id"):
        labels.load(Tables(pa.table({"y": [1]})), id_column=None, label="y")


def test_a_missing_label_column_is_named():
    with pytest.raises(ColumnNotFoundError, match="'y'"):
        labels.load(Tables(pa.table({"id": [1]})), id_column="id", label="y")
