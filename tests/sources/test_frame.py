"""Any table in memory is a source."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from monitor.core.errors import (
    ColumnNotFoundError,
    DuplicateColumnError,
    EmptySourceError,
    UnreadableSourceError,
)
from monitor.core.ports import Source
from monitor.core.window import Window
from monitor.sources.frame import Frame

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
COLUMNS = {
    "ts": [START + dt.timedelta(hours=i) for i in range(100)],
    "x": [float(i) for i in range(100)],
    "c": ["a", "b"] * 50,
}


class Capsule:
    """A foreign table that speaks only the Arrow PyCapsule protocol."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


MAKERS = {
    "pandas": pd.DataFrame,
    "pandas nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas pyarrow": lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
    "batch": pa.RecordBatch.from_pydict,
    "reader": lambda columns: pa.table(columns).to_reader(),
    "capsule": lambda columns: Capsule(pa.table(columns)),
    "dict": dict,
}


def read(source, *args, **kwargs):
    reading = source.open(*args, **kwargs)
    return pa.Table.from_batches(reading.batches, reading.schema), reading.notes


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_of_table_gives_the_same_rows(name):
    source = Frame(MAKERS[name](COLUMNS))
    window = Window(START + dt.timedelta(hours=10), START + dt.timedelta(hours=20))

    table, notes = read(source, timestamp="ts")

    assert isinstance(source, Source)
    assert table.to_pydict() == COLUMNS
    assert source.schema().field("c").type == pa.string()
    assert notes == []
    assert read(source, window, timestamp="ts")[0]["x"].to_pylist() == list(range(10, 20))
    assert source.sample(10)["x"].to_pylist() == list(range(0, 100, 11))
    assert source.sample(3, window=window, timestamp="ts").num_rows == 3
    assert source.extent("ts")[0].start == START


def test_pandas_columns_of_mixed_types_become_text_with_a_note():
    frame = pd.DataFrame({"m": [1, "a", None, {"k": 1}], "x": [1.0, np.nan, 2.0, np.inf]})

    table, notes = read(Frame(frame))

    assert table["m"].to_pylist() == ["1", "a", None, '{"k": 1}']
    assert table["x"].to_pylist() == [1.0, None, 2.0, np.inf]
    assert [(note.kind, note.column) for note in notes] == [("type_differs", "m")]


def test_pandas_categories_labels_and_indexes():
    frame = pd.DataFrame(
        {0: pd.Categorical(["a", "b"]), ("p", 1): [1, 2]},
        index=pd.date_range("2024-01-01", periods=2),
    )

    table, _ = read(Frame(frame))

    assert table.column_names == ["0", "p_1", "index"]
    assert pa.types.is_dictionary(table.schema.field("0").type)
    assert pa.types.is_timestamp(table.schema.field("index").type)


def test_embeddings_in_frames():
    vectors = list(np.arange(12, dtype=np.float32).reshape(4, 3))

    pandas, _ = read(Frame(pd.DataFrame({"e": vectors})))
    polars, _ = read(Frame(pl.DataFrame({"e": np.arange(12.0).reshape(4, 3)})))

    assert pandas["e"].to_pylist() == polars["e"].to_pylist() == [v.tolist() for v in vectors]


def test_polars_enums_stay_categories():
    frame = pl.DataFrame({"c": pl.Series(["a", "b"], dtype=pl.Categorical)})

    assert read(Frame(frame))[0]["c"].type == pa.dictionary(pa.int32(), pa.string())


@pytest.mark.parametrize("data", [None, 5, "x.csv", [1, 2], {"a": [1], "b": [1, 2]}])
def test_what_is_no_table_is_refused(data):
    with pytest.raises(UnreadableSourceError, match="the frame"):
        Frame(data)


def test_empty_and_ambiguous_tables_are_refused():
    with pytest.raises(EmptySourceError):
        Frame(pd.DataFrame({"x": []}))
    with pytest.raises(DuplicateColumnError):
        Frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ColumnNotFoundError):
        Frame({"x": [1]}).open(columns=["y"])
