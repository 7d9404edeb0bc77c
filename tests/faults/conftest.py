"""A shop whose last day breaks a rule, on both stores, with a real mail server."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from monitor.config import load
from monitor.store import migrate
from monitor.store.models import (
    AlarmRow,
    FindingRow,
    OutboxItemRow,
    QueueItemRow,
    RunRow,
    WindowRow,
)
from monitor.store.store import Store
from tests.store.conftest import migrated, postgres

__all__ = ["migrated", "postgres"]

ROOT = Path(__file__).parents[2]
#: All faults rather than a sample of them: `make faults`.
ALL = os.environ.get("DRIFTLOOP_FAULTS") == "all"
CONFIG = """
[store]
url = "{url}"
[[alerts]]
kind = "mail"
host = "127.0.0.1"
port = {port}
security = "none"
sender = "driftloop@example.org"
recipients = ["team@example.org"]
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "data.csv"
[monitors.reference]
start = 2024-01-01
end = 2024-01-12
[monitors.columns]
timestamp = "ts"
id = "id"
[monitors.queue]
budget = 4
[[monitors.rules]]
column = "x"
max = 100
"""


class Inbox:
    """Message ids that the server took."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        header = envelope.content.decode("ascii", "replace").partition("Message-ID: ")[2]
        self.taken[header.partition("\r\n")[0]] += 1
        return "250 OK"


@pytest.fixture(scope="session")
def smtp() -> Iterator[tuple[Inbox, int]]:
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox, port
    controller.stop()


@pytest.fixture
def inbox(smtp: tuple[Inbox, int]) -> Inbox:
    smtp[0].taken.clear()
    return smtp[0]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of the shop, and an empty store of SQLite."""
    folder = tmp_path_factory.mktemp("faults")
    rows = [
        f"{d}-{n},2024-01-{d:02d}T{n % 24:02d}:00:00Z,{_x(d, n)}"
        for d in range(1, 14)
        for n in range(48)
    ]
    (folder / "data.csv").write_text("id,ts,x\n" + "\n".join(rows) + "\n")
    migrate.upgrade(f"sqlite:///{folder / 'store.db'}")
    return folder


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def fresh(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, smtp: tuple[Inbox, int]
) -> Callable[[], Path]:
    """Makes a config whose store is empty; the folder is always the same one."""
    server = request.getfixturevalue("migrated") if request.param == "postgres" else None

    def make() -> Path:
        shutil.rmtree(tmp_path / "reports", ignore_errors=True)
        shutil.copy(template / "data.csv", tmp_path / "data.csv")
        url = "sqlite:///store.db"
        if server is None:
            for path in tmp_path.glob("store.db*"):
                path.unlink()
            shutil.copy(template / "store.db", tmp_path / "store.db")
        else:
            url = server
            with Store.open(server) as store, store.database.writing() as session:
                tables = ", ".join(sa.inspect(session.connection()).get_table_names())
                tables = tables.replace("alembic_version, ", "").replace(", alembic_version", "")
                session.execute(sa.text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        (tmp_path / "config.toml").write_text(CONFIG.format(url=url, port=smtp[1]))
        return tmp_path / "config.toml"

    return make


def _x(day: int, number: int) -> int:
    """Nine rows of the last day break the rule."""
    return 500 if day == 13 and number < 9 else (number * 7 + day) % 13


FAILED = "window_failed"
Killed = Callable[..., int]


@pytest.fixture(scope="session")
def once() -> Iterator[Killed]:
    """Runs `serve --once` in a process that may be told to die; its exit code."""
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.zygote"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert zygote.stdin is not None
    assert zygote.stdout is not None

    def run(
        config: Path,
        point: str | None = None,
        when: str = "after",
        *,
        nth: int = 1,
        hours: int = 0,
        inject: str = "",
    ) -> int:
        job = {"config": str(config), "point": point, "when": when, "nth": nth, "hours": hours}
        job["inject"] = inject
        zygote.stdin.write(json.dumps(job) + "\n")
        zygote.stdin.flush()
        return int(zygote.stdout.readline())

    yield run
    zygote.stdin.close()
    zygote.wait(30)
    zygote.stdout.close()


def outcome(config_file: Path) -> dict[str, Any]:
    """All that a run leaves behind, without what may differ: ids, times of the clock, workers."""
    config = load(config_file)
    with Store.open(config.store.url) as store, store.database.reading() as session:

        def rows(query: sa.Select[Any]) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in session.execute(query)]

        windows = sa.select(WindowRow.window_start, WindowRow.state, WindowRow.regular)
        runs = sa.select(RunRow.window_start, RunRow.revision, RunRow.latest, RunRow.document)
        findings = sa.select(
            FindingRow.window_start, FindingRow.check_name, FindingRow.column, FindingRow.segment,
            FindingRow.statistic, FindingRow.value, FindingRow.drifted,
        )  # fmt: skip
        alarms = sa.select(AlarmRow.key, AlarmRow.state, AlarmRow.opened_start)
        queue = sa.select(QueueItemRow.row_id, QueueItemRow.window_start, QueueItemRow.reason)
        outbox = sa.select(OutboxItemRow.channel, OutboxItemRow.message_id, OutboxItemRow.state)
        reports = sorted((config.report.folder / "shop").glob("*.html"))
        return {
            "windows": rows(windows.order_by(WindowRow.window_start)),
            "runs": rows(runs.order_by(RunRow.window_start, RunRow.revision)),
            "findings": rows(findings.order_by(FindingRow.window_start, FindingRow.id)),
            "alarms": rows(alarms.order_by(AlarmRow.key, AlarmRow.opened_start)),
            "queue": rows(queue.order_by(QueueItemRow.row_id)),
            "outbox": rows(outbox.order_by(OutboxItemRow.message_id)),
            "reports": {path.name: _digest(path) for path in reports},
        }


def without_failures(found: dict[str, Any]) -> dict[str, Any]:
    """The same without the note of a window that it failed before: errors leave one, kills none."""

    def clean(document: dict[str, Any]) -> dict[str, Any]:
        kept = [one for one in document["findings"] if one["statistic"] != FAILED]
        alarms = [{**one, "findings": len(one["findings"])} for one in document["alarms"]]
        return {**document, "findings": kept, "alarms": alarms}

    return {
        **found,
        "findings": [row for row in found["findings"] if row[4] != FAILED],
        "runs": [(*row[:3], clean(row[3])) for row in found["runs"]],
        "reports": list(found["reports"]),
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
