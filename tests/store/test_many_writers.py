"""Many writers and readers at once: every write begins as one, and nobody sees "locked"."""

from __future__ import annotations

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

import monitor
from monitor.core.ports import Message
from monitor.store import migrate
from monitor.store.engine import Database, make_engine, parse_url
from monitor.store.incidents import Incident
from monitor.store.records import NewMessage
from monitor.store.store import Store

from .making import MONITOR, effects, run, week, whole_run

WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


class Watched:
    """Notes how each transaction of an engine began, and what it wrote."""

    def __init__(self, engine: sa.Engine) -> None:
        self.begun: dict[int, str] = {}
        self.wrong: list[str] = []
        self.writes = 0
        sa.event.listen(engine, "before_cursor_execute", self._see)

    def _see(self, connection, _cursor, statement, *_):
        mine = id(connection.connection.dbapi_connection)
        if statement.startswith("BEGIN"):
            self.begun[mine] = statement
        elif WRITES.match(statement):
            self.writes += 1
            if self.begun.get(mine) != "BEGIN IMMEDIATE":
                self.wrong.append(f"{self.begun.get(mine)}: {statement}")


def everything(store: Store) -> None:
    """Each way in which the store writes."""
    run(store, 0, **whole_run(0))
    run(store, 0, again=True, **whole_run(0))
    lease = store.ledger.claim_next(worker="w")
    assert lease is None
    store.ledger.ensure_windows(MONITOR, [week(1), week(2), week(3)])
    lease = store.ledger.claim_next(worker="w")
    store.ledger.heartbeat(lease)
    store.ledger.release(lease)
    lease = store.ledger.claim_next(worker="w")
    store.ledger.fail(lease, "no", retry_in=None)
    assert store.ledger.retry(MONITOR, week(1))
    assert store.ledger.reopen(MONITOR, week(0), reason="late")
    for row in store.outbox.claim(worker="w"):
        store.outbox.failed(row, "later", retry_in=0)
    for row in store.outbox.claim(worker="w"):
        store.outbox.park(row, "never")
    store.outbox.retry_parked()
    for row in store.outbox.claim(worker="w"):
        store.outbox.sent(row)
    mail = Message(message_id="<x@driftloop>", subject="s", text="t", html="")
    store.outbox.add(MONITOR, [NewMessage(channel="mail", message=mail)])
    store.runs.set_report(store.runs.newest(MONITOR).id, "r.html")
    store.incidents.report(
        [Incident(key="disk:store", title="t", text="x")], channels=["mail"], kinds=["disk"]
    )
    store.incidents.report([], channels=[], kinds=["disk"])
    store.blocks.add("b", [], searched_to=None, left_out=0)
    store.periods.drop_samples(before=week(50).start)
    store.periods.drop_old_revisions(before=week(50).start)


def test_every_write_on_sqlite_begins_immediate(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}", upgrade=True) as store:
        watched = Watched(store.database.engine)
        everything(store)

    assert watched.wrong == []
    assert watched.writes > 50


def test_a_write_that_begins_otherwise_is_noticed(tmp_path):
    """The test above is worth something: a deferred transaction would not pass it."""
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}", upgrade=True) as store:
        watched = Watched(store.database.engine)
        with store.database.reading() as session:
            session.execute(sa.text("DELETE FROM incidents"))

    assert watched.wrong == ["BEGIN: DELETE FROM incidents"]


def test_a_writing_connection_outside_of_the_store_s_transactions_is_none(tmp_path):
    """Nothing under `monitor/` opens a session or a connection of its own to write."""
    root = re.compile(r"\b(sessionmaker|Session\(|\.begin\(\)|create_engine\()")
    allowed = {"engine.py", "migrate.py", "backup.py"}
    folder = Path(monitor.__file__).parent
    found = [
        f"{path.relative_to(folder)}: {line.strip()}"
        for room in ("store", "steps", "scheduler", "web", "cli")
        for path in (folder / room).rglob("*.py")
        if path.name not in allowed
        for line in path.read_text().splitlines()
        if root.search(line)
    ]
    assert found == []


@pytest.mark.slow
def test_8_writers_and_web_readers_see_nothing_locked_in_10_000_transactions(open_store):
    """All of them by `make faults`, a twelfth by default: each one waits for the disk."""
    writers, each = 8, 1250 if os.environ.get("DRIFTLOOP_FAULTS") == "all" else 100
    store = open_store()
    stop = threading.Event()
    read = [0, 0]

    def write(number: int) -> int:
        own, done = open_store(), 0
        name = f"m{number}"
        own.ledger.ensure_windows(name, [week(0)])
        lease = own.ledger.claim(name, week(0), worker="w", lease_seconds=3600)
        for _ in range(each - 2):
            own.ledger.heartbeat(lease)
            done += 1
        own.commit(lease, effects())
        return done + 3

    def look(place: int) -> None:
        own = open_store()
        while not stop.is_set():
            own.runs.summaries("m0")
            own.outbox.counts()
            read[place] += 1

    readers = [threading.Thread(target=look, args=(place,)) for place in range(2)]
    for reader in readers:
        reader.start()
    try:
        with ThreadPoolExecutor(writers) as pool:
            done = sum(pool.map(write, range(writers)))
    finally:
        stop.set()
        for reader in readers:
            reader.join()

    assert done >= writers * each
    assert min(read) > 0
    assert all(len(store.runs.summaries(f"m{n}")) == 1 for n in range(writers))


def test_the_old_release_s_code_runs_on_the_new_schema(empty_url):
    """Every column that is newer than the first release may be left out by who does not know it."""
    engine = make_engine(parse_url(empty_url), foreign_keys=False)
    with engine.connect().execution_options(driftloop_write=True) as connection:
        with connection.begin():
            command.upgrade(migrate.alembic_config(connection), "0001")
        old = sa.MetaData()
        with connection.begin():
            old.reflect(connection)
        with connection.begin():
            command.upgrade(migrate.alembic_config(connection), "head")
        for table in old.sorted_tables:
            if table.name == "alembic_version":
                continue
            with connection.begin():
                connection.execute(sa.insert(table).values(_any_row(table)))
                assert connection.execute(sa.select(table)).all()
    engine.dispose()
    with Store.open(empty_url) as store:  # and the new code reads what the old one wrote
        assert store.ledger.entries("x")[0].reason is None
        assert store.runs.summaries("x")[0].changes is None
        assert store.alarms.list("x", open_only=True) == []


def _any_row(table: sa.Table) -> dict[str, object]:
    row: dict[str, object] = {}
    for column in table.columns:
        kind = column.type.python_type
        if column.name == "id":
            row[column.name] = 1
        elif column.name in {"monitor", "name"}:
            row[column.name] = "x"
        elif column.name == "latest":
            row[column.name] = True
        elif kind is str:
            row[column.name] = "{}"
        elif kind is datetime:
            row[column.name] = datetime(2024, 1, 2 if "end" in column.name else 1, tzinfo=UTC)
        else:
            row[column.name] = b"x" if kind is bytes else kind(1)
    return row


@pytest.mark.parametrize("released", ["0001"])
def test_a_store_of_every_released_version_comes_up_with_all_it_has(empty_url, released):
    engine = make_engine(parse_url(empty_url), foreign_keys=False)
    with engine.connect().execution_options(driftloop_write=True) as connection:
        with connection.begin():
            command.upgrade(migrate.alembic_config(connection), released)
        old = sa.MetaData()
        with connection.begin():
            old.reflect(connection)
        kept = {}
        for table in old.sorted_tables:
            if table.name != "alembic_version":
                with connection.begin():
                    connection.execute(sa.insert(table).values(_any_row(table)))
                    kept[table.name] = connection.execute(sa.select(table)).one()._asdict()
    engine.dispose()

    assert migrate.upgrade(empty_url) == (released, migrate.SCHEMA)
    engine = make_engine(parse_url(empty_url))
    with engine.connect() as connection:
        new = sa.MetaData()
        new.reflect(connection)
        for name, row in kept.items():
            found = connection.execute(sa.select(new.tables[name])).one()._asdict()
            assert {key: found[key] for key in row} == row
    engine.dispose()
    Database(make_engine(parse_url(empty_url))).engine.dispose()
