"""kill -9, EIO and ENOSPC at every write and sync of a whole run, and again in the recovery."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess

import pytest

from .conftest import ALL, outcome, without_failures

CALLS = ("pwrite64", "write", "fdatasync", "fsync", "ftruncate", "rename", "unlink")
#: By default of each call so many places; all of them by `make faults`.
SAMPLE, FARTHEST = 1, {"pwrite64": 120, "fdatasync": 25}


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0


@pytest.fixture
def sqlite(fresh, request):
    if "postgres" in request.node.name:
        pytest.skip("the files of PostgreSQL are its own business")
    if not _can_trace():
        reason = "needs strace, and the right to use it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return fresh


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["signal=SIGKILL", "error=EIO", "error=ENOSPC"])
def test_a_fault_at_any_write_of_a_whole_run_changes_nothing_in_the_end(sqlite, once, inbox, fault):
    assert once(sqlite()) == 0
    config, expected, mails = sqlite(), None, None
    assert once(config) == 0
    expected, mails = outcome(config), set(inbox.taken)
    rng, hit = random.Random(fault), 0
    for call in CALLS:
        for when in places(call, rng):
            inbox.taken.clear()
            config = sqlite()
            code = once(config, inject=f"{call}:{fault}:when={when}")
            hit += code != 0
            if ALL and code == 0 and fault == "signal=SIGKILL":
                break  # the run has no further call of this kind
            again = f"{call}:signal=SIGKILL:when={rng.randint(1, 40)}"
            assert once(config, hours=24, inject=again) in {0, -signal.SIGKILL}
            for days in (2, 3):
                assert once(config, hours=24 * days) == 0
            trail = (call, when, again)
            found = outcome(config)
            if fault == "signal=SIGKILL":
                assert found == expected, trail
            else:
                assert without_failures(found) == without_failures(expected), trail
            assert set(inbox.taken) == mails, trail
            assert max(inbox.taken.values()) <= 3, trail
    assert hit >= 1 or fault != "signal=SIGKILL"


def places(call: str, rng: random.Random) -> list[int]:
    if ALL:
        return list(range(1, 2000 if call == "pwrite64" else 400))
    most = FARTHEST.get(call)
    return [] if most is None else [rng.randint(1, most) for _ in range(SAMPLE)]
