"""Windows one after the other: each row is read once, and each window is what it would be alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.core.ports import Reading
from monitor.core.window import Window
from monitor.sources.files import Files
from monitor.sources.frame import Frame
from monitor.sources.readers.delimited import CsvReader
from monitor.sources.readers.parquet import ParquetReader
from monitor.steps.ahead import Ahead

START = datetime(2023, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURS = [Window(START + at * HOUR, START + (at + 1) * HOUR) for at in range(8760)]
GROUP = 5_000


def year(rows: int, hours: int = 8760, *, ordered: bool = True) -> pa.Table:
    rng = np.random.default_rng(4)
    micros = rng.integers(0, hours * 3_600_000_000, rows)
    micros = np.sort(micros) if ordered else micros
    times = np.datetime64("2023-01-01", "us") + micros.astype("timedelta64[us]")
    words = pa.array(rng.choice(["a", "b", "c"], rows))
    return pa.table({"ts": pa.array(times, pa.timestamp("us", "UTC")), "n": micros, "g": words})


class Decoded:
    """Counts the rows that a reader decodes."""

    def __init__(self, monkeypatch, reader, method) -> None:
        self.rows = 0
        known = getattr(reader, method)

        def counting(*arguments):
            for batch in known(*arguments):
                self.rows += batch.num_rows
                yield batch

        monkeypatch.setattr(reader, method, counting)


def rows_of(reading: Reading) -> list[int]:
    return [n for batch in reading.batches for n in batch.column(0).to_pylist()]


def asked(source, windows, columns=("n", "g")) -> list[list[int]]:
    return [rows_of(source.open(w, timestamp="ts", columns=list(columns))) for w in windows]


def test_a_year_of_hours_reads_each_row_once(tmp_path, monkeypatch):
    table = year(60_000)
    pq.write_table(table, tmp_path / "year.parquet", row_group_size=GROUP)
    decoded = Decoded(monkeypatch, ParquetReader, "_read")
    ahead = Ahead(Files(Files.Options(path=str(tmp_path / "year.parquet"))), HOURS)

    found = asked(ahead, HOURS)

    assert sum(map(len, found)) == 60_000
    micros = table.column("n").to_numpy()
    ends = np.searchsorted(micros, np.arange(8761) * 3_600_000_000)
    assert [len(rows) for rows in found] == np.diff(ends).tolist()
    assert decoded.rows <= 60_000 + 6 * GROUP  # passes of 16, 64, 256 … windows meet in a group


def test_a_file_that_cannot_be_pruned_is_read_a_few_times_and_not_for_each_window(
    tmp_path, monkeypatch
):
    table = year(4_000, 24 * 40, ordered=False)
    text = "\n".join(
        ["ts,n,g", *(f"{r['ts'].isoformat()},{r['n']},{r['g']}" for r in table.to_pylist())]
    )
    (tmp_path / "days.csv").write_text(text)
    decoded = Decoded(monkeypatch, CsvReader, "batches")
    windows = HOURS[: 24 * 40]

    found = asked(Ahead(Files(Files.Options(path=str(tmp_path / "days.csv"))), windows), windows)

    assert sum(map(len, found)) == 4_000
    assert decoded.rows <= 5 * 4_000


@settings(max_examples=20, deadline=None)
@given(
    st.permutations(range(10)),
    st.integers(1, 40_000),
    st.integers(2, 12),
    st.booleans(),
)
def test_whatever_fits_each_window_is_what_it_would_be_alone(order, room, many, ordered):
    source = Frame(year(600, 10, ordered=ordered), "rows")
    ahead = Ahead(source, HOURS[:10], room=room, many=many)
    windows = [HOURS[at] for at in order]

    assert asked(ahead, windows) == asked(source, windows)


def test_a_window_that_is_asked_for_again_is_read_again():
    source = Frame(year(100, 4), "rows")
    ahead = Ahead(source, HOURS[:4])

    assert asked(ahead, [HOURS[1], HOURS[1], HOURS[0]]) == asked(
        source, [HOURS[1], HOURS[1], HOURS[0]]
    )
    assert rows_of(ahead.open(columns=["n"])) == rows_of(source.open(columns=["n"]))


def test_what_a_source_says_of_some_rows_is_said_of_their_window(tmp_path):
    table = year(400, 4)
    pq.write_table(table.slice(0, 200), tmp_path / "1.parquet")
    other = table.slice(200).set_column(1, "n", table.column("n").slice(200).cast(pa.float64()))
    pq.write_table(other, tmp_path / "2.parquet")
    source = Files(Files.Options(path=str(tmp_path / "*.parquet")))
    ahead = Ahead(source, HOURS[:4])

    for window in HOURS[:4]:
        readings = [one.open(window, timestamp="ts", columns=["n"]) for one in (ahead, source)]
        rows = [rows_of(reading) for reading in readings]
        assert rows[0] == rows[1]
        assert readings[0].notes == readings[1].notes


def test_a_broken_file_breaks_its_own_window_only(tmp_path):
    table = year(400, 4)
    half = int(np.searchsorted(table.column("n").to_numpy(), 2 * 3_600_000_000))
    pq.write_table(table.slice(0, half), tmp_path / "1.parquet")
    path = tmp_path / "2.parquet"
    pq.write_table(table.slice(half), path, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[4:600] = b"\xff" * 596
    path.write_bytes(data)
    ahead = Ahead(Files(Files.Options(path=str(tmp_path / "*.parquet"))), HOURS[:4])

    assert len(asked(ahead, HOURS[:2])[1]) > 0
    with pytest.raises(Exception, match=r"2\.parquet"):
        asked(ahead, [HOURS[2]])
