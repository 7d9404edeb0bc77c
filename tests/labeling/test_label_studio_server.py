"""The way to a real Label Studio and back."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from monitor.core.errors import LabelingError, UsageError
from monitor.labeling.label_studio import labeling_config, plugin
from monitor.labeling.spec import LabelSpec
from monitor.steps.pull import Overlap
from monitor.steps.push import draft_is_shown

from .loop import SPEC, TOKEN, Loop, annotate, choice, row, server
from .studio import Studio

pytestmark = pytest.mark.service


@pytest.fixture
def http(label_studio: Studio):
    with label_studio.http() as client:
        yield client


@pytest.fixture
def loop(label_studio: Studio, tmp_path: Path) -> Loop:
    return Loop(tmp_path, f"m-{secrets.token_hex(4)}", label_studio.url)


def test_rows_arrive_once_with_their_drafts_and_in_their_order(loop, http):
    loop.fill([row(n) for n in range(9)])

    first, second = loop.push(), loop.push()

    tasks = loop.tasks(http)
    assert (first.planned, first.arrived, second.planned, second.arrived) == (9, 9, 0, 0)
    assert [task["data"]["driftloop_id"] for task in tasks] == [f"r{n}" for n in range(9)]
    (prediction,) = tasks[0]["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.75, "m1")
    assert prediction["result"] == choice("late")
    assert loop.counts() == {"in_annotation": 9}
    project = http.get(f"/api/projects/{loop.projects()[0]}/").json()
    assert project["label_config"] == labeling_config(SPEC)
    assert project["expert_instruction"] == "Late is 15 minutes &amp; more."
    assert project["sampling"] == "Sequential sampling"


def test_a_share_goes_out_without_the_draft_and_it_is_remembered_which(loop, http):
    loop.fill([row(n) for n in range(40)])
    loop.push(without_draft=0.5, batch=50)

    tasks = loop.tasks(http)
    bare = {task["data"]["driftloop_id"] for task in tasks if not task["predictions"]}
    assert bare == {f"r{n}" for n in range(40) if not draft_is_shown(loop.monitor, f"r{n}", 0.5)}
    assert 8 <= len(bare) <= 32
    for task in tasks[:6]:
        annotate(http, task["id"], "late")
    loop.pull()
    with loop.store() as store:
        shown = {one.row_id: one.with_draft for one in store.labels.of(loop.monitor)}
    assert shown == {f"r{n}": f"r{n}" not in bare for n in range(6)}


def test_a_prediction_that_does_not_fit_stays_behind_and_the_reason_is_kept(loop, http):
    loop.fill([row(0), row(1, prediction="cancelled")])
    pushed = loop.push()

    assert pushed.without_prediction == [("r1", "class 'cancelled' is not in the label spec")]
    assert [len(task["predictions"]) for task in loop.tasks(http)] == [1, 0]
    with loop.store() as store:
        (kept,) = store.pushes.refusals(loop.monitor, "label-studio")
    assert (kept.row_id, kept.with_draft) == ("r1", False)
    assert "cancelled" in kept.note


def test_one_row_that_the_tool_refuses_does_not_lose_the_batch(loop, http):
    spec = LabelSpec(classes=("late", "on time"), text_field="note")
    loop.fill([row(n, data={"note": "x"} if n != 2 else {}) for n in range(6)])
    pushed = loop.push(spec, batch=6)

    assert [row_id for row_id, _ in pushed.refused] == ["r2"]
    assert "text" in pushed.refused[0][1]
    assert loop.ids(http) == ["r0", "r1", "r3", "r4", "r5"]
    assert loop.push(spec).arrived == 0


@pytest.mark.parametrize("fate", ["lose", "fail", "refuse"])
def test_an_import_whose_answer_is_lost_is_there_once(loop, http, proxy, fate):
    loop.fill([row(n) for n in range(10)])
    left = Counter({"import": 2})

    def plan(method: str, path: str) -> str:
        kind = "import" if path.endswith("/import") else ""
        if kind and left[kind]:
            left[kind] -= 1
            return fate
        return "pass"

    proxy.plan = plan
    loop.url = proxy.url
    pushed = loop.push()

    assert loop.ids(http) == sorted(f"r{n}" for n in range(10))
    assert pushed.arrived == 10
    assert loop.counts() == {"in_annotation": 10}


def test_a_project_whose_making_was_not_answered_is_not_made_twice(loop, http, proxy):
    loop.fill([row(0)])
    proxy.plan = lambda method, path: (
        "lose" if (method, path) == ("POST", "/api/projects/") else "pass"
    )
    loop.url = proxy.url
    with contextlib.suppress(LabelingError):
        loop.push()
    proxy.plan = lambda _method, _path: "pass"
    loop.push()

    title = f"driftloop: {loop.monitor}"
    found = http.get("/api/projects/", params={"title": title}).json()["results"]
    assert [one["title"] for one in found] == [title]
    assert loop.ids(http) == ["r0"]


KILLED = """
import sys
from pathlib import Path
from tests.labeling.loop import Loop

loop = Loop.__new__(Loop)
loop.path, loop.monitor, loop.url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
loop.hours = int(sys.argv[4])
getattr(loop, sys.argv[5])()
"""


def killed_at(loop: Loop, proxy, job: str, request: int, *, after: bool) -> bool:
    """Run a push or pull in a process that dies with its n-th request, or with its answer."""
    process = subprocess.Popen(
        [
            sys.executable, "-c", textwrap.dedent(KILLED), str(loop.path), loop.monitor,
            proxy.url, str(loop.hours + 1), job,
        ],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    count = 0

    def plan(_method: str, _path: str) -> str:
        nonlocal count
        count += 1
        if count == request and not after:
            os.kill(process.pid, signal.SIGKILL)
            return "refuse"
        if count == request:
            # It happens there; who asked hears nothing of it, and never will.
            return "kill"
        return "pass"

    def shot(method: str, path: str) -> str:
        fate = plan(method, path)
        if fate != "kill":
            return fate
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return "lose"

    proxy.plan = shot
    _, err = process.communicate(timeout=120)
    proxy.plan = lambda _method, _path: "pass"
    loop.hours += 3
    assert process.returncode in (0, -signal.SIGKILL), err.decode()
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_push_that_is_killed_at_any_request_makes_no_task_twice_and_loses_none(loop, http, proxy):
    loop.fill([row(n) for n in range(8)])
    deaths = 0
    for request in range(1, 30):
        if not killed_at(loop, proxy, "push", request, after=request % 2 == 0):
            break
        deaths += 1
        there = Counter(loop.ids(http)) if loop.projects() else Counter()
        assert set(there.values()) <= {1}, there
        loop.fill([row(8 + 6 * request + n) for n in range(6)])  # two batches for each attempt

    assert deaths >= 6
    loop.url = proxy.url
    loop.push()
    assert loop.ids(http) == sorted(f"r{n}" for n in (*range(8), *range(14, 14 + 6 * deaths)))
    assert set(loop.counts()) == {"in_annotation"}


@pytest.mark.slow
def test_a_pull_that_is_killed_at_any_request_loses_no_label_and_doubles_none(loop, http, proxy):
    loop.fill([row(n) for n in range(8)])
    loop.push()
    tasks = loop.tasks(http)
    deaths = 0
    for request in range(1, 20):
        annotate(http, tasks[request % 8]["id"], "late" if request % 3 else None)
        if not killed_at(loop, proxy, "pull", request, after=request % 2 == 0):
            break
        deaths += 1

    assert deaths >= 2
    loop.pull()
    made = [one for task in loop.tasks(http) for one in task["annotations"]]
    with loop.store() as store:
        stored = Counter(one.annotation for one in store.labels.of(loop.monitor, states=None))
    assert stored == Counter(str(one["id"]) for one in made)


def test_edits_deletions_and_skips_come_through(loop, http):
    loop.fill([row(n) for n in range(4)])
    loop.push()
    tasks = [task["id"] for task in loop.tasks(http)]
    first = annotate(http, tasks[0], "late", lead_time=4.5)
    second = annotate(http, tasks[1], "late")
    annotate(http, tasks[2], None)
    assert (pulled := loop.pull()).new == 3
    assert (pulled.skipped, pulled.states) == (1, {"labelled": 2, "disputed": 1})

    http.patch(f"/api/annotations/{first}/", json={"result": choice("on time")})
    http.delete(f"/api/annotations/{second}/")
    pulled = loop.pull()

    assert (pulled.new, pulled.edited, pulled.deleted) == (0, 1, 1)
    assert loop.labels() == [
        ("r0", "late", "superseded"),
        ("r1", "late", "deleted"),
        ("r2", None, "skipped"),
        ("r0", "on time", "active"),
    ]
    assert loop.counts() == {"in_annotation": 2, "labelled": 1, "disputed": 1}
    with loop.store() as store:
        one = next(iter(store.labels.of(loop.monitor, states=["superseded"])))
    assert (one.annotator, one.lead_time) == ("annotator@example.com", 4.5)
    assert loop.pull().edited == 0


def test_what_does_not_fit_the_spec_is_kept_with_the_reason_and_counts_for_nothing(loop, http):
    loop.fill([row(0)])
    loop.push()
    (task,) = loop.tasks(http)
    annotate(http, task["id"], "cancelled")
    pulled = loop.pull()

    assert pulled.refused == [("r0", "class 'cancelled' is not in the label spec")]
    with loop.store() as store:
        (kept,) = store.labels.of(loop.monitor, states=["refused"])
    assert kept.raw == choice("cancelled")
    assert kept.value is None


def test_tasks_that_people_made_or_deleted_are_no_surprise(loop, http):
    loop.fill([row(n) for n in range(3)])
    loop.push()
    (project,) = loop.projects()
    tasks = loop.tasks(http)
    imported = [
        {"data": {"driftloop_id": "r1", "row": {}}},
        {"data": {"driftloop_id": "nobody", "row": {}}},
        {"data": {"row": {}}},
    ]
    http.post(f"/api/projects/{project}/import", json=imported)
    for task in loop.tasks(http)[-3:]:
        annotate(http, task["id"], "late")
    pulled = loop.pull()
    assert (pulled.new, pulled.unknown, pulled.foreign) == (1, ["nobody"], 1)

    for task in (*loop.tasks(http)[-3:], tasks[2]):
        http.delete(f"/api/tasks/{task['id']}/")
    assert loop.pull().gone == ["r2"]
    assert loop.counts() == {"in_annotation": 1, "labelled": 1, "rejected": 1}


def test_a_duplicate_without_an_answer_is_removed_when_it_is_seen(loop, http):
    loop.fill([row(0), row(1)])
    loop.push(limit=1)
    (project,) = loop.projects()
    double = {"data": {"driftloop_id": "r1", "row": {}}}
    http.post(f"/api/projects/{project}/import", json=[double, double])
    pushed = loop.push()

    assert (pushed.arrived, pushed.found, pushed.removed) == (1, 1, 1)
    assert loop.ids(http) == ["r0", "r1"]


def test_a_full_project_is_followed_by_a_second_one(loop, http):
    loop.fill([row(n) for n in range(10)])
    loop.push(tasks_per_project=4)

    assert len(loop.projects()) == 3
    assert loop.ids(http) == sorted(f"r{n}" for n in range(10))


def test_what_is_ambiguous_is_asked_of_more_people(loop, http):
    loop.fill([row(0), row(1, reason="ambiguous")])
    overlap = Overlap(1, ambiguous=3)
    loop.push(overlap=overlap)
    tasks = loop.tasks(http)
    assert [task["overlap"] for task in tasks] == [1, 3]

    for task in tasks:
        annotate(http, task["id"], "late")
    loop.pull(overlap=overlap)
    assert loop.counts() == {"labelled": 1, "in_annotation": 1}


def test_what_is_disputed_goes_to_the_experts_without_a_draft(loop, http):
    loop.fill([row(n) for n in range(3)])
    loop.push()
    for task in loop.tasks(http):
        annotate(http, task["id"], None if "r1" in task["data"]["driftloop_id"] else "late")
    loop.pull()
    assert loop.counts() == {"labelled": 2, "disputed": 1}

    loop.push()
    (expert,) = loop.projects("experts")
    (task,) = loop.tasks(http, expert)
    assert (task["data"]["driftloop_id"], task["predictions"]) == ("r1", [])
    annotate(http, task["id"], "on time")
    loop.pull()
    assert loop.counts() == {"labelled": 3}
    with loop.store() as store:
        (label,) = [one for one in store.labels.of(loop.monitor) if one.stage == "experts"]
    assert (label.value, label.with_draft) == ("on time", False)


def test_a_changed_guideline_is_a_new_version_in_the_same_project(loop, http):
    loop.fill([row(0)])
    loop.push()
    (task,) = loop.tasks(http)
    changed = SPEC.model_copy(update={"guideline": "Late is 20 minutes.", "version": "2"})
    loop.fill([row(1)])
    loop.push(changed)

    (project,) = loop.projects()
    assert http.get(f"/api/projects/{project}/").json()["expert_instruction"] == (
        "Late is 20 minutes."
    )
    with loop.store() as store:
        assert [one.version for one in store.labels.specs(loop.monitor)] == [1, 2]
    assert task["data"]["driftloop_id"] == "r0"


def test_a_project_that_a_person_made_is_checked(loop, http):
    def project(config: str) -> str:
        body = {"title": "by hand", "label_config": config}
        return str(http.post("/api/projects/", json=body).json()["id"])

    other = labeling_config(LabelSpec(classes=("a", "b")))
    loop.fill([row(0)])
    with pytest.raises(LabelingError, match="lacks the class 'late'") as caught:
        loop.push(projects={"annotators": project(other)})
    assert labeling_config(SPEC) in str(caught.value)

    mine = project(labeling_config(SPEC))
    loop.push(projects={"annotators": mine})
    assert loop.projects() == [mine]
    assert loop.ids(http) == ["r0"]


def test_a_project_that_was_deleted_stops_nobody(loop, http):
    loop.fill([row(0)])
    loop.push()
    http.delete(f"/api/projects/{loop.projects()[0]}/")
    loop.fill([row(1)])
    loop.pull()
    loop.push()

    tasks = loop.tasks(http, loop.projects()[-1])
    assert [task["data"]["driftloop_id"] for task in tasks] == ["r1"]


def test_a_personal_access_token_is_exchanged(loop, http):
    made = http.post("/api/token/", json={})
    assert made.status_code == 201, made.text
    loop.fill([row(0)])

    assert loop.push(token=made.json()["token"]).arrived == 1


@pytest.mark.parametrize("token", ["0" * 40, "a.b.c"])
def test_a_wrong_token_is_one_clear_error_without_the_token(loop, token):
    loop.fill([row(0)])
    with pytest.raises(LabelingError, match="does not accept the token") as caught:
        loop.push(token=token)

    assert token not in str(caught.value)


def test_redirects_are_not_followed(loop, proxy):
    proxy.plan = lambda _method, _path: "redirect"
    loop.url = proxy.url
    loop.fill([row(0)])

    with pytest.raises(LabelingError, match="redirects are not followed"):
        loop.push()
    assert len(proxy.seen) == 1


def test_the_webhook_is_made_once_and_says_who_it_is(loop, http, proxy):
    loop.fill([row(0), row(1)])
    hook = ("http://127.0.0.1:9/hooks/label-studio", "hush")
    loop.push(limit=1, webhook=hook)
    loop.push(webhook=hook)

    (project,) = loop.projects()
    (known,) = http.get("/api/webhooks/", params={"project": project}).json()
    assert known["url"] == hook[0]
    assert known["headers"] == {"X-Driftloop-Secret": "hush"}
    loop.fill([row(2)])
    loop.push(webhook=(hook[0], "changed"))
    (known,) = http.get("/api/webhooks/", params={"project": project}).json()
    assert known["headers"] == {"X-Driftloop-Secret": "changed"}


def test_two_processes_do_not_push_at_the_same_time(loop, label_studio):
    loop.fill([row(0)])
    with loop.store() as store:
        lease = store.tools.lease(loop.monitor, "label-studio", worker="other")
        loop.hours -= 1
        with pytest.raises(UsageError, match="Another process"):
            loop.push()
        lease.release()
    assert loop.push().arrived == 1


def test_strange_ids_come_back_as_they_were(loop, http):
    names = ['a,b"c', "é€😀", "[1]", "%", " ", "null", "x" * 900, "y" * 1001, "\u2028"]
    loop.fill([row(n, row_id=name) for n, name in enumerate(names)])
    pushed = loop.push(batch=50)

    assert [row_id for row_id, _ in pushed.refused] == ["y" * 1001]
    assert set(loop.ids(http)) == set(names) - {"y" * 1001}
    assert loop.push().arrived == 0


def test_a_wire_without_a_server_is_one_clear_error(loop):
    loop.url = "http://127.0.0.1:1"
    loop.fill([row(0)])

    with pytest.raises(LabelingError, match="cannot be reached"):
        loop.push()


def test_the_token_is_for_that_server_alone():
    tool = server("http://127.0.0.1:1/base/")

    assert tool._wire.url == "http://127.0.0.1:1/base"
    assert TOKEN not in repr(tool)
    tool.close()


BOX = {"x": 20.0, "y": 10.0, "width": 50.0, "height": 25.0, "label": "late"}
RING = {"points": [[10.0, 10.0], [60.0, 10.0], [60.0, 40.0]], "label": "late"}
IMAGE, NOTE = {"has_images": True}, {"text_field": "note"}
KINDS = [
    ("class", IMAGE, "late"),
    ("class", NOTE, "late"),
    ("multi-label", {}, ["late", "on time"]),
    ("span", NOTE, [{"start": 2, "end": 9, "label": "late"}]),
    ("box", IMAGE, [BOX, BOX | {"x": 0.0, "label": "on time"}]),
    ("polygon", IMAGE, [RING]),
    ("rating", {}, 4),
    ("text", NOTE, "two words"),
]


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case[0])
def test_a_draft_of_any_type_that_is_submitted_as_it_is_comes_back_as_the_label(
    loop, http, png, case
):
    kind, more, value = case
    spec = LabelSpec(type=kind, classes=SPEC.classes, **more)
    loop.fill([row(0, prediction=value, image=png, data={"note": "a note that is long enough"})])
    assert loop.push(spec).without_prediction == []

    (task,) = loop.tasks(http)
    (draft,) = task["predictions"]
    assert draft["score"] == 0.75
    http.post(f"/api/tasks/{task['id']}/annotations/", json={"result": draft["result"]})
    assert loop.pull(spec).refused == []
    assert loop.labels() == [("r0", value, "active")]

    exported = http.get(f"/api/projects/{loop.projects()[0]}/export", params={"exportType": "JSON"})
    returned = plugin().read(io.BytesIO(exported.content), spec)
    assert [(one.id, one.value, one.annotator) for one in returned.labels] == [
        ("r0", value, "user 1")
    ]


def test_pages_of_changes_and_answers_that_are_too_large_lose_nothing(loop, http, monkeypatch):
    loop.fill([row(n) for n in range(12)])
    loop.push(batch=50)
    for task in loop.tasks(http):
        annotate(http, task["id"], "late")
    monkeypatch.setattr("monitor.labeling.label_studio_server._CHANGED_PAGE", 8)
    monkeypatch.setattr("monitor.labeling.wire.MAX_ANSWER", 3_000)

    assert loop.pull().new == 12
    assert loop.pull().new == 0
