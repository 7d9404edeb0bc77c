from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from monitor.alerts.apprise import Apprise
from monitor.core import plugins
from monitor.core.errors import DeliveryError
from monitor.core.ports import Message

# apprise itself imports it, and brings its own where Python has it no more.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")

MESSAGE = Message("<1@driftloop>", "flights:\ntemp has moved", "temp moved by 0.4 sd", "<p>h</p>")


class Service(ThreadingHTTPServer):
    """A web hook on loopback that remembers what it got."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[dict[str, object]] = []
        self.status, self.delay = 200, 0.0

    @property
    def url(self) -> str:
        return f"json://user:hunter2@127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(json.loads(body))
        time.sleep(self.server.delay)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def service():
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def channel(url: str, **options: object) -> Apprise:
    return Apprise(Apprise.Options(url=url, **options))


def test_it_is_the_plug_in_of_its_name():
    assert plugins.load("alerts", "apprise") is Apprise


def test_title_and_text_arrive(service):
    channel(service.url).send(MESSAGE)

    (got,) = service.got
    assert (got["title"], got["message"]) == ("flights: temp has moved", "temp moved by 0.4 sd")


def test_a_no_is_worth_another_try_and_does_not_tell_the_secret(service):
    service.status = 500

    with pytest.raises(DeliveryError, match="could not send") as caught:
        channel(service.url).send(MESSAGE)
    assert not caught.value.permanent
    assert "hunter2" not in str(caught.value)


def test_a_service_that_hangs_costs_no_more_than_the_timeout(service):
    service.delay = 1.0
    began = time.monotonic()

    with pytest.raises(DeliveryError):
        channel(service.url, timeout=0.2).send(MESSAGE)
    assert time.monotonic() - began < 0.9


def test_check_says_where_it_goes_and_sends_nothing(service):
    said = channel(service.url).check()

    assert said.startswith("apprise: json://user:****@127.0.0.1")
    assert service.got == []


@pytest.mark.parametrize("url", ["", "nonsense", "nosuchservice://a/b"])
def test_a_url_that_apprise_does_not_know_is_a_clear_error(url):
    for act in (channel(url).check, lambda: channel(url).send(MESSAGE)):
        with pytest.raises(DeliveryError, match="does not understand `url`"):
            act()


def test_the_url_is_not_shown():
    assert "hunter2" not in repr(Apprise.Options(url="json://user:hunter2@localhost"))
