"""Files in an object store: only what a window needs is asked for, and failures are passing."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from monitor.core.errors import SourceError, SourceInterruptedError, SourceNotFoundError
from monitor.core.window import Window
from monitor.sources.files import Files

from .servers import free_port

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int) -> Window:
    start = START + timedelta(days=number)
    return Window(start, start + timedelta(days=1))


def rows(number: int) -> pa.Table:
    times = [START + timedelta(days=number, minutes=i) for i in range(1_440)]
    return pa.table(
        {
            "ts": pa.array(times, pa.timestamp("us", "UTC")),
            "x": pa.array([float(i) for i in range(1_440)]),
        }
    )


class Store:
    """A bucket behind a proxy that writes down what was asked for, and can refuse."""

    def __init__(self, address: str) -> None:
        self.bucket, self.asked, self.refuse = f"b{uuid.uuid4().hex}", [], False
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def passed_on(self) -> None:
                store.asked.append((self.command, self.path, self.headers.get("Range")))
                size = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(size)
                if store.refuse:
                    answer = httpx.Response(503, content=b"")
                else:
                    headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                    answer = httpx.request(
                        self.command, address + self.path, content=body, headers=headers
                    )
                self.send_response(answer.status_code)
                skipped = {"content-length", "transfer-encoding", "connection", "content-encoding"}
                for name, value in answer.headers.items():
                    if name.lower() not in skipped:
                        self.send_header(name, value)
                length = answer.headers.get("content-length", len(answer.content))
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.content)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = passed_on  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self.options = {
            "access_key": "me",
            "secret_key": "s3cret-word",
            "endpoint_override": f"http://127.0.0.1:{self.server.server_port}",
            "region": "us-east-1",
        }
        self.remote = fs.S3FileSystem(
            access_key="me", secret_key="s", endpoint_override=address, region="us-east-1",
            allow_bucket_creation=True,
        )  # fmt: skip
        self.remote.create_dir(self.bucket)

    def put(self, name: str, table: pa.Table) -> None:
        pq.write_table(table, f"{self.bucket}/{name}", filesystem=self.remote)

    def files(self, path: str, **options: object) -> Files:
        path = f"s3://{self.bucket}/{path}"
        return Files(Files.Options(path=path, storage_options=self.options, **options))

    def data_read(self) -> set[str]:
        return {
            path.split("?")[0].rsplit("/", 2)[-2]
            for verb, path, _ in self.asked
            if verb == "GET" and ".parquet" in path
        }


@pytest.fixture
def store(s3) -> Iterator[Store]:
    made = Store(s3)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


pytestmark = pytest.mark.service


def count(source: Files, *args, **kwargs) -> int:
    return sum(batch.num_rows for batch in source.open(*args, **kwargs).batches)


def test_a_window_of_a_hive_folder_reads_the_rows_of_its_partition_only(store):
    for number in range(4):
        store.put(f"lake/date={day(number).start:%Y-%m-%d}/part.parquet", rows(number))
    source = store.files("lake")
    assert source.schema().names == ["ts", "x", "date"]
    store.asked.clear()

    assert count(source, day(2), timestamp="date") == 1_440
    assert count(source, day(2), timestamp="ts") == 1_440

    assert store.data_read() == {"date%3D2024-01-03"}


def test_files_that_come_late_are_in_the_windows_of_their_rows(store):
    store.put("lake/a.parquet", rows(1))
    source = store.files("lake/*.parquet")
    assert count(source, day(1), timestamp="ts") == 1_440

    store.put("lake/late.parquet", rows(1).slice(0, 100))

    assert count(source, day(1), timestamp="ts") == 1_540
    assert source.extent("ts")[1] == 1_540


def test_a_file_that_is_written_anew_is_read_anew(store):
    store.put("lake/a.parquet", rows(1).slice(0, 10))
    source = store.files("lake/*.parquet")
    assert count(source) == 10

    store.put("lake/a.parquet", rows(1))

    assert count(source) == 1_440


def test_a_store_that_refuses_is_worth_another_try(store):
    store.put("lake/a.parquet", rows(1))
    source = Files(
        Files.Options(
            path=f"s3://{store.bucket}/lake/*.parquet",
            storage_options={**store.options, "request_timeout": 1.0, "connect_timeout": 1.0},
        )
    )
    reading = source.open()
    store.refuse = True

    with pytest.raises(SourceInterruptedError) as caught:
        list(reading.batches)
    assert "s3cret" not in str(caught.value)

    store.refuse = False
    assert count(source) == 1_440


def test_what_is_not_there_or_not_allowed_is_said(store):
    with pytest.raises(SourceNotFoundError, match="nothing at"):
        store.files("nowhere/x.parquet").schema()
    with pytest.raises(SourceError):
        Files(
            Files.Options(
                path="s3://no-such-bucket-here/x/*.parquet", storage_options=store.options
            )
        ).schema()


@pytest.fixture
def nothing_there() -> Iterator[tuple[int, list[str]]]:
    """A server that has nothing, and the addresses that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def absent(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.send_header("x-ms-error-code", "ContainerNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = absent  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", free_port()), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def test_google_and_azure_are_asked_at_the_place_that_the_options_name(nothing_there):
    port, asked = nothing_there
    for scheme, options in (
        ("gs", {"anonymous": True, "scheme": "http", "endpoint_override": f"127.0.0.1:{port}"}),
        (
            "az",
            {
                "account_name": "me",
                "account_key": "czNjcmV0",
                "blob_storage_scheme": "http",
                "blob_storage_authority": f"127.0.0.1:{port}",
                "dfs_storage_scheme": "http",
                "dfs_storage_authority": f"127.0.0.1:{port}",
            },
        ),
    ):
        asked.clear()
        place = Files.Options(path=f"{scheme}://shop/x.parquet", storage_options=options)
        with pytest.raises(SourceNotFoundError, match=f"nothing at {scheme}://shop/x.parquet"):
            Files(place).schema()
        assert any("shop" in path for path in asked)
    with pytest.raises(SourceError, match="account_name"):
        Files(Files.Options(path="az://shop/x.parquet")).schema()
