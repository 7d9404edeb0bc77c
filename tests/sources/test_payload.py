"""Payloads that lie about their size, their depth or their form are refused, cheaply."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from monitor.core.errors import BatchRefusedError
from monitor.sources.payload import kind_of, parse

LIMITS = {"max_bytes": 64 << 20, "max_rows": 100_000, "max_columns": 200}
TABLE = pa.table({"id": [1, 2, 3], "c": ["a", None, "🙂"], "e": [[1.0, 2.0], None, []]})


def stream(table: pa.Table, **options) -> bytes:
    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def lines(*rows) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.fixture
def read(tmp_path):
    def parsed(data: bytes, kind: str = "arrow", **limits) -> pa.Table:
        path = tmp_path / "payload"
        path.write_bytes(data)
        return parse(path, kind, **{**LIMITS, **limits})

    return parsed


def refusal(read, *args, **kwargs) -> BatchRefusedError:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BatchRefusedError) as caught:
        read(*args, **kwargs)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000, "a payload that is refused took more than 300 MB"
    assert str(caught.value).endswith(".")
    return caught.value


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_arrow_streams_are_read_compressed_or_not(read, compression):
    table = pa.table(
        {**{n: TABLE[n] for n in TABLE.column_names}, "d": TABLE["c"].dictionary_encode()}
    )

    assert read(stream(table, compression=compression)) == table


def test_json_lines_are_read(read):
    rows = [{"id": 1, "c": "a"}, {"id": 2, "c": None, "x": [1.5]}]

    assert read(lines(*rows), "jsonl").to_pylist() == [{**rows[0], "x": None}, rows[1]]


def test_a_stream_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(read):
    bomb = stream(pa.table({"x": np.zeros(50_000_000, dtype=np.int64)}), compression="zstd")

    assert len(bomb) < 1 << 20
    assert refusal(read, bomb, max_rows=10**9).status == 413


def test_a_stream_that_lies_about_the_size_of_a_buffer_is_refused(read):
    data = bytearray(stream(pa.table({"x": np.arange(5_000)}), compression="zstd"))
    size = struct.pack("<q", 40_000)
    place = data.index(size, data.index(b"\x28\xb5\x2f\xfd") - 8)

    data[place : place + 8] = struct.pack("<q", 1 << 50)
    assert refusal(read, bytes(data)).status == 413
    data[place : place + 8] = struct.pack("<q", -7)
    assert refusal(read, bytes(data)).status == 400


def test_rows_that_take_no_bytes_are_counted(read):
    many = pa.RecordBatch.from_arrays([pa.nulls(10**9)], ["n"])
    inside = pa.FixedSizeListArray.from_arrays(pa.nulls(10**9), 10**6)

    assert refusal(read, stream(pa.Table.from_batches([many]))).status == 413
    assert refusal(read, stream(pa.table({"n": inside}))).status == 413


def test_offsets_that_point_outside_are_refused(read):
    good = stream(pa.table({"c": ["aaaa", "bbbb"]}))
    place = good.index(struct.pack("<iii", 0, 4, 8))

    bad = good[:place] + struct.pack("<iii", 0, 4, 1 << 30) + good[place + 12 :]

    assert refusal(read, bad).status == 400


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1}\n[1, 2]\n', "Line 2"),
        (b'{"a": 1}\n{"a": \n', "Line 2"),
        (b"\xff\xfe\x00", "Line 1"),
        (b'{"a": ' + b"[" * 100_000, "Line 1"),
        (b'{"a": ' + b"[" * 500 + b"]" * 500 + b"}", "nested"),
        (b'{"a": 1, "a": 2}', "twice|one name|duplicate|no table"),
        (b'{"a": 1}\n{"a": {"b": 2}}', "no table"),
        (b"", "no column"),
        (b"{}\n{}", "no column"),
        (lines({"n" * 1_001: 1}), "1000 characters"),
    ],
)
def test_json_that_is_no_table_is_refused_with_the_reason(read, data, said):
    error = refusal(read, data, "jsonl")

    assert error.status == 400
    assert any(part in str(error) for part in said.split("|"))


def test_json_that_becomes_too_wide_or_too_long_is_refused(read):
    wide = lines(*({f"k{i}": i} for i in range(50_000)))
    paths = lines(
        *({"a": {c: {d: {"x": 1}}}} for c in "abcdefghijklmno" for d in "abcdefghijklmno")
    )
    sparse = lines({f"k{i}": 1 for i in range(200)}, *({} for _ in range(90_000)))

    assert refusal(read, wide, "jsonl").status == 413
    assert refusal(read, paths, "jsonl").status == 413
    assert refusal(read, sparse, "jsonl").status == 413
    assert refusal(read, lines(*({"a": 1} for _ in range(11))), "jsonl", max_rows=10).status == 413


def test_names_that_are_there_twice_are_refused(read):
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])

    assert "'a'" in str(refusal(read, stream(twice)))


def test_a_body_that_claims_more_than_was_sent_is_refused_before_memory_is_asked_for(read):
    data = stream(TABLE)
    message = data.index(b"\xff\xff\xff\xff", 8)  # the second one: a batch
    head = message + 8
    root = head + int.from_bytes(data[head : head + 4], "little")
    vtable = root - int.from_bytes(data[root : root + 4], "little", signed=True)
    at = root + int.from_bytes(data[vtable + 10 : vtable + 12], "little")  # field 3: bodyLength

    with pytest.raises(BatchRefusedError, match="ends too early"):
        read(data[:at] + (1 << 60).to_bytes(8, "little") + data[at + 8 :])


def test_other_media_types_are_refused():
    assert kind_of("Application/X-NDJSON; charset=utf-8") == "jsonl"
    assert kind_of("application/vnd.apache.arrow.stream") == "arrow"
    for other in ("", "text/csv", "application/json", "application/vnd.apache.arrow.file"):
        with pytest.raises(BatchRefusedError) as caught:
            kind_of(other)
        assert caught.value.status == 415


BASE = stream(TABLE, compression="zstd")


@settings(
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, len(BASE) - 1), st.binary(min_size=1, max_size=8)), max_size=4
    ),
    cut=st.integers(0, len(BASE)),
)
def test_no_bytes_do_more_than_be_refused(read, changes, cut):
    data = bytearray(BASE)
    for place, new in changes:
        data[place : place + len(new)] = new
    with contextlib.suppress(BatchRefusedError):
        read(bytes(data[:cut] if cut % 3 else data)).validate(full=True)
