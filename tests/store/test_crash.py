"""Killed or failed by its disk while it writes: all of a run is there, or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest

from monitor.core.errors import StoreError
from monitor.store.store import Store

from .making import MONITOR, effects, run, week, whole_run

#: Every sync, truncation and deletion; of the many page writes in between one of sixteen.
FAULTS = [
    *((call, when) for call in ("fdatasync", "ftruncate", "unlink") for when in range(1, 9)),
    *(("pwrite64", when) for when in range(1, 250, 16)),
]


def found(store: Store) -> tuple[int, int, int, int, int]:
    """How much there is of each kind of effect."""
    return (
        len(store.runs.summaries(MONITOR)),
        len(store.runs.findings(MONITOR)),
        len(store.alarms.list(MONITOR)),
        len(store.queue.rows(MONITOR)),
        len(store.outbox.entries()),
    )


CHILD = "import sys; from tests.store.making import one_more; one_more(sys.argv[1])"


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which one window is done."""
    path = tmp_path_factory.mktemp("crash") / "store.db"
    with Store.open(f"sqlite:///{path}", upgrade=True) as store:
        run(store, 0, **whole_run(0))
    return path


@pytest.mark.slow
@pytest.mark.skipif(not _can_trace(), reason="needs strace, and the right to use it")
@pytest.mark.parametrize("fault", ["signal=SIGKILL", "error=EIO", "error=ENOSPC"])
def test_a_fault_at_any_write_leaves_all_or_nothing(filled, tmp_path, fault):
    once = (1, 4, 1, 3, 1)
    twice = tuple(2 * count for count in once)
    hit = 0
    ended = set()
    for call, when in FAULTS:
        if call in ended:
            continue
        path = tmp_path / f"{call}{when}.db"
        shutil.copy(filled, path)
        done = _with_fault(path, f"{call}:{fault}:when={when}", call)
        with Store.open(f"sqlite:///{path}") as store:
            assert found(store) in {once, twice}, (call, when, done.stderr)
            if (lease := store.ledger.claim_next([MONITOR], worker="next")) is not None:
                store.commit(lease, effects(**whole_run(1)))
            elif store.ledger.entry(MONITOR, week(1)) is None:
                run(store, 1, **whole_run(1))
            assert found(store) == twice
            assert store.runs.newest(MONITOR).revision == 1
        if done.returncode == 0:
            ended.add(call)
        else:
            hit += 1
    assert hit >= 8


def _with_fault(path: Path, inject: str, call: str) -> subprocess.CompletedProcess[bytes]:
    trace = ["strace", "-f", "-qq", "-o", os.devnull]  # --seccomp-bpf would swallow the signal
    faults = ["-e", f"trace={call}", "-e", f"inject={inject}"]
    return subprocess.run(
        [*trace, *faults, sys.executable, "-c", CHILD, str(path)],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )


def _in_child(store: Store, number: int) -> None:
    run(store, number, **whole_run(number))


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(store):
    run(store, 0, **whole_run(0))
    process = get_context("fork").Process(target=_in_child, args=(store, 1))
    process.start()
    process.join(30)
    run(store, 2, **whole_run(2))

    assert process.exitcode == 0
    assert found(store) == (3, 12, 3, 9, 3)


def test_a_database_that_another_program_holds_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr("monitor.store.engine.BUSY_SECONDS", 0.1)
    url = f"sqlite:///{tmp_path / 'store.db'}"
    with Store.open(url, upgrade=True) as holder, Store.open(url) as other:
        held = pytest.raises(StoreError, match="Another program has held it")
        with holder.database.writing() as session, held:
            holder.database.now(session)
            other.ledger.ensure_windows(MONITOR, [week(0)])
        assert other.ledger.ensure_windows(MONITOR, [week(0)]) == 1
