"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the bigger real data sets; skips where they are not there."""
    folder = Path(os.environ.get("DRIFTLOOP_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "flights_nyc_2013.parquet").exists():
        pytest.skip(f"the bigger real data are not here ({folder}); set DRIFTLOOP_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real browser. Under CI=true it must be there."""
    path = os.environ.get("DRIFTLOOP_CHROMIUM", "/usr/bin/chromium")
    if not Path(path).exists():
        reason = f"no Chromium at {path}; apt-get install chromium, or set DRIFTLOOP_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
