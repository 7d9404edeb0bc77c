"""A monitor that does not run is an alarm; so is a disk that fills up; the host says it lives."""

from __future__ import annotations

import shutil
from collections import namedtuple
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from monitor.core.errors import DriftloopError
from monitor.core.ports import Message
from monitor.scheduler.watch import ping
from monitor.store.records import NewMessage

from .conftest import SHOP, configure, day


def titles(clock):
    return [incident.title for incident in clock.home.store.incidents.open()]


def mails(shop):
    return sorted(path.read_text() for path in (shop / "mails").glob("*.eml"))


def test_a_monitor_that_does_not_run_is_mailed_once_and_again_when_it_happens_again(shop, at):
    said: list[str] = []
    with at(day(12), said) as clock:
        clock.announce()
        clock.look()
        assert titles(clock) == []
        lease = clock.home.store.ledger.claim_next(worker="w")
        clock.home.store.ledger.fail(lease, "the bucket is gone", retry_in=None)
        clock.home.clock = lambda: real_now(clock) + timedelta(hours=7)
        clock.look()
        clock.look()
        clock.deliver()
        assert titles(clock) == ["shop does not run: 1 window is overdue"]
        assert clock.home.store.ledger.retry("shop", lease.window)
        clock.run_due()
        clock.look()
        assert titles(clock) == []
    (mail,) = mails(shop)
    assert "Subject: [driftloop] shop does not run: 1 window is overdue" in mail
    assert "the bucket is gone" in mail
    assert any("service: over: shop does not run" in line for line in said)


def real_now(clock):
    with clock.home.store.database.reading() as session:
        return clock.home.store.database.now(session)


def test_many_monitors_that_do_not_run_are_one_mail(shop, at):
    with (shop / "config.toml").open("a") as file:
        for number in range(8):
            file.write(SHOP.format(name=f"m{number}", path="data.csv", more=""))
    with at(day(12)) as clock:
        clock.announce()
        clock.home.clock = lambda: real_now(clock) + timedelta(hours=7)
        clock.look()
        assert titles(clock) == ["9 monitors do not run: 9 windows are overdue"]


def test_a_source_that_does_not_answer_is_an_alarm_after_a_while(shop, at):
    configure(shop, path="gone.csv")
    with at(day(12)) as clock:
        clock.run_due()
        clock.look()
        assert titles(clock) == []
        clock.home.clock = lambda: day(12, 8)
        clock.run_due()
        clock.look()
        assert titles(clock) == ["shop cannot be asked what is due"]
        shutil.copy(shop / "data.csv", shop / "gone.csv")
        clock.home.clock = lambda: day(12, 9)
        clock.run_due()
        clock.look()
        assert titles(clock) == []


def test_messages_that_could_not_be_sent_are_shown(shop, at):
    message = Message(message_id="<1@driftloop>", subject="hello", text="t", html="")
    with at(day(2)) as clock:
        outbox = clock.home.store.outbox
        outbox.add("shop", [NewMessage(channel="gone", message=message)])
        clock.deliver()
        clock.look()
        assert titles(clock) == ["messages could not be sent"]
        outbox.drop(outbox.entries(states={"parked"})[0].id)
        clock.look()
        assert titles(clock) == []


def test_a_disk_that_fills_up_and_a_store_that_grows_are_alarms_before_they_are_full(
    shop, at, monkeypatch
):
    usage = namedtuple("usage", "total used free")
    configure(shop, sections="[heartbeat]\nfree_gb = 2.0\nstore_gb = 0.0002\n")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100e9, 99e9, 1e9))
    with at(day(2)) as clock:
        clock.look()
        assert sorted(titles(clock))[:2] == [
            "the disk of the reports has 1.00 GB left",
            "the disk of the store has 1.00 GB left",
        ]
        assert any(title.startswith("the store has 0.") for title in titles(clock))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100e9, 0, 100e9))
        clock.look()
        assert len(titles(clock)) == 1


class Heard(BaseHTTPRequestHandler):
    paths: list[str]
    answer = 200

    def do_GET(self):
        self.paths.append(self.path)
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def listener():
    handler = type("Handler", (Heard,), {"paths": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}/ping/secret"
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_after_a_healthy_tick_the_outside_is_told_and_not_after_a_bad_one(shop, at, listener):
    configure(shop, sections=f'[heartbeat]\nurl = "{listener.url}"\nevery = "1min"\n')
    with at(day(2)) as clock:
        clock.look()
        assert listener.paths == []  # nothing has run yet
        clock.run_due()
        clock.look()
        clock.look()
        assert listener.paths == ["/ping/secret"]
        clock.home.clock = lambda: day(2, 1, 2)
        clock.look()
        assert len(listener.paths) == 2
        clock.home.clock = lambda: day(2, 5)  # no tick since
        clock.look()
        assert len(listener.paths) == 2


def test_a_heartbeat_that_is_not_heard_is_said_once_without_its_secret(shop, at, listener):
    listener.answer = 500
    configure(shop, sections=f'[heartbeat]\nurl = "{listener.url}"\nevery = "0min"\n')
    said: list[str] = []
    with at(day(2), said) as clock:
        for _ in range(3):
            clock.run_due()
            clock.look()
    assert [line for line in said if "heartbeat" in line] == [
        "service: the heartbeat was not heard: HTTP 500"
    ]
    with pytest.raises(DriftloopError) as caught:
        ping("http://127.0.0.1:1/secret", 1.0)
    assert "secret" not in str(caught.value)
