"""The outbox against a real mail server that is slow, refuses, and hangs up."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller

from monitor.alerts.mail import Mail
from monitor.cli.main import main
from monitor.core.ports import Message
from monitor.steps.deliver import deliver
from monitor.store.records import NewMessage
from monitor.store.store import Store
from tests.store.making import Hands

MONITOR = "flights"


class Hard:
    """Slow; refuses one message in ten; hangs up after one DATA in twenty; poison is refused."""

    def __init__(self, seed: int = 1) -> None:
        self.rng, self.lock = random.Random(seed), threading.Lock()
        self.taken: list[str] = []  #: message ids, in the order in which they came
        self.hung_up: list[str] = []
        self.refused = 0
        self.seconds, self.refuses, self.hangs_up = 0.0, 0.1, 0.05

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server, _session, envelope, address, _options
    ):
        if address.startswith("poison"):
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        await asyncio.sleep(self.rng.uniform(0, self.seconds))
        header = envelope.content.decode("ascii", "replace").partition("Message-ID: ")[2]
        message_id = header.partition("\r\n")[0]
        if self.rng.random() < self.refuses:
            self.refused += 1
            return "451 try again later"
        self.taken.append(message_id)
        if self.rng.random() < self.hangs_up:
            self.hung_up.append(message_id)
            server.transport.abort()
        return "250 OK"


@pytest.fixture
def hard() -> Iterator[tuple[Hard, Controller]]:
    handler = Hard()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield handler, controller
    controller.stop()


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[tuple[Store, Hands]]:
    """A store whose time the test moves, where a sync costs nothing."""
    hands = Hands()
    with Store.open(f"sqlite:///{tmp_path / 'store.db'}", upgrade=True, clock=hands) as store:
        sync_off(store)
        yield store, hands


def sync_off(store: Store) -> None:
    """Nobody pulls the plug on this test."""

    @sa.event.listens_for(store.database.engine, "connect")
    def _connect(connection, _record):
        connection.execute("PRAGMA synchronous=off")


def channel(controller: Controller, *recipients: str) -> Mail:
    options = Mail.Options(
        host="127.0.0.1", port=controller.port, security="none", sender="driftloop@example.org",
        recipients=recipients or ("team@example.org",), timeout=5,
    )  # fmt: skip
    return Mail(options)


def mail(number: int, *, key: str = "", to: tuple[str, ...] = ()) -> NewMessage:
    message = Message(
        message_id=f"<{number}@driftloop>", subject=f"event {number}", text="text", html="",
        recipients=to,
    )  # fmt: skip
    return NewMessage(channel="mail", message=message, order_key=key)


def send_all(store: Store, hands: Hands, mails: Mail) -> int:
    """Rounds, with the waits in between, until nothing waits; how many there were."""
    for number in range(1, 60):
        deliver(store, {"mail": mails}, worker="w", rng=np.random.default_rng(number))
        if not store.outbox.counts().get("pending"):
            return number
        hands.move(6 * 3600)
    pytest.fail(f"messages are left: {store.outbox.counts()}")


def test_1000_alarms_reach_a_server_that_is_slow_refuses_and_hangs_up(timed, hard):
    (store, hands), (server, controller) = timed, hard
    server.seconds = 0.01
    alarms = [mail(number, key=f"alarm {number // 4}") for number in range(1000)]
    store.outbox.add(MONITOR, alarms)

    rounds = send_all(store, hands, channel(controller))

    assert store.outbox.counts() == {"sent": 1000}
    arrived = Counter(server.taken)
    assert set(arrived) == {f"<{number}@driftloop>" for number in range(1000)}
    # A mail came twice only where the server took it and hung up before it said so.
    assert {one for one, count in arrived.items() if count > 1} <= set(server.hung_up)
    assert sum(arrived.values()) == 1000 + sum(count - 1 for count in arrived.values())
    assert server.refused > 50
    assert len(server.hung_up) > 20
    assert rounds > 1
    first = {one: server.taken.index(one) for one in arrived}
    for alarm in range(250):  # those of one alarm came in their order
        own = [first[f"<{number}@driftloop>"] for number in range(4 * alarm, 4 * alarm + 4)]
        assert own == sorted(own)


def test_one_poisoned_recipient_delays_nobody(timed, hard):
    (store, _), (server, controller) = timed, hard
    server.refuses = server.hangs_up = 0.0
    store.outbox.add(MONITOR, [mail(0, to=("poison@example.org",))])
    store.outbox.add(MONITOR, [mail(number) for number in range(1, 20)])
    store.outbox.add(MONITOR, [mail(20, to=("poison@example.org", "well@example.org"))])

    deliver(store, {"mail": channel(controller)}, worker="w", rng=np.random.default_rng(1))

    assert store.outbox.counts() == {"sent": 19, "parked": 2}
    assert sorted(server.taken) == sorted(f"<{number}@driftloop>" for number in range(1, 21))
    assert all("550" in one.last_error for one in store.outbox.entries(states={"parked"}))


def test_a_server_that_is_away_is_tried_again_with_growing_waits_and_then_parked(timed):
    store, hands = timed
    options = Mail.Options(
        host="127.0.0.1", port=1, security="none", sender="a@example.org",
        recipients=("b@example.org",), timeout=1,
    )  # fmt: skip
    store.outbox.add(MONITOR, [mail(0)])
    waits = []
    for _ in range(40):
        deliver(store, {"mail": Mail(options)}, worker="w", rng=np.random.default_rng(3))
        (entry,) = store.outbox.entries()
        if entry.state == "parked":
            break
        waits.append((entry.retry_at - hands.time).total_seconds())
        hands.move(waits[-1])

    assert 15 <= waits[0] <= 30
    assert max(waits) <= 6 * 3600
    assert waits[-1] >= 3 * 3600
    assert len(waits) == 24
    assert "cannot be reached" in entry.last_error


def test_the_command_line_shows_what_is_parked_and_sends_it_after_all(tmp_path, capsys):
    (tmp_path / "config.toml").write_text('[[alerts]]\nkind = "mail"\nfolder = "mails"\n')
    url = f"sqlite:///{tmp_path / 'driftloop.db'}"
    with Store.open(url, upgrade=True) as store:
        store.outbox.add(MONITOR, [mail(1), mail(2), mail(3)])
        for row in store.outbox.claim(worker="w", limit=2):
            store.outbox.park(row, "550 nobody \x1b[2J of that name")
    config = ["-c", str(tmp_path / "config.toml")]

    assert main(["outbox", "list", "--state", "parked", *config]) == 0
    said = capsys.readouterr()
    assert "event 1" in said.out
    assert "\x1b" not in said.out
    assert "2 parked, 1 pending" in said.err
    assert main(["outbox", "retry", "1", *config]) == 0
    assert main(["outbox", "retry", "1", *config]) == 1
    assert main(["outbox", "drop", "2", *config]) == 0
    assert main(["outbox", "retry", *config]) == 2
    assert main(["outbox", "retry", "--all", *config]) == 0
    capsys.readouterr()
    assert main(["outbox", "list", "--json", *config]) == 0
    assert '"counts": {"cancelled": 1, "pending": 2}' in capsys.readouterr().out


def test_the_note_of_a_sent_mail_waits_for_no_goodbye(timed, hard):
    """What lies between the server's 250 and our commit is not its answer to QUIT."""
    (store, _), (server, controller) = timed, hard
    server.refuses = server.hangs_up = 0.0

    said: list[str] = []

    async def goodbye(_smtp, *_):
        for _ in range(200):
            if store.outbox.entries()[0].state == "sent":
                break
            await asyncio.sleep(0.01)
        said.append(store.outbox.entries()[0].state)
        return "221 Bye"

    server.handle_QUIT = goodbye
    store.outbox.add(MONITOR, [mail(0)])
    deliver(store, {"mail": channel(controller)}, worker="w", rng=np.random.default_rng(1))
    assert store.outbox.counts() == {"sent": 1}
    assert "pending" not in said
