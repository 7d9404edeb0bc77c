"""Calling the command line in this process, and a small monitor to call it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from shop import CONFIG, rows_of

from monitor.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(capsys, monkeypatch, tmp_path) -> Call:
    """The command line, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOOP_CONFIG", raising=False)

    def called(*arguments: object) -> Said:
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return called


@pytest.fixture
def refused(call) -> Callable[..., str]:
    """Call what must fail: one clear error on standard error, and nothing else anywhere."""

    def called(*arguments: object) -> str:
        said = call(*arguments)
        assert said.code in (1, 2), said
        assert said.out == ""
        assert "Traceback" not in said.err
        assert "in a way that it should not" not in said.err
        assert said.err.count("rror: ") == 1, said.err
        assert "\x1b" not in said.err
        return said.err

    return called


@pytest.fixture(scope="session")
def rows(tmp_path_factory) -> Path:
    """`shop.rows_of()` as Parquet."""
    path = tmp_path_factory.mktemp("rows") / "data.parquet"
    rows_of().to_parquet(path)
    return path


@pytest.fixture
def here(call, tmp_path, rows) -> Path:
    """The folder where commands run, with a config and its data."""
    (tmp_path / "data.parquet").symlink_to(rows)
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path
