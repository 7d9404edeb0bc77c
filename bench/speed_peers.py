"""Environments of the other tools, made with pip under the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: What pip installs for each; None: it is one of driftloop's own needs. Bounds: the newest versions
#: with which the tool still imports.
PEERS: dict[str, tuple[str, ...] | None] = {
    "polars": ("polars",),
    "evidently": None,
    "nannyml": ("nannyml", "statsmodels", "pandas<3", "numpy<2.3"),
    "whylogs": ("whylogs", "setuptools<80", "pandas", "pyarrow"),
    "deepchecks": (
        "deepchecks", "setuptools<80", "pandas<2.2", "numpy<2", "scikit-learn<1.4", "pyarrow",
    ),
}  # fmt: skip


def python_of(name: str, *, install: bool) -> str | None:
    """The Python that has a tool; None when it is not there and not to be installed."""
    wanted = PEERS[name]
    if wanted is None:
        return sys.executable
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "driftloop-bench" / name
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        if not install:
            return None
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted], check=True)
        ready.touch()
    return str(python)
