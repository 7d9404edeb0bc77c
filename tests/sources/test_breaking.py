"""A source that breaks off is read again from its start; then the window fails, and is taken again.

There is never half a profile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

from monitor.config import load
from monitor.core.errors import SourceInterruptedError
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.sources import batches, sql
from monitor.sources.sql import Sql
from monitor.steps import reading as steps
from monitor.store.store import Store

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS, ROWS = 13, 2_000  #: rows a day
CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "sql"
url = "{url}"
table = "orders"
fetch_rows = 100
adbc = false
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"
"""
ELEVENTH = Window(START + timedelta(days=10), START + timedelta(days=11))
TWELFTH = Window(START + timedelta(days=11), START + timedelta(days=12))

pytestmark = pytest.mark.service


@pytest.fixture
def database(postgres) -> Iterator[str]:
    """A database of its own, which no connection of another test holds."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS breaking WITH (FORCE)")
        connection.execute("CREATE DATABASE breaking")
    url = sa.make_url(postgres).set(database="breaking").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT i AS id, timestamptz '2024-01-01 00:00Z' + "
            f"i * interval '{86_400 / ROWS} seconds' AS ts, (i * 7) % 13 AS x, "
            "repeat('wide ', 40) AS pad "
            f"FROM generate_series(0, {DAYS * ROWS - 1}) AS i"
        )
    yield url
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE breaking WITH (FORCE)")


def kill_readers(url: str) -> int:
    """How many sessions that read were ended by the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(found.fetchall())


@pytest.fixture
def pipeline(database, tmp_path, monkeypatch) -> Iterator[Pipeline]:
    monkeypatch.setattr(steps, "WAITS", (0.0, 0.0, 0.0))
    (tmp_path / "config.toml").write_text(CONFIG.format(url=database))
    config = load(tmp_path / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        yield Pipeline(config, store)


class Breaking:
    """Ends the server's session after some batches of a read, as often as it is told to."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url, self.times, self.reads = url, 0, 0
        real = sql.batches_of

        def broken(*args: object) -> Iterator[pa.RecordBatch]:
            self.reads += 1
            for number, batch in enumerate(real(*args)):  # type: ignore[arg-type]
                yield batch
                if number == 1 and self.times:
                    self.times -= 1
                    assert kill_readers(self.url) == 1

        monkeypatch.setattr(sql, "batches_of", broken)


@pytest.fixture
def breaking(database, monkeypatch) -> Breaking:
    return Breaking(database, monkeypatch)


def messages(document: dict, statistic: str) -> list[str]:
    return [f["message"] for f in document["findings"] if f["statistic"] == statistic]


@pytest.mark.parametrize("adbc", [False, True])
def test_a_session_that_is_ended_midway_is_told_from_other_errors(database, adbc, monkeypatch):
    monkeypatch.setattr(batches, "BATCH_ROWS", 1_000)  # else all rows are one batch
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO orders SELECT i, ts, x, pad FROM orders, generate_series(1, 6) AS i"
        )
    source = Sql(Sql.Options(url=database, table="orders", adbc=adbc, fetch_rows=100))
    reading = source.open()
    next(reading.batches)

    assert kill_readers(database) == 1
    with pytest.raises(SourceInterruptedError, match="broke off"):
        list(reading.batches)
    assert sum(batch.num_rows for batch in source.open(columns=["id"]).batches) == 7 * DAYS * ROWS


def test_a_read_that_breaks_off_is_begun_anew_and_said(pipeline, breaking):
    shop, said = pipeline.config.monitor("shop"), []
    pipeline.run(shop, ELEVENTH)
    pipeline.say = said.append
    breaking.times = 2

    document = pipeline.run(shop, TWELFTH)

    assert document["rows"]["current"] == ROWS
    assert ["2 times" in text for text in messages(document, "source_interrupted")] == [True]
    assert sum("Trying again" in text for text in said) == 2
    whole = pipeline.samples(shop, TWELFTH)[1]
    assert whole.num_rows == len(set(whole["id"].to_pylist()))


def test_learning_the_reference_is_begun_anew_too(pipeline, breaking):
    breaking.times = 3

    document = pipeline.run(pipeline.config.monitor("shop"), ELEVENTH)

    assert document["rows"] == {"reference": 10 * ROWS, "current": ROWS}


def test_what_stays_broken_fails_the_window_which_is_taken_again_whole(pipeline, breaking):
    shop, ledger = pipeline.config.monitor("shop"), pipeline.store.ledger
    pipeline.run(shop, ELEVENTH)
    breaking.times, breaking.reads = 4, 0

    with pytest.raises(SourceInterruptedError):
        pipeline.run(shop, TWELFTH)

    assert breaking.reads == 4
    assert pipeline.store.runs.get("shop", TWELFTH) is None
    entry = ledger.entry("shop", TWELFTH)
    assert entry.state == "failed"
    assert entry.retry_at is not None
    assert "broke off" in entry.last_error

    document = pipeline.run(shop, TWELFTH)

    assert document["rows"]["current"] == ROWS
    assert ["broke off" in text for text in messages(document, "window_failed")] == [True]
    assert ledger.entry("shop", TWELFTH).state == "done"
    again = pipeline.run(shop, TWELFTH)
    assert messages(again, "window_failed") == []


def test_a_column_that_is_gained_while_a_window_is_read_waits_for_the_next_one(
    pipeline, database, monkeypatch
):
    shop, real = pipeline.config.monitor("shop"), sql.batches_of

    def altered(*args):
        batches = real(*args)
        yield next(batches)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '1s'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                connection.execute("ALTER TABLE orders ADD COLUMN more integer")
        yield from batches

    pipeline.run(shop, ELEVENTH)
    with monkeypatch.context() as patch:
        patch.setattr(sql, "batches_of", altered)
        before = pipeline.run(shop, TWELFTH)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE orders ADD COLUMN more integer DEFAULT 1")
    after = pipeline.run(shop, TWELFTH)

    assert messages(before, "column_new") == []
    assert [re.search("more", text) is not None for text in messages(after, "column_new")] == [True]
    assert before["rows"] == after["rows"]


def test_no_connection_is_left_open(pipeline, database):
    pipeline.run(pipeline.config.monitor("shop"), ELEVENTH)

    assert kill_readers(database) == 0


def test_files_that_go_while_they_are_read_are_listed_again(tmp_path, monkeypatch):
    """As where a job rewrites a folder: the old files go, others hold the rows."""
    monkeypatch.setattr(steps, "WAITS", (0.0,))
    folder = tmp_path / "data"
    folder.mkdir()
    text = "id,ts,x\n" + "".join(
        f"{d}-{n},2024-01-{d:02d}T{n % 24:02d}:00:00Z,{n % 13}\n"
        for d in range(1, 14)
        for n in range(48)
    )
    (folder / "a.csv").write_text(text)
    config = CONFIG.replace('kind = "sql"', 'kind = "files"\npath = "data/*.csv"')
    config = re.sub(r"(?m)^(url|table|fetch_rows|adbc) = .*\n", "", config)
    (tmp_path / "config.toml").write_text(config)
    loaded = load(tmp_path / "config.toml")
    with Store.open(loaded.store.url, upgrade=True) as store:
        pipeline = Pipeline(loaded, store)
        shop = loaded.monitor("shop")
        pipeline.run(shop, ELEVENTH)
        real, times = steps.open_window, [1]

        def rewritten(*args):
            reading = real(*args)
            if times.pop() if times else 0:
                (folder / "a.csv").rename(folder / "b.csv")
            return reading

        monkeypatch.setattr(steps, "open_window", rewritten)
        document = pipeline.run(shop, TWELFTH)

    assert document["rows"]["current"] == 48
    assert len(messages(document, "source_interrupted")) == 1
