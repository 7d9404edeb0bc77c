"""The command line as such."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from monitor.cli.main import COMMANDS, cli, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_explains_itself(name, capsys):
    assert main([name, "--help"]) == 0

    assert "Usage: driftloop" in capsys.readouterr().out


def test_help_and_version_import_nothing_heavy():
    program = (
        "import sys; from monitor.cli.main import main; main(['--help']); main(['--version']); "
        "heavy = {'numpy', 'pyarrow', 'pandas', 'scipy', 'sklearn', 'sqlalchemy', 'evidently'}; "
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    started = time.monotonic()

    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)

    assert done.returncode == 0
    assert b"compare" in done.stdout
    assert time.monotonic() - started < 10  # a hang, not a speed: bench/ measures that


@pytest.mark.parametrize(
    "arguments", [["nope"], ["run"], ["compare", "only-one"], ["run", "a", "--nope"]]
)
def test_wrong_usage_is_exit_2(arguments, capsys):
    assert main(arguments) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage" in captured.err or "Error" in captured.err


def test_a_missing_config_is_one_sentence_with_the_mend(capsys, tmp_path):
    assert main(["-c", str(tmp_path / "none.toml"), "run", "x", "--json"]) == 1

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "driftloop init" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "HERE", "alarms", "list"],
        ["alarms", "-c", "HERE", "list"],
        ["alarms", "list", "-c", "HERE"],
        ["-c", "elsewhere", "outbox", "-c", "HERE", "list"],
    ],
)
def test_the_config_may_be_named_at_any_place(words, capsys, tmp_path):
    here = str(tmp_path / "here.toml")

    assert main([here if word == "HERE" else word for word in words]) == 1

    assert "here.toml" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"compare", "demo", "init"}))
def test_every_command_takes_a_config(name, capsys):
    main([name, "--help"])

    assert "--config" in capsys.readouterr().out


def test_the_commands_of_the_contract_are_listed():
    context = cli.make_context("driftloop", ["--help"], resilient_parsing=True)
    for name in ("demo", "compare", "init", "check", "run", "backfill", "serve", "worker"):
        assert name in cli.list_commands(context)
    for name in ("report", "queue", "reference", "db"):
        assert name in cli.list_commands(context)
