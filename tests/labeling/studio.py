"""A real Label Studio for tests: installed once into a cache, one server for all workers."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

VERSION = "1.23.0"
EMAIL, PASSWORD = "annotator@example.com", "an-annotators-Pass1"
_START_SECONDS, _INSTALL_SECONDS = 240, 1_200
#: Held for as long as they may run: a `Popen` that is forgotten complains.
_STARTED: list[subprocess.Popen[bytes]] = []


class UnavailableError(Exception):
    """It cannot be had here; the message says why."""


@dataclass(frozen=True)
class Studio:
    """A server that runs."""

    url: str
    token: str
    pid: int

    def http(self) -> httpx.Client:
        """What an annotator's browser would do, as API calls."""
        headers = {"Authorization": f"Token {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def cache() -> Path:
    """Where tools of the tests are installed; DRIFTLOOP_TEST_TOOLS, or the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "driftloop-tests"
    return Path(os.environ.get("DRIFTLOOP_TEST_TOOLS", default))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def installed(package: str, version: str, *pins: str) -> Path:
    """The Python of a virtual environment that has that package; made when it is not there.

    `pins` are what it needs in a version that it forgot to name.
    """
    folder = cache() / f"{package}-{version}"
    with locked(cache() / f"{package}-{version}.lock"):
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in (
                [sys.executable, "-m", "venv", str(folder)],
                [
                    str(folder / "bin/python"),
                    "-m",
                    "pip",
                    "install",
                    "-q",
                    f"{package}=={version}",
                    *pins,
                ],
            ):
                _run(command, package)
            (folder / ".ready").touch()
    return folder / "bin" / "python"


def _run(command: list[str], package: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        msg = f"{package} cannot be installed: {' '.join(said)}"
        raise UnavailableError(msg) from error
    except subprocess.TimeoutExpired as error:
        msg = f"{package} was not installed within {_INSTALL_SECONDS} s"
        raise UnavailableError(msg) from error


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[Studio]:
    """The server of this test run: the first worker starts it, the last one stops it."""
    state = folder / "label-studio.json"
    with locked(folder / "label-studio.lock"):
        known = json.loads(state.read_text()) if state.exists() else None
        if known is None:
            known = {"studio": asdict(start(folder)), "users": 0}
        known["users"] += 1
        state.write_text(json.dumps(known))
    try:
        yield Studio(**known["studio"])
    finally:
        with locked(folder / "label-studio.lock"):
            known = json.loads(state.read_text())
            known["users"] -= 1
            state.write_text(json.dumps(known))
            if known["users"] == 0:
                stop(known["studio"]["pid"])
                state.unlink()


def start(folder: Path) -> Studio:
    """Start a server on a free port with an empty database of its own."""
    python = installed("label-studio", VERSION)
    template = cache() / f"label-studio-{VERSION}-empty"
    data = folder / f"label-studio-{secrets.token_hex(4)}"
    if template.exists():
        shutil.copytree(template, data)
    studio = _start(python, data)
    if not template.exists():
        # Its hundreds of migrations take most of a minute: once is enough.
        stop(studio.pid)
        with locked(cache() / "label-studio-empty.lock"):
            if not template.exists():
                shutil.copytree(data, template.with_suffix(".part"))
                template.with_suffix(".part").rename(template)
        studio = _start(python, data)
    return studio


def _start(python: Path, data: Path) -> Studio:
    data.mkdir(exist_ok=True)
    token = "0123456789abcdef0123456789abcdef01234567"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = data / "log.txt"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "SECRET_KEY": "only-for-tests",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "SSRF_PROTECTION_ENABLED": "false",
    }
    options = f"""
        start --no-browser --internal-host 127.0.0.1 --port {port} --username {EMAIL}
        --password {PASSWORD} --user-token {token} --enable-legacy-api-token --log-level WARNING
    """.split()
    begin = "import sys; from label_studio.server import main; sys.exit(main())"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(python), "-c", begin, *options],
            cwd=data,
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _STARTED.append(process)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5).json() == {"status": "UP"}:
                return Studio(url, token, process.pid)
        if process.poll() is not None:
            break
        time.sleep(0.3)
    stop(process.pid)
    said = log.read_text(errors="replace")[-500:]
    msg = f"Label Studio does not start: {said}"
    raise UnavailableError(msg)


def stop(pid: int) -> None:
    """End a server, by its id: asked first, then made to."""
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal_)
        for _ in range(50):
            if not _alive(pid):
                return
            time.sleep(0.1)


def _alive(pid: int) -> bool:
    for process in _STARTED:
        if process.pid == pid:
            return process.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
