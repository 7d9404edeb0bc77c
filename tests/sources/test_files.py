"""Files of every format are one table: same schema, same rows, and every disagreement noted."""

from __future__ import annotations

import bz2
import gzip
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest
from pyarrow import csv, feather, ipc

from monitor.core.errors import (
    ColumnNotFoundError,
    DuplicateColumnError,
    EmptySourceError,
    SourceError,
    SourceInterruptedError,
    SourceNotFoundError,
    UnreadableSourceError,
)
from monitor.core.ports import Source
from monitor.core.window import Window
from monitor.sources.files import Files

START = datetime(2024, 1, 1, tzinfo=UTC)
TABLE = pa.table(
    {
        "id": pa.array(range(1000)),
        "ts": pa.array(
            [START + timedelta(hours=i) for i in range(1000)], pa.timestamp("us", "UTC")
        ),
        "x": pa.array([None if i % 10 == 0 else i / 4 for i in range(1000)]),
        "c": pa.array([["low", "mid", "high"][i % 3] for i in range(1000)]),
    }
)
DAY_TWO = Window(START + timedelta(days=1), START + timedelta(days=2))


def files(path, **options) -> Files:
    return Files(Files.Options(path=path, **options))


def read(source: Files, *args, **kwargs) -> tuple[pa.Table, list]:
    reading = source.open(*args, **kwargs)
    table = pa.Table.from_batches(reading.batches, reading.schema)
    return table, reading.notes


def plain(table: pa.Table) -> list[dict]:
    return table.to_pylist()


def write_jsonl(table, path, opener=open):
    with opener(path, "wt") as file:
        for row in table.to_pylist():
            file.write(json.dumps(row, default=lambda v: v.isoformat()) + "\n")


def write_csv(table, path, **options):
    csv.write_csv(table, path, csv.WriteOptions(**options))


def write_stream(table, path):
    with ipc.new_stream(path, table.schema) as sink:
        sink.write_table(table)


def write_compressed_csv(table, path):
    write_csv(table, path.with_suffix(".plain"))
    raw = path.with_suffix(".plain").read_bytes()
    packed = {
        ".gz": gzip.compress,
        ".bz2": bz2.compress,
        ".zst": lambda text: pa.compress(text, codec="zstd", asbytes=True),
    }
    path.write_bytes(packed[path.suffix](raw))


WRITERS = {
    "t.parquet": lambda table, path: pq.write_table(table, path, row_group_size=100),
    "t.feather": feather.write_feather,
    "t.arrow": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
    "t.arrows": write_stream,
    "t.csv": write_csv,
    "t.csv.gz": write_compressed_csv,
    "t.csv.bz2": write_compressed_csv,
    "t.csv.zst": write_compressed_csv,
    "t.tsv": lambda table, path: write_csv(table, path, delimiter="\t"),
    "semicolons.txt": lambda table, path: write_csv(table, path, delimiter=";"),
    "t.jsonl": write_jsonl,
    "t.ndjson.gz": lambda table, path: write_jsonl(table, path, gzip.open),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(name, tmp_path):
    WRITERS[name](TABLE, tmp_path / name)
    source = files(str(tmp_path / name))

    table, notes = read(source, timestamp="ts")
    day, _ = read(source, DAY_TWO, timestamp="ts")

    assert isinstance(source, Source)
    assert plain(table) == plain(TABLE)
    assert table.schema.field("ts").type == pa.timestamp("us", tz="UTC")
    assert day["id"].to_pylist() == list(range(24, 48))
    assert {note.kind for note in notes} <= {"time_as_text"}
    assert source.extent("ts") == (
        Window(START, START + timedelta(hours=999, microseconds=1)),
        1000,
    )


@pytest.mark.parametrize("name", WRITERS)
def test_a_sample_is_spread_over_the_whole(name, tmp_path):
    WRITERS[name](TABLE, tmp_path / name)

    sample = files(str(tmp_path / name)).sample(100)

    ids = sample["id"].to_numpy()
    assert sample.num_rows == 100
    assert np.all(np.diff(ids) > 0)
    # Ten rows of each hundred, give or take the ends.
    assert np.histogram(ids, 10, (0, 1000))[0] == pytest.approx(10, abs=2)


@pytest.mark.parametrize("group_rows", [50, 3_000, 100_000])
@pytest.mark.parametrize("rows", [100, 5_000])
def test_a_sample_of_parquet_is_complete_and_spread_whatever_the_row_groups(
    group_rows, rows, tmp_path
):
    table = pa.table({"x": np.arange(100_000)})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=group_rows)

    kept = files(str(tmp_path)).sample(rows)["x"].to_numpy()

    assert len(kept) == rows
    assert np.histogram(kept, 8, (0, 100_000))[0].min() >= rows / 16


def test_a_window_sample_holds_only_its_rows(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.parquet", row_group_size=100)

    sample = files(str(tmp_path)).sample(10, window=DAY_TWO, timestamp="ts")

    assert sample.num_rows == 10
    assert set(sample["id"].to_pylist()) <= set(range(24, 48))


def test_row_groups_outside_of_the_window_are_not_read(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(TABLE, path, row_group_size=100, compression="none", use_dictionary=False)
    last = pq.read_metadata(path).row_group(9).column(0)
    raw = bytearray(path.read_bytes())
    end = last.data_page_offset + last.total_compressed_size
    raw[last.data_page_offset : end] = b"\xff" * last.total_compressed_size
    path.write_bytes(raw)
    source = files(str(path))

    assert read(source, DAY_TWO, timestamp="ts")[0].num_rows == 24
    with pytest.raises(UnreadableSourceError, match=r"t\.parquet"):
        read(source)


def test_text_of_few_levels_is_read_as_categories_and_of_many_is_not(tmp_path):
    rows = 200_000
    table = pa.table(
        {
            "few": pa.array([f"level {i % 20}" for i in range(rows)]),
            "many": pa.array([f"user {i}" for i in range(rows)]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")

    schema = files(str(tmp_path)).open().schema

    assert schema.field("few").type == pa.dictionary(pa.int32(), pa.string())
    assert schema.field("many").type == pa.string()


def test_batches_are_large_whatever_the_row_groups(tmp_path):
    table = pa.table({"x": np.arange(300_000), "c": [f"c{i % 7}" for i in range(300_000)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=5_000)

    sizes = [batch.num_rows for batch in files(str(tmp_path)).open().batches]

    assert sum(sizes) == 300_000
    assert min(sizes[:-1]) >= 131_072


def test_wide_rows_come_in_batches_of_bounded_size(tmp_path):
    images = pa.array([b"\x00" * 100_000] * 2_000)
    pq.write_table(pa.table({"image": images}), tmp_path / "t.parquet", use_dictionary=False)

    sizes = [batch.nbytes for batch in files(str(tmp_path)).open().batches]

    assert len(sizes) >= 2
    assert max(sizes) < 150e6


HOSTILE = ["a.b", "a", 'quo"te', "it's", "sp ace", "select", "😀", "x" * 500, "", "a.b.c", "{{x}}"]


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.jsonl", "t.feather"])
def test_hostile_column_names_survive(name, tmp_path):
    table = pa.table({column: pa.array([i, i + 1]) for i, column in enumerate(HOSTILE)})
    WRITERS[name](table, tmp_path / name)
    source = files(str(tmp_path / name))

    whole, _ = read(source)
    one, _ = read(source, columns=["a.b"])

    expected = ["unnamed 9" if c == "" and name == "t.csv" else c for c in HOSTILE]
    assert whole.column_names == expected
    assert whole.to_pydict() == dict(zip(expected, table.to_pydict().values(), strict=True))
    assert one.to_pydict() == {"a.b": [0, 1]}


def test_nested_columns_do_not_shift_the_others(tmp_path):
    table = pa.table(
        {
            "s": pa.array([{"p": 1, "q": {"r": [1.0]}}]),
            "l": pa.array([[1, 2]]),
            "m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
            "e": pa.array([[0.5, 0.25]], pa.list_(pa.float32(), 2)),
            "x": pa.array([42]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")

    assert read(files(str(tmp_path)), columns=["x", "l"])[0].to_pydict() == {
        "x": [42],
        "l": [[1, 2]],
    }


def test_types_that_disagree_become_the_type_that_holds_both(tmp_path):
    small = {"i": pa.array([1], pa.int32()), "f": pa.array([1], pa.int64())}
    left = {**small, "s": pa.array(["a"], pa.large_string()), "t": pa.array([7]), "b": [True]}
    right = {
        "i": pa.array([2**40]),
        "f": pa.array([0.5]),
        "s": pa.array(["b"]).dictionary_encode(),
        "t": pa.array(["x"]),
        "b": pa.array([None], pa.null()),
    }
    pq.write_table(pa.table(left), tmp_path / "a.parquet")
    pq.write_table(pa.table(right), tmp_path / "b.parquet")

    table, notes = read(files(str(tmp_path)))

    assert table.to_pydict() == {
        "i": [1, 2**40],
        "f": [1.0, 0.5],
        "s": ["a", "b"],
        "t": ["7", "x"],
        "b": [True, None],
    }
    told = {note.column: note.message for note in notes if note.kind == "type_differs"}
    assert set(told) == {"i", "f", "t"}
    assert "b.parquet" in told["t"]
    assert "string" in told["t"]
    assert "int64" in told["t"]


def test_a_column_that_a_file_lacks_is_null_there(tmp_path):
    pq.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [3]}), tmp_path / "b.parquet")

    table, notes = read(files(str(tmp_path)))

    assert table["y"].to_pylist() == [2, None]
    assert [(note.kind, note.column) for note in notes] == [("column_missing_in_file", "y")]
    assert "b.parquet" in notes[0].message


def test_notes_are_bounded(tmp_path):
    pq.write_table(pa.table({f"x{i}": [1] for i in range(200)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({f"x{i}": ["t"] for i in range(200)}), tmp_path / "b.parquet")

    notes = read(files(str(tmp_path)))[1]

    assert len(notes) == 20
    assert "181 more" in notes[-1].message


def test_files_of_another_time_raise_no_notes_in_a_window(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    later = pa.table({"ts": pa.array([START + timedelta(days=90)]), "x": pa.array(["text"])})
    pq.write_table(later, tmp_path / "b.parquet")

    assert read(files(str(tmp_path)), DAY_TWO, timestamp="ts")[1] == []


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([date(2024, 1, 2), None]).cast(pa.timestamp("ns")), "time_without_zone"),
        (pa.array([date(2024, 1, 2), None]).cast(pa.timestamp("s")), "time_without_zone"),
        (pa.array([date(2024, 1, 2), None]), "time_without_zone"),
        (pa.array(["2024-01-02", None]), "time_as_text"),
        (pa.array(["2024-01-02T01:00:00+01:00", None]), "time_as_text"),
        (pa.array(["2024-01-02T00:00:00Z", None]).dictionary_encode(), "time_as_text"),
        (pa.array([START + timedelta(days=1), None], pa.timestamp("ms", "Asia/Tokyo")), None),
    ],
)
@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
def test_times_of_every_kind_are_understood(values, kind, name, tmp_path):
    WRITERS[name](pa.table({"ts": values, "x": [1, 2]}), tmp_path / name)
    source = files(str(tmp_path))
    moment = START + timedelta(days=1)

    table, notes = read(source, Window(moment, moment + timedelta(hours=1)), timestamp="ts")

    assert table.to_pydict() == {"ts": [moment], "x": [1]}
    assert ("time_missing" in {note.kind for note in notes}) is True
    assert kind is None or kind in {note.kind for note in notes}
    assert source.extent("ts")[0].start == moment
    assert read(source, timestamp="ts")[0].num_rows == 2


@pytest.mark.parametrize("dtype", [pa.int64(), pa.float64(), pa.int32()])
def test_numbers_are_times_only_when_the_config_says_so(dtype, tmp_path):
    seconds = pa.array([int(START.timestamp())]).cast(dtype)
    pq.write_table(pa.table({"ts": seconds}), tmp_path / "t.parquet")
    window = Window(START, START + timedelta(days=1))

    with pytest.raises(UnreadableSourceError, match="timestamp_unit"):
        files(str(tmp_path)).open(window, timestamp="ts")
    assert read(files(str(tmp_path), timestamp_unit="s"), window, timestamp="ts")[0].num_rows == 1


def test_times_of_another_form_need_the_form(tmp_path):
    (tmp_path / "t.csv").write_text("ts\n31.01.2024 06:00\n01.02.2024 06:00\n")
    window = Window(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 2, tzinfo=UTC))

    with pytest.raises(UnreadableSourceError, match="timestamp_format"):
        read(files(str(tmp_path)), window, timestamp="ts")
    source = files(str(tmp_path), timestamp_format="%d.%m.%Y %H:%M")
    assert read(source, window, timestamp="ts")[0].num_rows == 1


def test_a_few_texts_that_are_no_time_are_counted(tmp_path):
    (tmp_path / "t.csv").write_text("ts,x\n2024-01-02,1\nyesterday,2\n2024-01-02T05:00Z,3\n")

    table, notes = read(files(str(tmp_path)), DAY_TWO, timestamp="ts")

    assert table["x"].to_pylist() == [1, 3]
    assert {"unparsable_times", "time_as_text", "time_without_zone"} <= {n.kind for n in notes}
    assert "'yesterday'" in next(n.message for n in notes if n.kind == "unparsable_times")


def test_times_beyond_every_calendar_are_none(tmp_path):
    times = [0, 2**62, None, -(2**62)]
    pq.write_table(pa.table({"ts": pa.array(times, pa.timestamp("us"))}), tmp_path / "t.parquet")
    source = files(str(tmp_path))

    table, notes = read(source, timestamp="ts")

    assert table["ts"].to_pylist() == [datetime(1970, 1, 1, tzinfo=UTC), None, None, None]
    assert ("unparsable_times", 2) in {(note.kind, note.count) for note in notes}
    assert source.extent("ts")[0].start == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("encode", [False, True])
def test_bytes_that_are_no_utf_8_become_readable_text_and_are_counted(encode, tmp_path):
    raw = pa.array([b"good", b"b\xffd", None, "\u00fc".encode()])
    text = pa.StringArray.from_buffers(4, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0], 1)
    text = text.dictionary_encode() if encode else text
    pq.write_table(pa.table({"x": text}), tmp_path / "t.parquet", use_dictionary=encode)

    table, notes = read(files(str(tmp_path)))

    assert table["x"].to_pylist() == ["good", "b\ufffdd", None, "\u00fc"]
    assert [(note.kind, note.count) for note in notes] == [("broken_text", 1)]


def test_null_times_of_pruned_row_groups_are_counted_too(tmp_path):
    times = [START + timedelta(hours=i) if i % 10 else None for i in range(1000)]
    table = pa.table({"ts": pa.array(times, pa.timestamp("us", "UTC"))})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=50)

    notes = read(files(str(tmp_path)), DAY_TWO, timestamp="ts")[1]

    assert [(note.kind, note.count) for note in notes] == [("time_missing", 100)]


def test_csv_rows_that_do_not_parse_are_skipped_and_counted(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,2\n3\n4,5,6\n"7",8\n')

    table, notes = read(files(str(tmp_path)))

    assert table.to_pydict() == {"a": [1, 7], "b": [2, 8]}
    assert [(note.kind, note.count) for note in notes] == [("unparsable_rows", 2)]


def test_csv_values_may_hold_line_ends_quotes_and_delimiters(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"line one\nline two, ""quoted"""\n2,\n')

    assert read(files(str(tmp_path)))[0].to_pydict() == {
        "a": [1, 2],
        "b": ['line one\nline two, "quoted"', None],
    }


@pytest.mark.parametrize("times", [1, 2_000_000])
def test_a_quote_that_never_closes_costs_one_row(times, tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,"x\ny"\n3,"4\n' + "5,6\n" * times)

    table, notes = read(files(str(tmp_path)))

    assert table.num_rows == times + 1
    assert table["b"][0].as_py() == "x\ny"
    assert [(note.kind, note.count) for note in notes] == [("unparsable_rows", 1)]


def test_a_quote_inside_of_a_value_opens_nothing(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n1,5" pipe\n2,x\n')

    table, notes = read(files(str(tmp_path)))

    assert table["b"].to_pylist() == ['5" pipe', "x"]
    assert notes == []


def test_csv_without_text_in_it_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(bytes(range(256)) * 20)

    with pytest.raises(UnreadableSourceError, match="binary data"):
        files(str(tmp_path)).schema()


def test_json_lines_with_half_a_surrogate_pair_are_read(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": "\\ud800"}\n{"a": "x"}\n')

    assert read(files(str(tmp_path)))[0]["a"].to_pylist() == ["?", "x"]


def test_csv_with_decimal_commas_and_another_encoding(tmp_path):
    (tmp_path / "t.csv").write_bytes("größe;wert\nä;1,5\nß;2,25\n".encode("cp1252"))

    table, notes = read(files(str(tmp_path)))

    assert table.to_pydict() == {"größe": ["ä", "ß"], "wert": [1.5, 2.25]}
    assert [note.kind for note in notes] == ["encoding_guessed"]


def test_csv_in_utf_16_and_with_a_byte_order_mark(tmp_path):
    for encoding in ("utf-16", "utf-8-sig"):
        (tmp_path / "t.csv").write_bytes("a,b\n1,ü\n".encode(encoding))

        assert read(files(str(tmp_path)))[0].to_pydict() == {"a": [1], "b": ["ü"]}


def test_csv_options_are_followed(tmp_path):
    (tmp_path / "t.csv").write_text("made by a tool\n1|-|'x|y'\n2|3|z\n")
    options = {
        "delimiter": "|",
        "quote": "'",
        "header": False,
        "column_names": ["p", "q", "r"],
        "skip_rows": 1,
        "null_values": ["-"],
    }

    table, _ = read(files(str(tmp_path), csv=options))

    assert table.to_pydict() == {"p": [1, 2], "q": [None, 3], "r": ["x|y", "z"]}


def test_an_unknown_encoding_is_refused_with_the_config(tmp_path):
    with pytest.raises(pydantic.ValidationError, match="no encoding"):
        Files.Options(path="x", csv={"encoding": "utf-99"})


def test_a_csv_column_that_turns_to_text_is_read_as_text(tmp_path):
    lines = ["n"] + [str(i) for i in range(1_200_000)] + ["n/k"] * 3
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")

    table, notes = read(files(str(tmp_path)))

    assert table["n"].type == pa.string()
    assert table["n"][-1].as_py() == "n/k"
    assert table.num_rows == 1_200_003
    assert notes == [] or {note.kind for note in notes} == {"type_differs"}


@pytest.mark.slow
def test_a_late_value_that_no_piece_showed_is_missing_and_counted(tmp_path):
    block = "\n".join(f"{i},{i / 8},a{i}" for i in range(100_000))
    with (tmp_path / "t.csv").open("w") as file:
        file.write("i,f,s\n")
        for number in range(20):
            file.write(block + "\n")
            if number == 17:
                file.write("oops,oh,z\n9,9,9\n")
    source = files(str(tmp_path))

    table, notes = read(source)

    assert table.num_rows == 2_000_002
    assert table.schema == pa.schema({"i": pa.int64(), "f": pa.float64(), "s": pa.string()})
    assert table["i"].null_count == 1
    told = {note.column: (note.kind, note.count) for note in notes}
    assert told == {"i": ("unparsable_values", 1), "f": ("unparsable_values", 1)}
    ids = source.sample(1000)["i"].to_numpy(zero_copy_only=False)
    assert len(ids) == 1000


def test_json_lines_of_mixed_types_and_broken_lines_survive(tmp_path):
    lines = ['{"a": 1, "b": {"c": 1}}', '{"a": "x"}', "{broken", "[1]", "", '{"d": 2.5}']
    (tmp_path / "t.jsonl").write_text("\n".join(lines))

    table, notes = read(files(str(tmp_path)))

    assert table["a"].to_pylist() == ["1", "x", None]
    assert table["d"].to_pylist() == [None, None, 2.5]
    assert [(note.kind, note.count) for note in notes] == [("unparsable_rows", 2)]


def test_a_json_array_says_what_to_do(tmp_path):
    (tmp_path / "t.json").write_text('[{"a": 1}]')

    with pytest.raises(UnreadableSourceError, match="one object a line"):
        files(str(tmp_path)).schema()


@pytest.mark.parametrize("name", ["t.parquet", "t.feather"])
def test_two_columns_of_one_name_are_refused(name, tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    if name == "t.parquet":
        pq.write_table(table, tmp_path / name)
    else:
        with ipc.new_file(tmp_path / name, table.schema) as sink:
            sink.write_table(table)

    with pytest.raises(DuplicateColumnError, match="'a'"):
        files(str(tmp_path)).schema()


def test_two_columns_of_one_name_in_csv_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,a\n1,2,3\n")

    with pytest.raises(DuplicateColumnError, match="'a'"):
        files(str(tmp_path)).open()


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.csv.gz", "t.json", "t.arrows"])
def test_what_is_not_its_format_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"this is no such file\n" * 10)

    with pytest.raises(UnreadableSourceError, match=name):
        read(files(str(tmp_path)))


def test_a_truncated_file_is_named(tmp_path):
    for name in ("t.parquet", "t.csv.gz", "t.feather"):
        WRITERS[name](TABLE, tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UnreadableSourceError, match=name):
            read(files(str(tmp_path / name)))


def test_a_file_that_disappears_midway_is_named(tmp_path):
    for number in range(3):
        pq.write_table(TABLE, tmp_path / f"{number}.parquet")
    reading = files(str(tmp_path)).open()
    (tmp_path / "2.parquet").unlink()

    with pytest.raises(SourceInterruptedError, match=r"2\.parquet is gone"):
        list(reading.batches)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "t.csv"),
        (b"", "t.parquet"),
        (b"a,b\n", "t.csv"),
        (b"\n \n", "t.csv"),
        (b"", "t.jsonl"),
    ],
)
def test_nothing_in_it_is_an_error_of_its_own(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(EmptySourceError, match=name):
        files(str(tmp_path / name)).schema()


def test_a_parquet_file_without_rows_is_empty_too(tmp_path):
    pq.write_table(TABLE.slice(0, 0), tmp_path / "t.parquet")

    with pytest.raises(EmptySourceError):
        files(str(tmp_path)).sample(10)


def test_an_empty_file_among_others_is_a_note(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").touch()

    table, notes = read(files(str(tmp_path)))

    assert table.num_rows == 1000
    assert [note.kind for note in notes] == ["empty_file"]


def test_a_missing_column_is_named_with_those_there(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.parquet")

    with pytest.raises(ColumnNotFoundError, match="'nope'"):
        files(str(tmp_path)).open(columns=["nope"])
    with pytest.raises(ColumnNotFoundError, match="'nope'"):
        files(str(tmp_path)).extent("nope")


def test_a_window_without_a_timestamp_is_refused(tmp_path):
    pq.write_table(TABLE, tmp_path / "t.parquet")

    with pytest.raises(SourceError, match="needs a timestamp"):
        files(str(tmp_path)).open(DAY_TWO)


def test_flat_memory_over_many_rows(tmp_path):
    rng = np.random.default_rng(1)
    with pq.ParquetWriter(tmp_path / "t.parquet", pa.schema({"x": pa.float64()})) as writer:
        for _ in range(20):
            writer.write_table(pa.table({"x": rng.normal(size=200_000)}))
    before, peak = pa.total_allocated_bytes(), 0
    for batch in files(str(tmp_path)).open().batches:
        peak = max(peak, pa.total_allocated_bytes() - before)
        del batch

    assert peak < 12e6  # the whole is 32 MB


def test_no_such_place_says_so(tmp_path):
    for path in (tmp_path / "no.csv", tmp_path / "*.csv"):
        with pytest.raises(SourceNotFoundError, match="Correct the pa"):
            files(str(path)).schema()
