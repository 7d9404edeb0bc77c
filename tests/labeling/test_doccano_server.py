"""Our file through a real doccano: imported by its web server, answered, exported, read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from monitor.labeling.doccano import plugin
from monitor.labeling.spec import LabelSpec

from .studio import UnavailableError, installed, stop

pytestmark = [pytest.mark.service, pytest.mark.slow]

VERSION = "1.8.4"
#: It does not say so, but it breaks with newer ones.
PINS = ("marshmallow<4", "numpy<2")
NAME, PASSWORD = "anna", "an-annotators-Pass1"
SPEC = LabelSpec(classes=("late", "on time"), text_field="note")


@pytest.fixture(scope="module")
def doccano(tmp_path_factory) -> Iterator[httpx.Client]:
    """A server and its worker, and somebody who is signed in."""
    try:
        python = installed("doccano", VERSION, *PINS)
    except UnavailableError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("doccano")
    backend = next(python.parent.parent.glob("lib/python*/site-packages/backend"))
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        "DOCCANO_HOME": str(folder),
        "STANDALONE": "True",
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "MEDIA_ROOT": f"{folder}/media",
        "PYTHONPATH": str(backend),
    }
    bin_ = python.parent
    for arguments in (["init"], ["createuser", "--username", NAME, "--password", PASSWORD]):
        command = [bin_ / "doccano", *arguments]
        subprocess.run(command, env=environment, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    commands = (
        [bin_ / "gunicorn", "--bind", address, "--workers", "1", "--chdir", backend, "config.wsgi"],
        [bin_ / "celery", "--app=config", f"--workdir={backend}", "worker", "--pool=solo"],
    )
    started = []
    with contextlib.ExitStack() as stack:
        for command in commands:
            log = stack.enter_context((folder / f"{Path(command[0]).name}.log").open("wb"))
            started.append(
                subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
            )
        try:
            with httpx.Client(base_url=f"http://{address}", timeout=60) as http:
                _sign_in(http)
                yield http
        finally:
            for process in started:
                process.terminate()
            for process in started:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                stop(process.pid)
                process.wait()


def _sign_in(http: httpx.Client) -> None:
    given = {"username": NAME, "password": PASSWORD}
    for _ in range(120):
        with contextlib.suppress(httpx.HTTPError):
            answer = http.post("/v1/auth/login/", json=given)
            if answer.status_code == 200:
                http.cookies.clear()
                http.headers["Authorization"] = f"Token {answer.json()['key']}"
                return
        time.sleep(0.5)
    pytest.fail("doccano does not answer")


def _done(http: httpx.Client, answer: httpx.Response) -> str:
    """Wait for a task of the worker; its id."""
    assert answer.status_code == 200, answer.text
    task = answer.json()["task_id"]
    for _ in range(240):
        state = http.get(f"/v1/tasks/status/{task}").json()
        if state.get("ready"):
            assert not state["error"], state
            return task
        time.sleep(0.25)
    pytest.fail("the worker of doccano does not answer")


def test_drafts_are_imported_corrected_exported_and_read(doccano, item):
    out = io.BytesIO()
    items = [item(id=f"r{n}", data={"note": f"text {n}", "a": 1}) for n in range(3)]
    plugin().write(items, SPEC, out)
    project = doccano.post(
        "/v1/projects",
        json={
            "name": "queue", "description": "d", "guideline": "", "tags": [],
            "project_type": "DocumentClassification",
            "resourcetype": "TextClassificationProject",
            "single_class_classification": True, "collaborative_annotation": False,
            "random_order": False,
        },
    ).json()["id"]  # fmt: skip
    files = {"filepond": ("queue.jsonl", out.getvalue(), "application/json")}
    upload = doccano.post("/v1/fp/process/", files=files).text.strip()
    wanted = {
        "format": "JSONL", "uploadIds": [upload], "task": "DocumentClassification",
        "column_data": "text", "column_label": "label", "encoding": "utf_8",
    }  # fmt: skip
    _done(doccano, doccano.post(f"/v1/projects/{project}/upload", json=wanted))

    home = f"/v1/projects/{project}"
    examples = doccano.get(f"{home}/examples", params={"limit": 10}).json()["results"]
    assert [one["text"] for one in examples] == ["text 0", "text 1", "text 2"]
    other = doccano.post(f"{home}/category-types", json={"text": "on time"}).json()["id"]
    changed = f"{home}/examples/{examples[1]['id']}/categories"
    (draft,) = doccano.get(changed).json()
    doccano.delete(f"{changed}/{draft['id']}")
    assert doccano.post(changed, json={"label": other, "prob": 0}).status_code == 201
    for one in examples[:2]:
        assert doccano.post(f"{home}/examples/{one['id']}/states", json={}).status_code == 201

    task = _done(
        doccano,
        doccano.post(f"{home}/download", json={"format": "JSONL", "exportApproved": True}),
    )
    content = doccano.get(f"{home}/download", params={"taskId": task}).content
    returned = plugin().read(io.BytesIO(content), SPEC)

    assert [(one.id, one.value, one.annotator) for one in returned.labels] == [
        ("r0", "late", NAME),
        ("r1", "on time", NAME),
    ]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (line, *_) = archive.read(f"{NAME}.jsonl").splitlines()
    assert json.loads(line)["text"] == "text 0"
