"""`driftloop serve` and `worker` as processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from monitor.cli import serve_command
from monitor.cli.main import main
from monitor.config import load
from monitor.pipeline import Pipeline
from monitor.store.records import LedgerEntry
from monitor.store.store import Store

CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "{path}"
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"
"""


def write(folder: Path, *, rows_a_day: int = 40, path: str = "data.csv") -> Path:
    days = [f"2024-01-{day:02d}" for day in range(1, 13)]
    lines = [
        f"{day}-{n},{day}T{n % 24:02d}:00:00Z,{n % 13}" for day in days for n in range(rows_a_day)
    ]
    (folder / "data.csv").write_text("id,ts,x\n" + "\n".join(lines) + "\n")
    (folder / "config.toml").write_text(CONFIG.format(path=path))
    return folder / "config.toml"


def entries(config_file: Path) -> list[LedgerEntry]:
    with Store.open(load(config_file).store.url) as store:
        return list(store.ledger.entries("shop"))


class Process:
    """A command that runs; what it says is read line by line."""

    def __init__(self, *arguments: object) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "monitor.cli", *map(str, arguments)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def until(self, word: str) -> str:
        """The first line from now on with that word in it."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if word in line:
                return line
        pytest.fail(f"it ended without {word!r}:\n{''.join(self.lines)}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float) -> int:
        code = self._process.wait(seconds)
        assert self._process.stderr is not None
        self.lines += self._process.stderr.readlines()
        return code

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


Starter = Callable[..., Process]


@pytest.fixture
def run() -> Iterator[Starter]:
    begun: list[Process] = []

    def begin(*arguments: object) -> Process:
        begun.append(Process(*arguments))
        return begun[-1]

    yield begin
    for process in begun:
        process.end()


def test_it_serves_runs_what_is_due_and_stops_on_sigterm(tmp_path, run):
    config = write(tmp_path)
    process = run("serve", "-c", config, "--port", 0)
    address = process.until("http://").split("its page is ")[1].strip()
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"{address}healthz", timeout=5).text == "ok"
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    process.until(" done, ")
    assert "11 Jan 2024" in httpx.get(f"{address}monitors/shop", timeout=5).text
    assert httpx.get(address, headers={"Host": "evil.example"}, timeout=5).status_code == 421

    process.signal(signal.SIGTERM)
    begun = time.monotonic()
    assert process.wait(20) == 0
    assert time.monotonic() - begun < 10
    assert "Traceback" not in "".join(process.lines)
    assert not any("warning" in line for line in process.lines)


def test_it_takes_a_changed_config_on_sighup_and_keeps_the_old_one_when_it_is_broken(tmp_path, run):
    config = write(tmp_path)
    process = run("serve", "-c", config, "--port", 0, "--every", 1)
    process.until(" done, ")
    good = config.read_text()

    config.write_text(good.replace('window = "1d"', 'window = "often"'))
    process.signal(signal.SIGHUP)
    assert "the old one stays" in process.until("not taken over")

    config.write_text(good + good.replace('name = "shop"', 'name = "second"'))
    process.signal(signal.SIGHUP)
    process.until("the config is read again: 2 monitors")
    assert "2024-01-1" in process.until("second: 2024")
    process.signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "Traceback" not in "".join(process.lines)
    with Store.open(load(config).store.url) as store:
        assert {entry.state for entry in store.ledger.entries("second")} <= {"done", "pending"}


@pytest.mark.parametrize(("grace", "numbers"), [(0, [signal.SIGTERM]), (60, [signal.SIGINT] * 2)])
def test_a_worker_that_is_stopped_in_the_middle_hands_its_window_back(
    tmp_path, run, grace, numbers
):
    config = write(tmp_path, rows_a_day=40_000)
    with Store.open(load(config).store.url, upgrade=True):
        pass
    process = run("worker", "-c", config, "--grace", grace)
    process.until("learning the reference")
    for number in numbers:
        process.signal(number)
        time.sleep(0.3)  # two of one kind at once would be one

    assert process.wait(20) == 0
    assert any("handed back" in line for line in process.lines)
    left = entries(config)
    assert {(entry.state, entry.attempts) for entry in left} == {("pending", 0)}


@pytest.fixture
def command() -> Iterator[Callable[..., int]]:
    """The command line in this process, whose signals are its own again afterwards."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield lambda *arguments: main([str(argument) for argument in arguments])
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_once_runs_what_is_due_and_ends(tmp_path, command):
    config = write(tmp_path)

    assert command("serve", "-c", config, "--once") == 0
    assert [(entry.window.start.day, entry.state) for entry in entries(config)] == [
        (12, "done"),
        (11, "done"),
    ]


def test_once_says_by_its_exit_code_that_something_failed(tmp_path, command, capsys):
    assert command("serve", "-c", write(tmp_path, path="gone.csv"), "--once") == 1

    said = capsys.readouterr().err
    assert "gone.csv" in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_one_clear_error(tmp_path, command, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert command("serve", "-c", write(tmp_path), "--port", port) == 2

    said = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said


def test_a_worker_without_a_store_says_how_to_make_it(tmp_path, command, capsys):
    assert command("worker", "-c", write(tmp_path)) == 1
    assert "driftloop db upgrade" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("127.0.0.1", {"127.0.0.1", "localhost", "::1", "drift.example.org"}),
        ("localhost", {"127.0.0.1", "localhost", "::1", "drift.example.org"}),
        ("0.0.0.0", None),
        ("drift.example.org", None),
    ],
)
def test_a_page_that_others_reach_asks_who_they_are(tmp_path, capsys, host, names):
    path = write(tmp_path)
    path.write_text(
        '[report]\nbase_url = "https://drift.example.org/x"\n[web]\nport = 1234\n'
        + path.read_text()
    )

    config = load(path)
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        assert serve_command.names_of(host, pipeline) == names
        assert ("nobody can sign in yet" in capsys.readouterr().err) == (names is None)
        off = config.web.model_copy(update={"login": "off"})
        pipeline.config = config.model_copy(update={"web": off})
        assert serve_command.names_of(host, pipeline) == names
        assert ("asks nobody who they are" in capsys.readouterr().err) == (names is None)
