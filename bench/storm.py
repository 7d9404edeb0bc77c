"""Two schedulers and three workers in a storm: is every window run once, and every mail sent?

    python -m bench.storm [--minutes 30] [--seed N]

Five processes share one PostgreSQL. They are killed with SIGKILL, stopped for longer than their
leases, their clocks jump by days, and the store goes away and comes back. Then it is quiet, and a
checker goes through everything: the windows of each monitor tile time without a hole, each has
exactly one run, whose findings, alarm event and queue rows are there once, and each alarm event
has its mail at a real SMTP server, in order for each monitor. A mail may come twice only when a
process was killed between the server's 250 and our commit; those are counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from bench.soak import postgres
from monitor.config import load
from monitor.core.errors import DriftloopError
from monitor.core.finding import Alarm, Finding
from monitor.core.ports import Message
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.scheduler import worker as workers
from monitor.scheduler.clock import Clock
from monitor.scheduler.installation import Installation
from monitor.store.models import (
    AlarmEventRow,
    FindingRow,
    OutboxItemRow,
    QueueItemRow,
    RunRow,
    WindowRow,
)
from monitor.store.records import Lease, NewMessage, NewQueueRow, RunEffects
from monitor.store.store import Store

MONITORS, LEASE, HOUR_SECONDS = 12, 3.0, 3.0
START = datetime(2024, 1, 1, tzinfo=UTC)
ROLES = ("scheduler 1", "scheduler 2", "worker 1", "worker 2", "worker 3")
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
"""
MONITOR = """
[[monitors]]
name = "m{number}"
window = "1h"
[monitors.source]
kind = "files"
path = "rows.parquet"
[monitors.reference]
start = 2023-12-31T00:00:00
end = 2024-01-01T00:00:00
[monitors.columns]
timestamp = "ts"
"""


def is_loud(monitor: str, window: Window) -> bool:
    """Whether that window opens an alarm: one in three."""
    return zlib.crc32(f"{monitor} {window}".encode()) % 3 == 0


def message_id(monitor: str, window: Window) -> str:
    """Of the mail about it."""
    return f"<{monitor}.{window.start:%Y%m%dT%H}@driftloop>"


@dataclass(slots=True)
class Stormy(Pipeline):
    """Effects that follow from monitor and window alone; a while passes before they are written."""

    def run_leased(self, monitor: Any, lease: Lease) -> dict[str, Any]:
        """Commit them."""
        time.sleep(random.expovariate(20))
        name, window, now = monitor.name, lease.window, self.clock()
        loud = is_loud(name, window)
        alarm = Alarm(
            key=f"hour {window.start:%H}", state="opened" if loud else "closed", title="t"
        )
        mail = Message(message_id(name, window), f"{name} {window}", "text", "")
        row = NewQueueRow(
            row_id=f"{name} {window}", reason="random", reason_text="", score=1.0,
            inclusion_probability=0.5, weight=2.0, push_order=0, data={},
        )  # fmt: skip
        finding = Finding(check="c", statistic="s", value=1.0, message="m", column="a")
        document = {"rows": {"reference": 1, "current": 1}, "alarms": [alarm.to_dict()]}
        mails = (NewMessage(channel="mail", message=mail, order_key=name),) if loud else ()
        self.store.commit(
            lease,
            RunEffects(
                document=document, rows=1, started_at=now, finished_at=now, reference_version=1,
                findings=(finding,) * 3, alarms=(alarm,), queue=(row,), outbox=mails,
            ),
        )  # fmt: skip
        return document


def child(config_file: Path, role: str) -> None:
    """One process: ticks until it is killed."""
    workers.LEASE_SECONDS, workers.BEAT_SECONDS = LEASE, LEASE / 3
    began = float(config_file.with_name("began").read_text())
    jump = config_file.with_name(f"jump {role}")

    def now() -> datetime:
        hours = (time.time() - began) / HOUR_SECONDS
        with contextlib.suppress(OSError, ValueError):
            hours += float(jump.read_text())
        return START + timedelta(hours=hours)

    with Store.open(load(config_file).store.url) as store:
        home = Installation(load(config_file), store, clock=now)
        home.make = lambda config, store: Stormy(config, store, clock=now)
        clock = Clock(home)
        while True:
            clock.run_due()
            if role.startswith("scheduler"):
                clock.deliver()
            time.sleep(0.1)


class Inbox:
    """Message ids in the order in which the server took them."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        text = envelope.content.decode("ascii", "replace")
        self.taken.append(text.partition("Message-ID: ")[2].partition("\r\n")[0])
        return "250 OK"


@dataclass(slots=True)
class Storm:
    """The processes, and what is done to them."""

    config: Path
    url: str
    rng: random.Random
    done: Counter[str] = field(default_factory=Counter)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stopped: dict[str, float] = field(default_factory=dict)

    def keep_up(self) -> None:
        """Start what is not running, and let go on what was stopped for long enough."""
        for role in ROLES:
            if role not in self.running or self.running[role].poll() is not None:
                command = [sys.executable, "-m", "bench.storm", "--child", str(self.config), role]
                log = self.config.with_name("log").open("ab")
                self.running[role] = subprocess.Popen(command, stderr=log, stdout=log)
                log.close()
                self.stopped.pop(role, None)
        for role, until in list(self.stopped.items()):
            if time.monotonic() >= until:
                self.running[role].send_signal(signal.SIGCONT)
                del self.stopped[role]

    def strike(self) -> None:
        """Do something bad."""
        role, rng = self.rng.choice(ROLES), self.rng
        what = rng.choices(["kill", "stop", "jump", "away"], [5, 3, 3, 1])[0]
        self.done[what] += 1
        if what == "kill":
            self.running[role].kill()
            self.running[role].wait()
        elif what == "stop" and role not in self.stopped:
            self.running[role].send_signal(signal.SIGSTOP)
            self.stopped[role] = time.monotonic() + LEASE + rng.uniform(0.2, 4)
        elif what == "jump":
            hours = rng.choice([0, 0, -48, -3, 2, 24])
            self.config.with_name(f"jump {role}").write_text(str(hours))
        elif what == "away":
            self._away(rng.uniform(0.5, 4))

    def _away(self, seconds: float) -> None:
        name = sa.make_url(self.url).database
        admin = sa.make_url(self.url).set(database="template1")
        address = admin.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(query, [name])
            time.sleep(seconds)
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    def calm(self, store: Store, seconds: float) -> None:
        """Set the clocks right, and wait until nothing is left to do."""
        for role in ROLES:
            self.config.with_name(f"jump {role}").unlink(missing_ok=True)
        end = time.monotonic() + seconds
        quiet = 0
        while time.monotonic() < end and quiet < 3:
            self.keep_up()
            time.sleep(1)
            waits = store.outbox.counts().get("pending", 0)
            quiet = quiet + 1 if not waits and len(store.ledger.due(limit=MONITORS)) == 0 else 0

    def end(self) -> None:
        """Kill all of them."""
        for process in self.running.values():
            process.kill()
            process.wait()


def check(store: Store, taken: list[str], *, until: datetime) -> list[str]:
    """What is not as it should be."""
    wrong: list[str] = []
    with store.database.reading() as session:
        windows = session.execute(
            sa.select(WindowRow.monitor, WindowRow.window_start, WindowRow.window_end,
                      WindowRow.state, WindowRow.last_error)
            .order_by(WindowRow.monitor, WindowRow.window_start)
        ).all()  # fmt: skip
        runs = Counter(_keys(session, RunRow))
        events = Counter(_keys(session, AlarmEventRow))
        findings, queued = (
            Counter(_keys(session, FindingRow)),
            Counter(_keys(session, QueueItemRow)),
        )
        states = Counter(session.scalars(sa.select(OutboxItemRow.state)))
    ends: dict[str, datetime] = {}
    mails: dict[str, list[str]] = {}
    for name, start, end, state, error in windows:
        key, window = (name, start), Window(start, end)
        if start != ends.get(name, START):
            wrong.append(f"{name}: a hole or an overlap before {window}")
        ends[name] = end
        if start < until and state != "done":
            wrong.append(f"{name}: {window} is {state} ({error})")
        if state == "done":
            counts = (runs[key], events[key], findings[key], queued[key])
            if counts != (1, 1, 3, 1):
                wrong.append(f"{name}: {window} has {counts} runs, events, findings, queue rows")
            if is_loud(name, window):
                mails.setdefault(name, []).append(message_id(name, window))
    wrong += [f"{name}: nothing after {end}" for name, end in ends.items() if end < until]
    wrong += [f"m{n}: no window at all" for n in range(MONITORS) if f"m{n}" not in ends]
    expected = {one for every in mails.values() for one in every}
    wrong += [f"no mail {one}" for one in sorted(expected - set(taken))]
    wrong += [f"a mail that no alarm caused: {one}" for one in sorted(set(taken) - expected)]
    first = list(dict.fromkeys(taken))
    for name, every in mails.items():
        if [one for one in first if one in set(every)] != [one for one in every if one in first]:
            wrong.append(f"{name}: mails out of order")
    wrong += [f"outbox: {count} {state}" for state, count in states.items() if state != "sent"]
    return wrong


def _keys(session: Any, model: Any) -> list[tuple[str, datetime]]:
    query = sa.select(model.monitor, model.window_start)
    return [(row[0], row[1]) for row in session.execute(query)]


def write(folder: Path, url: str, port: int) -> Path:
    """The config, and rows whose times reach far into the future."""
    times = [START - timedelta(days=1), START + timedelta(days=3650)]
    pq.write_table(
        pa.table({"ts": pa.array(times, pa.timestamp("us", tz="UTC"))}), folder / "rows.parquet"
    )
    text = CONFIG.format(url=url, port=port)
    text += "".join(MONITOR.format(number=number) for number in range(MONITORS))
    (folder / "config.toml").write_text(text)
    (folder / "began").write_text(str(time.time()))
    return folder / "config.toml"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--child", nargs=2, metavar=("CONFIG", "ROLE"))
    given = parser.parse_args()
    if given.child:
        with contextlib.suppress(DriftloopError):  # the store is away: started again
            child(Path(given.child[0]), given.child[1])
        return 1
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(3), "big")
    print(f"seed {seed}, {given.minutes:g} minutes", flush=True)
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with postgres() as url, tempfile.TemporaryDirectory() as folder:
            Store.open(url, upgrade=True).close()
            weather = Storm(write(Path(folder), url, port), url, random.Random(seed))
            return storm(weather, inbox, given.minutes)
    finally:
        controller.stop()


def storm(weather: Storm, inbox: Inbox, minutes: float) -> int:
    """One storm and its end; 0 when everything is as it should be."""
    rng, url, config = weather.rng, weather.url, weather.config
    began = time.monotonic()
    try:
        while time.monotonic() < began + minutes * 60:
            weather.keep_up()
            time.sleep(rng.uniform(0.2, 2.5))
            weather.strike()
        until = START + timedelta(hours=int((time.monotonic() - began) / HOUR_SECONDS) - 1)
        with Store.open(url) as store:
            weather.calm(store, 300)
    finally:
        weather.end()
    with Store.open(url) as store:
        wrong = check(store, inbox.taken, until=until)
        with store.database.reading() as session:
            count = session.scalar(sa.select(sa.func.count()).select_from(RunRow))
    twice = Counter(inbox.taken)
    print(f"done to them: {json.dumps(weather.done)}")
    print(f"{count} runs, {len(twice)} mails, {len(inbox.taken) - len(twice)} of them came again")
    for line in wrong[:40]:
        print(f"WRONG: {line}")
    if wrong:
        print((config.with_name("log")).read_text()[-3000:])
    print(f"{len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
