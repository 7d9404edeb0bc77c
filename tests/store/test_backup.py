"""A backup while others write, restored on an empty machine; vacuum; merged profiles."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from datetime import timedelta

import pytest

from monitor.core.errors import StoreError
from monitor.store.backup import ESSENTIAL, backup, fingerprints, restore, vacuum
from monitor.store.engine import Database, make_engine, parse_url
from monitor.store.models import Base
from monitor.store.periods import Period
from monitor.store.store import Store

from .making import MONITOR, effects, run, week, whole_run


def test_a_backup_while_writing_restored_elsewhere_is_the_store_of_one_moment(
    store, open_store, tmp_path
):
    """What is restored is equal by hash to what the backup holds, and whole."""
    run(store, 0, **whole_run(0))
    stop, written = threading.Event(), []

    def write():
        own = open_store()
        while not stop.is_set():
            number = len(written) + 1
            run(own, number, **whole_run(number))
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(written) < 3:
            stop.wait(0.01)
        before = len(written)
        path = tmp_path / "backup.db"
        assert backup(store.database, path) == path.stat().st_size
        after = len(written)
        while len(written) < after + 2:  # and it was not held up
            stop.wait(0.01)
    finally:
        stop.set()
        writer.join()

    there = Database(make_engine(parse_url(f"sqlite:///{path}")))
    elsewhere = f"sqlite:///{tmp_path / 'empty machine.db'}"
    restore(path, elsewhere)
    with Store.open(elsewhere) as other:
        assert fingerprints(other.database) == fingerprints(there)
        runs = len(other.runs.summaries(MONITOR, limit=1000))
        assert before + 1 <= runs <= after + 2
        assert len(other.alarms.list(MONITOR)) == runs
        assert len(other.queue.rows(MONITOR, limit=10_000)) == 3 * runs
        assert len(other.outbox.entries(limit=1000)) == runs
        # It goes on from there; in that moment the writer may have held a window of its monitor.
        other.ledger.ensure_windows("another", [week(0)])
        lease = other.ledger.claim("another", week(0), worker="w")
        assert other.commit(lease, effects()).revision == 1
    there.engine.dispose()


def test_a_store_at_rest_and_its_backup_are_equal_by_hash(store, tmp_path):
    for number in range(3):
        run(store, number, **whole_run(number))
    path = tmp_path / "b.db"
    backup(store.database, path)

    there = Database(make_engine(parse_url(f"sqlite:///{path}")))
    every = tuple(Base.metadata.tables)
    assert fingerprints(there, every) == fingerprints(store.database, every)
    there.engine.dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir() if "b.db" in p.name) == ["b.db"]


def test_a_backup_fills_the_other_kind_of_store_too(store, empty_url, backend, tmp_path):
    if backend == "sqlite":
        pytest.skip("the test of PostgreSQL goes both ways")
    for number in range(2):
        run(store, number, **whole_run(number))
    out, back = tmp_path / "out.db", empty_url
    backup(store.database, out)
    restore(out, back)

    with Store.open(back) as other:
        assert fingerprints(other.database) == fingerprints(store.database)
        run(other, 2, **whole_run(2))  # ids go on where they stopped


def test_a_hash_tells_one_changed_cell(store):
    run(store, 0, **whole_run(0))
    before = fingerprints(store.database)
    store.runs.set_report(store.runs.newest(MONITOR).id, "elsewhere.html")
    after = fingerprints(store.database)

    assert [name for name in ESSENTIAL if before[name] != after[name]] == ["runs"]


def test_a_backup_replaces_nothing_and_a_restore_fills_only_what_is_empty(store, url, tmp_path):
    run(store, 0, **whole_run(0))
    path = tmp_path / "b.db"
    backup(store.database, path)

    with pytest.raises(StoreError, match="is there already"):
        backup(store.database, path)
    with pytest.raises(StoreError, match="not empty"):
        restore(path, url)
    with pytest.raises(StoreError, match="no backup"):
        restore(tmp_path / "none.db", url)
    with pytest.raises(StoreError, match=r"cannot be (written|created)"):
        backup(store.database, tmp_path / "no folder" / "b.db")


def test_vacuum_gives_the_room_of_what_was_deleted_back(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}", upgrade=True) as store:
        for number in range(6):
            run(store, number, sample=os.urandom(300_000), profile=os.urandom(1000))
        far = week(200).start
        assert store.periods.drop_samples(before=far) == 6
        assert store.periods.drop_samples(before=far) == 0
        before, after = vacuum(store.database)
        assert before > 1_800_000
        assert after < 600_000
        assert store.runs.newest(MONITOR).sample is None
        assert store.runs.newest(MONITOR).profile is not None


def test_vacuum_on_either_store_changes_nothing_that_is_stored(store):
    run(store, 0, **whole_run(0))
    before = fingerprints(store.database)
    vacuum(store.database)

    assert fingerprints(store.database) == before
    run(store, 1, **whole_run(1))


def test_a_merged_profile_takes_the_place_of_its_parts_once(store):
    for number in range(3):
        run(store, number, **whole_run(number))
    parts = store.periods.short_runs(MONITOR, before=week(3).start, limit=10)
    whole = Period(window=week(0), reference_version=1, windows=3, rows=300, profile=b"merged")

    assert [part.window for part in parts] == [week(0), week(1), week(2)]
    assert not store.periods.replace(MONITOR, "day", whole, parts, 1)  # somebody was quicker
    assert store.periods.replace(MONITOR, "day", whole, parts, 0)
    assert store.periods.get(MONITOR, "day") == [whole]
    assert store.periods.short_runs(MONITOR, before=week(3).start, limit=10) == []
    assert store.periods.days(MONITOR, before=week(0).end - timedelta(seconds=1), limit=5) == []
    days = store.periods.days(MONITOR, before=week(9).start, limit=5)
    assert store.periods.replace(MONITOR, "week", whole, days, 0)
    assert store.periods.get(MONITOR, "day") == []


def test_a_backup_that_fails_leaves_nothing(store, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("monitor.store.backup._sync", full)
    with pytest.raises(StoreError, match="No space left"):
        backup(store.database, tmp_path / "b.db")
    assert not list(tmp_path.glob("b.db*"))


def test_a_backup_is_no_file_of_another_program(tmp_path):
    path = tmp_path / "notes.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()

    with pytest.raises(StoreError, match="no tables yet"):
        restore(path, f"sqlite:///{tmp_path / 'new.db'}")
