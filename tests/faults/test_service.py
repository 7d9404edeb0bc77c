"""Full disks, stores that go and come back, clocks that jump, rows that are monsters."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from monitor.config import load
from monitor.core.errors import StoreError
from monitor.scheduler.clock import Clock
from monitor.scheduler.installation import Installation
from monitor.store.store import Store
from tests.store.making import MONITOR, effects, run, whole_run

from .zygote import NOW


def states(store: Store, name: str = "shop") -> list[str]:
    return [entry.state for entry in store.ledger.entries(name)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if (
        shutil.which("mount") is None
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(store: Store) -> None:
    for number in range(1, 200):
        run(store, number, **whole_run(number))


def test_a_full_disk_is_one_clear_error_and_everything_goes_on_when_there_is_room(small_disk):
    with Store.open(f"sqlite:///{small_disk / 'store.db'}", upgrade=True) as store:
        run(store, 0, **whole_run(0))
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError):
            ballast.write_bytes(b"x" * 5_000_000)
        store.ledger.due()
        with pytest.raises(StoreError, match="Make room on its disk"):
            fill(store)
        done = len(store.runs.summaries(MONITOR))
        assert len(store.alarms.list(MONITOR)) == len(store.outbox.entries()) == done

        ballast.unlink()
        for entry in store.ledger.entries(MONITOR):
            if entry.state == "running":  # what was running when the disk was full
                with store.database.writing() as session:
                    session.execute(sa.text("UPDATE windows SET lease_until = '2000-01-01'"))
        while (lease := store.ledger.claim_next(worker="next")) is not None:
            store.commit(lease, effects(**whole_run(99)))
        assert set(states(store, MONITOR)) == {"done"}


@pytest.mark.service
def test_a_server_that_goes_away_and_comes_back_costs_time_only(request, fresh, smtp, inbox):
    if "sqlite" in request.node.name:
        pytest.skip("a file does not go away")
    settings = load(fresh())
    url = settings.store.url.replace("+psycopg", "")
    name = sa.make_url(url).database
    admin = sa.make_url(url).set(database="postgres").render_as_string(hide_password=False)
    said: list[str] = []
    with Store.open(settings.store.url) as store:
        clock = Clock(Installation(settings, store, say=said.append, clock=lambda: NOW))
        clock.announce()
        try:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    [name],
                )
            assert clock.tick() == 0
            assert clock.failures > 0
            assert not any("Traceback" in line for line in said)
        finally:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert clock.tick() == 2
        assert states(store) == ["done", "done"]
        assert clock.tick() == 0
    assert set(inbox.taken.values()) == {1}


def test_a_clock_that_jumps_runs_nothing_twice_and_leaves_nothing_out(fresh, inbox):
    settings = load(fresh())
    moments = [NOW, NOW - timedelta(days=700), NOW + timedelta(hours=3), NOW - timedelta(hours=9)]
    with Store.open(settings.store.url) as store:
        now = [NOW]
        clock = Clock(Installation(settings, store, clock=lambda: now[0]))
        done = 0
        for moment in moments * 2:
            now[0] = moment
            done += clock.tick()
        runs = store.runs.summaries("shop")
        assert [(r.window.start.day, r.revision) for r in runs] == [(13, 1), (12, 1)]
    assert done == 2
    assert set(inbox.taken.values()) == {1}


MONSTER = """
[[monitors]]
name = "{name}"
window = "1d"
[monitors.source]
kind = "files"
path = "{name}.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-12
[monitors.columns]
timestamp = "ts"
"""


def test_a_monstrous_row_fails_its_window_and_nothing_else(tmp_path):
    """One cell of 400 MB, where half a gigabyte may be used."""
    times = pa.array(
        [NOW - timedelta(hours=h + 2) for h in range(24 * 12)], pa.timestamp("us", tz="UTC")
    )
    for name, monster in (("big", True), ("small", False)):
        texts = ["a word"] * (24 * 12)
        if monster:
            texts[3] = "x" * 400_000_000
        table = pa.table({"ts": times, "text": texts, "x": list(range(24 * 12))})
        pq.write_table(table, tmp_path / f"{name}.parquet", compression="zstd")
        del texts, table
    config = "".join(MONSTER.format(name=name) for name in ("big", "small"))
    (tmp_path / "config.toml").write_text(config)
    command = [sys.executable, "-m", "monitor.cli", "serve", "--once", "--memory-gb", "0.5"]
    done = subprocess.run(
        [*command, "-c", str(tmp_path / "config.toml")],
        check=False, capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip

    assert done.returncode == 1, done.stderr
    with Store.open(f"sqlite:///{tmp_path / 'driftloop.db'}") as store:
        assert set(states(store, "small")) == {"done"}
        errors = " ".join(entry.last_error for entry in store.ledger.entries("big"))
        assert any(word in (errors + done.stderr).lower() for word in ("memory", "alloc"))
        assert "done" not in {e.state for e in store.ledger.entries("big")}
