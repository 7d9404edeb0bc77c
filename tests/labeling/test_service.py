"""What `driftloop serve` does with annotation tools: it pushes, polls, and hears their webhooks."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from monitor.cli.main import main
from monitor.config import Config, load
from monitor.scheduler.annotators import Annotators
from monitor.scheduler.installation import Installation
from monitor.store.store import Store
from monitor.web.app import create_app

from .loop import TOKEN, WEEK, annotate, row
from .studio import Studio

CONFIG = """
[[monitors]]
name = "{name}"
[monitors.source]
kind = "files"
path = "none.csv"
[monitors.queue]
classes = ["late", "on time"]
without_draft = 0
{more}
[monitors.queue.tool]
kind = "label-studio"
url = "{url}"
token = "{token}"
requests_per_second = 1000
webhook = "http://127.0.0.1:9/hooks/label-studio"
webhook_secret = "hush"
"""


def config_in(folder: Path, url: str, more: str = "", name: str = "m") -> Config:
    path = folder / "config.toml"
    path.write_text(CONFIG.format(url=url, token=TOKEN, more=more, name=name))
    return load(path)


@pytest.fixture
def nowhere(tmp_path):
    """A config whose tool does not answer, and its store."""
    config = config_in(tmp_path, "http://127.0.0.1:1")
    with Store.open(config.store.url, upgrade=True) as store:
        store.queue.add("m", WEEK, [row(0)])
        store.tools.add_project(
            "m", "label-studio", "annotators", number=1, project="3", spec_version=1
        )
        yield config, store


def call(config: Config, store: Store, path: str, secret: str | None) -> int:
    headers = {} if secret is None else {"X-Driftloop-Secret": secret}
    with TestClient(create_app(config, store)) as client:
        answer = client.post(path, headers=headers, json={"action": "ANNOTATION_CREATED"})
    return answer.status_code


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [
        ("/hooks/label-studio?monitor=m", "hush", 202),
        ("/hooks/label-studio", "hush", 202),
        ("/hooks/label-studio?monitor=m", "wrong", 403),
        ("/hooks/label-studio?monitor=m", "", 403),
        ("/hooks/label-studio?monitor=m", None, 403),
        ("/hooks/label-studio?monitor=other", "hush", 403),
        ("/hooks/doccano?monitor=m", "hush", 403),
    ],
)
def test_only_who_knows_the_secret_wakes_the_poll(nowhere, path, secret, status):
    config, store = nowhere

    assert call(config, store, path, secret) == status
    (project,) = store.tools.projects("m", "label-studio")
    assert (project.woken_at is not None) == (status == 202)


def test_a_call_that_is_replayed_does_no_more_than_the_first(nowhere):
    config, store = nowhere
    for _ in range(3):
        assert call(config, store, "/hooks/label-studio", "hush") == 202

    assert list(store.labels.of("m", states=None)) == []
    assert store.queue.counts("m")["proposed"] == 1


class Hands:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


def test_a_tool_that_does_not_answer_is_left_alone_for_a_while(nowhere, monkeypatch):
    config, store = nowhere
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    hands = Hands()
    annotators = Annotators(Installation(config, store, clock=hands))

    (error,) = annotators.exchange(threading.Event())
    assert "cannot be reached" in error
    assert annotators.exchange(threading.Event()) == []
    hands.time += timedelta(seconds=31)
    assert len(annotators.exchange(threading.Event())) == 1
    hands.time += timedelta(seconds=31)  # twice as long now
    assert annotators.exchange(threading.Event()) == []


def test_a_monitor_that_is_not_automatic_is_left_to_its_people(tmp_path):
    config = config_in(tmp_path, "http://127.0.0.1:1", more="automatic = false")
    with Store.open(config.store.url, upgrade=True) as store:
        store.queue.add("m", WEEK, [row(0)])
        annotators = Annotators(Installation(config, store))

        assert annotators.exchange(threading.Event()) == []


@pytest.mark.service
def test_the_service_pushes_polls_and_hears_that_it_was_woken(label_studio: Studio, tmp_path):
    name = f"service-{secrets.token_hex(4)}"
    config = config_in(tmp_path, label_studio.url, name=name)
    hands = Hands()
    with Store.open(config.store.url, upgrade=True) as store, label_studio.http() as http:
        annotators = Annotators(Installation(config, store, clock=hands))
        store.queue.add(name, WEEK, [row(n) for n in range(3)])
        assert annotators.exchange(threading.Event()) == []
        assert store.queue.counts(name)["in_annotation"] == 3
        annotators.exchange(threading.Event())  # the first poll, on an empty project

        (project,) = store.tools.projects(name, "label-studio")
        tasks = http.get("/api/tasks", params={"project": project.project}).json()["tasks"]
        annotate(http, tasks[0]["id"], "late")
        hands.time = datetime.now(UTC) + timedelta(seconds=10)
        annotators.exchange(threading.Event())
        assert store.labels.counts(name)["active"] == 0, "nobody said that there is news"
        (hook,) = http.get("/api/webhooks/", params={"project": project.project}).json()
        path = hook["url"].removeprefix("http://127.0.0.1:9")
        assert call(config, store, path, hook["headers"]["X-Driftloop-Secret"]) == 202
        annotators.exchange(threading.Event())
        assert store.labels.counts(name)["active"] == 1

        annotate(http, tasks[1]["id"], "on time")
        hands.time += timedelta(seconds=61)
        annotators.exchange(threading.Event())
        assert store.labels.counts(name)["active"] == 2, "the poll needs no webhook"


@pytest.mark.service
def test_check_opens_the_tool(label_studio: Studio, tmp_path, capsys):
    for url, code, says in (
        (label_studio.url, "ok", "Label Studio 1.23.0 at"),
        (label_studio.url + "/nothing", "FAIL", "HTTP 404"),
    ):
        config_in(tmp_path, url)
        main(["check", "-c", str(tmp_path / "config.toml")])
        (line,) = [one for one in capsys.readouterr().out.splitlines() if "annotation tool" in one]
        assert line.startswith(code)
        assert says in line
