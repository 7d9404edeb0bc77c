"""Services post batches to a real server; each is stored once, whole, and bounded."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from pyarrow import ipc

from monitor.config import load
from monitor.core.errors import BatchRefusedError, ConfigError
from monitor.pipeline import Pipeline
from monitor.sources import spool as spools
from monitor.store.store import Store
from monitor.web.app import create_app

from .makers import build
from .servers import free_port

TOKEN = "a-token-that-nobody-guesses"
CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "http"
folder = "inbox"
token = "${INBOX_TOKEN}"
max_bytes = 20000
max_rows = 500
max_columns = 20
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"

[[monitors]]
name = "pulled"
window = "1d"
[monitors.source]
kind = "files"
path = "data.csv"
[monitors.reference]
path = "data.csv"

[[monitors]]
name = "closed"
window = "1d"
[monitors.source]
kind = "http"
folder = "closed"
"""
ARROW = "application/vnd.apache.arrow.stream"
LINES = "application/x-ndjson"
START = datetime(2024, 1, 1, tzinfo=UTC)


def table(day: int, rows: int = 96) -> pa.Table:
    times = [START + timedelta(days=day, minutes=15 * i) for i in range(rows)]
    return pa.table(
        {
            "id": [f"{day}-{i}" for i in range(rows)],
            "ts": pa.array(times, pa.timestamp("us", "UTC")),
            "x": [float((i * 7 + day) % 13) for i in range(rows)],
        }
    )


def arrow(batch: pa.Table) -> bytes:
    sink = io.BytesIO()
    with ipc.new_stream(sink, batch.schema) as stream:
        stream.write_table(batch)
    return sink.getvalue()


def lines(batch: pa.Table) -> bytes:
    rows = batch.to_pylist()
    return "".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows).encode()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("INBOX_TOKEN", TOKEN)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def server(folder) -> Iterator[str]:
    port, config = free_port(), load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        app = create_app(config, store)
        served = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off")
        )
        thread = threading.Thread(target=served.run)
        thread.start()
        while not served.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        served.should_exit = True
        thread.join()


Post = Callable[..., httpx.Response]


@pytest.fixture
def post(server) -> Iterator[Post]:
    with httpx.Client(base_url=server, timeout=30) as client:

        def send(
            content: object,
            kind: str = ARROW,
            *,
            monitor: str = "shop",
            token: str | None = TOKEN,
            batch: str | None = None,
            **headers: str,
        ) -> httpx.Response:
            given = {"Content-Type": kind, **headers}
            if token is not None:
                given["Authorization"] = f"Bearer {token}"
            if batch is not None:
                given["Idempotency-Key"] = batch
            return client.post(f"/v1/ingest/{monitor}", content=content, headers=given)

        yield send


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "inbox").glob("*/*.parquet"))


def leftovers(folder: Path) -> list[Path]:
    return list((folder / "inbox" / ".incoming").glob("*"))


def test_posted_batches_are_run_like_any_other_rows(post, folder):
    for day in range(14):
        batch = table(day)
        answer = post(arrow(batch)) if day % 2 else post(lines(batch), LINES)
        assert answer.status_code == 201, answer.text
        assert answer.json()["rows"] == 96

    config = load(folder / "config.toml")
    with Store.open(config.store.url) as store:
        document = Pipeline(config, store).run(config.monitor("shop"))
        kept = store.runs.newest("shop")

    assert document["window"]["start"].startswith("2024-01-14")
    assert document["rows"] == {"reference": 960, "current": 96}
    assert kept is not None
    assert kept.provenance == {"source": "inbox inbox"}


def test_a_batch_is_stored_once_however_often_it_is_sent(post, folder):
    first = post(arrow(table(0)), batch="monday/1")
    again = post(arrow(table(0)), batch="monday/1")
    other = post(arrow(table(1)), batch="monday/1")
    unnamed = [post(lines(table(2)), LINES) for _ in range(2)]

    assert (first.status_code, first.json()["new"]) == (201, True)
    assert (again.status_code, again.json()) == (200, {**first.json(), "new": False})
    assert other.status_code == 409
    assert "monday/1" in other.json()["error"]
    assert [answer.status_code for answer in unnamed] == [201, 200]
    assert len(stored(folder)) == 2
    assert leftovers(folder) == []


def test_the_same_batch_from_many_threads_is_one(post, folder):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(arrow(table(0)), batch="b"), range(16)))

    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len(stored(folder)) == 1
    assert pq.read_table(stored(folder)[0]).num_rows == 96


def test_who_has_no_token_is_refused(post, folder):
    for token in (None, "wrong", TOKEN[:-1], f"{TOKEN}x", "ünicode"):
        headers = {} if token is None else {"Authorization": f"Bearer {token}".encode()}
        answer = post(arrow(table(0)), token=None, **headers)
        assert answer.status_code == 401, token
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert post(arrow(table(0)), token=None, Authorization=f"Basic {TOKEN}").status_code == 401
    assert post(arrow(table(0)), monitor="closed").status_code == 403
    assert stored(folder) == []


@pytest.mark.parametrize("name", ["nobody", "pulled", "..%2f..%2fetc", "shop%00", "💥"])
def test_a_monitor_without_an_inbox_is_not_there(post, name):
    assert post(arrow(table(0)), monitor=name).status_code == 404


def test_what_cannot_be_read_is_refused_with_the_reason(post, folder):
    broken = post(b'{"id": 1}\nnonsense\n', LINES)
    assert (broken.status_code, "Line 2" in broken.json()["error"]) == (400, True)
    assert post(arrow(table(0))[:200]).status_code == 400
    assert post(b"").status_code == 400
    assert post(arrow(table(0)), "text/csv").status_code == 415
    assert post(arrow(table(0)), **{"Content-Encoding": "gzip"}).status_code == 415
    assert post(arrow(table(0)), batch="x" * 201).status_code == 400
    assert stored(folder) == []
    assert leftovers(folder) == []


def test_what_is_too_large_is_refused(post, folder):
    wide = pa.table({f"c{i}": [1] for i in range(21)})

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"\n" * 1_000

    assert post(b"\n" * 20_001, LINES).status_code == 413
    assert post(chunks(), LINES).status_code == 413
    assert post(arrow(pa.table({"x": pa.array([1] * 501, pa.int8())}))).status_code == 413
    assert post(arrow(wide)).status_code == 413
    assert stored(folder) == []
    assert leftovers(folder) == []


def test_a_get_is_not_answered(server):
    assert httpx.get(f"{server}/v1/ingest/shop").status_code == 405


def test_a_sender_that_hangs_up_leaves_nothing(server, folder):
    body = arrow(table(0))
    head = (
        f"POST /v1/ingest/shop HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: {ARROW}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", urlsplit(server).port)) as sender:
        sender.sendall(head.encode() + body[:300])
        wait_until(lambda: leftovers(folder) != [])

    wait_until(lambda: leftovers(folder) == [])
    assert stored(folder) == []


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that")


def write(folder: Path, batch: pa.Table, name: str | None = None, **options: object):
    spool = build("http", {"folder": "inbox", **options}, folder).spool
    with spool.incoming() as file:
        file.write(arrow(batch))
        file.flush()
        return spool.store(Path(file.name), "arrow", name)


def test_an_inbox_that_is_full_says_so(tmp_path):
    def fill() -> None:
        for day in range(20):
            write(tmp_path, table(day), spool_bytes=20_000)

    with pytest.raises(BatchRefusedError, match="full") as caught:
        fill()

    assert caught.value.status == 507
    assert 1 < len(stored(tmp_path)) < 20
    assert sum(path.stat().st_size for path in stored(tmp_path)) < 20_000


def test_a_disk_that_fails_leaves_nothing_that_is_read(tmp_path, monkeypatch):
    def failing(_: int) -> None:
        msg = "the disk is full"
        raise OSError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(spools.os, "fsync", failing)
        with pytest.raises(OSError, match="the disk is full"):
            write(tmp_path, table(0), "a")

    assert stored(tmp_path) == []
    assert write(tmp_path, table(0), "a").new


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_a_process_that_is_killed_leaves_no_half_batch(tmp_path, at):
    (tmp_path / "sent").write_bytes(arrow(table(0)))
    program = f"""
import os, signal
from pathlib import Path
from monitor.sources import spool
from monitor.sources.http import Http
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
if {at!r} == "fsync": spool.os.fsync = die
else: Path.replace = die
inbox = Http(Http.Options(folder="inbox"), {str(tmp_path)!r}).spool
with inbox.incoming() as file:
    file.write(Path({str(tmp_path / "sent")!r}).read_bytes())
    file.flush()
    inbox.store(Path(file.name), "arrow", "a")
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, check=False)

    assert done.returncode == -9
    assert stored(tmp_path) == []
    assert leftovers(tmp_path) != []
    for file in leftovers(tmp_path):
        os.utime(file, (0, 0))
    again = write(tmp_path, table(0), "a")
    assert again.new
    assert leftovers(tmp_path) == []
    assert build("http", {"folder": "inbox"}, tmp_path).extent("ts")[1] == 96


def test_types_that_parquet_does_not_have_are_kept_as_what_they_are(tmp_path):
    odd = pa.table(
        {
            "view": pa.array(["a", "b"], pa.string_view()),
            "runs": pa.RunEndEncodedArray.from_arrays([2], ["x"]),
            "uuid": pa.array([b"0" * 16, None], pa.uuid()),
            "levels": pa.array(["a", "b"]).dictionary_encode(),
        }
    )

    write(tmp_path, odd)

    rows = pa.Table.from_batches(build("http", {"folder": "inbox"}, tmp_path).open().batches)
    assert rows["view"].to_pylist() == ["a", "b"]
    assert rows["runs"].to_pylist() == ["x", "x"]
    assert rows["levels"].to_pylist() == ["a", "b"]


def test_a_token_that_can_be_guessed_is_refused(folder, monkeypatch):
    monkeypatch.setenv("INBOX_TOKEN", "short")

    with pytest.raises(ConfigError, match="fewer than 16 characters"):
        load(folder / "config.toml")
