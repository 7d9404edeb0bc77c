"""Ten thousand broken files: rows, or one of our errors, and never a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from security.mutate import wrong

HERE = Path(__file__).parent
KEPT = sorted((HERE / "kept").iterdir())
FILES, PARTS = 10_000, 4
#: Another one reads other files; one that finds something is kept, with the file, in `kept`.
SEED = int(os.environ.get("DRIFTLOOP_SEED", "1"))


@pytest.mark.parametrize("part", range(PARTS))
def test_no_broken_file_breaks_the_reader(part, tmp_path):
    first, last = (FILES * each // PARTS for each in (part, part + 1))
    done = subprocess.run(
        [sys.executable, "-m", "security.mutate", str(SEED), str(first), str(last), str(tmp_path)],
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[:4_000] + done.stderr[-2_000:]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_what_once_broke_it_is_read_again(path):
    assert wrong(path) == ""
