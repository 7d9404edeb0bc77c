"""Folders, globs, lists and URLs; what is hidden or no data stays out, and is named."""

from __future__ import annotations

import functools
import http.server
import threading

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.core.errors import SourceNotFoundError, UnreadableSourceError
from monitor.sources.files import Files


def files(*path, base=".", **options) -> Files:
    return Files(Files.Options(path=path, **options), base)


def xs(source: Files) -> list[int]:
    return [x for batch in source.open().batches for x in batch.column("x").to_pylist()]


@pytest.fixture
def folder(tmp_path):
    for name, x in {
        "part-10.parquet": 10,
        "part-2.parquet": 2,
        "deep/down/part-3.parquet": 3,
        ".hidden.parquet": -1,
        "_temporary/part-4.parquet": -1,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [x]}), tmp_path / name)
    (tmp_path / "_SUCCESS").touch()
    return tmp_path


def test_a_folder_is_read_whole_in_natural_order_without_what_is_hidden(folder):
    assert xs(files(str(folder))) == [3, 2, 10]


def test_relative_paths_start_from_the_base(folder):
    assert xs(files("part-2.parquet", base=folder)) == [2]
    assert files("part-2.parquet", base=folder).describe() == "files part-2.parquet"


def test_globs_lists_and_file_urls(folder):
    assert xs(files("part-*.parquet", base=folder)) == [2, 10]
    assert xs(files("**/part-3.parquet", base=folder)) == [3]
    assert xs(files("part-10.parquet", "part-2.parquet", base=folder)) == [10, 2]
    assert xs(files("part-*.parquet", "part-2.parquet", base=folder)) == [2, 10]
    assert xs(files((folder / "part-2.parquet").as_uri())) == [2]


def test_a_name_with_brackets_is_no_pattern_where_it_exists(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "data[1] 100%.parquet")

    assert xs(files("data[1] 100%.parquet", base=tmp_path)) == [1]


def test_what_is_no_data_is_noted(folder):
    (folder / "README.md").write_text("about")

    reading = files(str(folder)).open()

    assert [note.kind for note in reading.notes] == ["file_ignored"]
    assert "README.md" in reading.notes[0].message


def test_a_folder_of_several_formats_needs_one_named(folder):
    (folder / "x.csv").write_text("x\n7\n")

    with pytest.raises(UnreadableSourceError, match="1 csv, 3 parquet"):
        files(str(folder)).schema()
    assert xs(files(str(folder), format="csv")) == [7]


def test_a_folder_without_data_says_so(tmp_path):
    (tmp_path / "README.md").write_text("about")

    with pytest.raises(SourceNotFoundError, match="holds no Parquet"):
        files(str(tmp_path)).schema()


def test_files_without_an_ending_are_known_by_their_content(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a")
    (tmp_path / "b").write_text("x,y\n2,3\n")
    (tmp_path / "c").write_text('{"x": 4}\n')
    (tmp_path / "d").write_bytes(b"\x89PNG\x00\x00")

    assert [xs(files(str(tmp_path / name))) for name in "abc"] == [[1], [2], [4]]
    with pytest.raises(UnreadableSourceError, match="no file of a known format"):
        files(str(tmp_path / "d")).schema()


def test_folders_named_key_value_are_columns(tmp_path):
    for day, part in (("2024-01-01", "1"), ("2024-01-02", "2")):
        target = tmp_path / f"day={day}" / f"n={part}"
        target.mkdir(parents=True)
        pq.write_table(pa.table({"x": [int(part)]}), target / "p.parquet")

    source = files(str(tmp_path))
    table = pa.Table.from_batches(source.open().batches)
    window = source.extent("day")[0]

    assert table.to_pydict() == {"x": [1, 2], "day": ["2024-01-01", "2024-01-02"], "n": [1, 2]}
    assert window.start.isoformat() == "2024-01-01T00:00:00+00:00"
    assert source.open(window, timestamp="day").batches.__next__().num_rows == 2
    assert files(str(tmp_path), hive=False).schema().names == ["x"]


def test_new_files_are_seen_and_known_ones_are_not_opened_again(folder):
    source = files(str(folder / "part-*.parquet"))
    assert xs(source) == [2, 10]
    before = source._parts()[0][0].reader

    pq.write_table(pa.table({"x": [11]}), folder / "part-11.parquet")

    assert xs(source) == [2, 10, 11]
    assert source._parts()[0][0].reader is before


def test_many_files_are_opened(tmp_path):
    for number in range(40):
        pq.write_table(pa.table({"x": [number]}), tmp_path / f"{number}.parquet")

    assert xs(files(str(tmp_path))) == list(range(40))
    assert sorted(files(str(tmp_path)).sample(40)["x"].to_pylist()) == list(range(40))


@pytest.fixture
def server(folder):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_url_is_read(server, folder, capfd):
    (folder / "t.csv").write_text("x\n5\n")

    assert xs(files(f"{server}/part-2.parquet?token=secret")) == [2]
    assert xs(files(f"{server}/t.csv")) == [5]
    assert "secret" not in files(f"{server}/part-2.parquet?token=secret").describe()


def test_a_url_that_is_not_there_is_named_without_its_secrets(server):
    with pytest.raises(SourceNotFoundError) as caught:
        files(f"{server.replace('//', '//me:pw@')}/no.parquet?token=secret").schema()

    assert "no.parquet" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.fixture
def memory(folder):
    filesystem = fsspec.filesystem("memory")
    filesystem.put(str(folder), "/bucket", recursive=True)
    yield "memory://bucket"
    filesystem.rm("/bucket", recursive=True)


def test_folders_and_globs_far_away(memory):
    assert xs(files(memory)) == [3, 2, 10]
    assert xs(files(f"{memory}/part-*.parquet")) == [2, 10]
    assert xs(files(f"{memory}/**/part-3.parquet")) == [3]
    assert xs(files(f"{memory}/part-2.parquet")) == [2]
    with pytest.raises(SourceNotFoundError):
        files(f"{memory}/no.parquet").schema()
    with pytest.raises(SourceNotFoundError):
        files(f"{memory}/no-*.parquet").schema()


def test_an_unknown_scheme_is_named():
    with pytest.raises(UnreadableSourceError, match="storage_options"):
        files("nosuch://x/y.parquet").schema()
