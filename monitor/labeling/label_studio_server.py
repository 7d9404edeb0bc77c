"""The REST calls that driftloop makes to Label Studio (1.23, Community), and no others."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from monitor.core.errors import LabelingError, RefusedError
from monitor.labeling.items import ExportCount, Skipped
from monitor.labeling.label_studio_answers import answer_of, moment
from monitor.labeling.label_studio_tasks import labeling_config, object_of, task
from monitor.labeling.spec import NEED_IMAGE, LabelSpec
from monitor.labeling.tool import SECRET_HEADER, Answer, Changes, Outgoing, Sent, TaskRef
from monitor.labeling.wire import TooLargeError, Wire

#: A look-up travels in the address of a GET, which servers bound (nginx: 8 kB).
_LONGEST_LOOKUP = 4_000
_PAGE = 100
#: Of tasks without their data.
_CHANGED_PAGE = 500
#: Tasks are read again that changed so long before the cursor: a transaction may commit late.
_OVERLAP = timedelta(seconds=60)
#: `include` counts for the annotations inside of tasks too.
_CHANGED = (
    "id,updated_at,annotations,result,completed_by,was_cancelled,ground_truth,created_at,lead_time"
)
_EVENTS = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]


class LabelStudioServer:
    """One Label Studio, spoken to as one user.

    A legacy token is sent as it is. A personal access token (a JWT) is a refresh token: it is
    exchanged for a short-lived one, and again when that one has run out.
    """

    name: ClassVar[str] = "label-studio"

    def __init__(self, wire: Wire, token: str, *, batch: int, tasks_per_project: int) -> None:
        self._wire, self._token = wire, token.strip()
        self.batch, self.tasks_per_project = batch, tasks_per_project
        self._access = ""
        self._users: dict[int, str] | None = None
        wire.credentials = self._credentials

    def close(self) -> None:
        """Close connections."""
        self._wire.close()

    def _credentials(self, fresh: bool) -> Mapping[str, str]:
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        if fresh or not self._access:
            body = {"refresh": self._token}
            answer = self._wire.call(
                "POST", "/api/token/refresh", body=body, repeatable=True, public=True
            )
            self._access = _text(answer, "access")
        return {"Authorization": f"Bearer {self._access}"}

    def check(self) -> str:
        """Whether it answers and takes the token; see `tool.Tool.check`."""
        me = _text(self._wire.get("/api/current-user/whoami"), "email")
        release = self._wire.get("/api/version").get("release", "")
        return f"Label Studio {release} at {self._wire.url}, as {me}"

    def open_project(
        self, title: str, spec: LabelSpec, annotators: int, *, project: str | None
    ) -> str:
        """Create or check a project; see `tool.Tool.open_project`."""
        if project is not None:
            found = self._wire.get(f"/api/projects/{int(project)}/")
            self._check(found, spec)
            return str(found["id"])
        wanted = _settings(title, spec, annotators)
        same = self._titled(title)
        if same is None:
            made = self._wire.call("POST", "/api/projects/", body=wanted)
            return _text(made, "id")
        if any(same.get(key) != value for key, value in wanted.items()):
            self._wire.call("PATCH", f"/api/projects/{same['id']}/", body=wanted, repeatable=True)
        return str(same["id"])

    def _titled(self, title: str) -> Mapping[str, Any] | None:
        """The oldest project of exactly that title."""
        page, found = 1, []
        while True:
            params = {"title": title, "page": page, "page_size": _PAGE}
            answer = self._wire.get("/api/projects/", params)
            found += [one for one in answer["results"] if one.get("title") == title]
            if not answer.get("next"):
                return min(found, key=lambda one: one["id"], default=None)
            page += 1

    def _check(self, project: Mapping[str, Any], spec: LabelSpec) -> None:
        """A project that a person made must ask what the label spec asks."""
        controls = project.get("parsed_label_config") or {}
        control = controls.get(spec.label_field)
        kind, name, _ = object_of(spec)
        lacking = "" if control else f"it has no control named {spec.label_field!r}"
        if control and name not in control.get("to_name", ()):
            lacking = f"its control {spec.label_field!r} is not for a {kind} named {name!r}"
        missing = set(spec.classes) - set((control or {}).get("labels") or ())
        if control and spec.classes and missing:
            lacking = f"its control {spec.label_field!r} lacks the class {min(missing)!r}"
        if lacking:
            msg = (
                f"Project {project.get('id')} of {self.name} at {self._wire.url} does not fit the "
                f"label spec: {lacking}. Give it this labeling config:\n{labeling_config(spec)}"
            )
            raise LabelingError(msg)

    def find(self, project: str, ids: Sequence[str]) -> Mapping[str, Sequence[TaskRef]]:
        """The tasks of these items; see `tool.Tool.find`."""
        found: dict[str, list[TaskRef]] = {}
        for part in _parts(ids):
            wanted = set(part)
            what = _filter("data.driftloop_id", "in_list", "List", list(part))
            fields = "id,data,total_annotations,cancelled_annotations"
            for one in self._every(project, [what], fields):
                ours = one["data"].get("driftloop_id")
                if ours in wanted:
                    answers = one["total_annotations"] + one["cancelled_annotations"]
                    found.setdefault(ours, []).append(TaskRef(str(one["id"]), answers))
        return found

    def send(self, project: str, batch: Sequence[Outgoing], spec: LabelSpec) -> Sent:
        """Make tasks of items; see `tool.Tool.send`."""
        sent, count, tasks = Sent(), ExportCount(), []
        for one in batch:
            if spec.type in NEED_IMAGE and one.item.image is None:
                reason = f"it has no image, and {spec.type} needs one"
                sent.skipped.append(Skipped(one.item.id, reason))
                continue
            item = one.item if one.with_draft else replace(one.item, prediction=None)
            tasks.append(task(item, spec, count))
        sent.undrafted = count.without_prediction
        if tasks:
            self._wire.call("POST", f"/api/projects/{int(project)}/import", body=tasks)
        return sent

    def ask_more(self, project: str, tasks: Iterable[str], annotators: int) -> None:
        """Let more people label some tasks; see `tool.Tool.ask_more`."""
        del project
        for one in tasks:
            body = {"overlap": annotators}
            self._wire.call("PATCH", f"/api/tasks/{int(one)}/", body=body, repeatable=True)

    def remove(self, project: str, tasks: Iterable[str]) -> None:
        """Delete tasks; see `tool.Tool.remove`."""
        del project
        for one in tasks:
            try:
                self._wire.call("DELETE", f"/api/tasks/{int(one)}/", repeatable=True)
            except RefusedError as error:
                if error.status != 404:
                    raise

    def changed(self, project: str, spec: LabelSpec, cursor: str) -> Iterator[Changes]:
        """Tasks that changed; see `tool.Tool.changed`. The cursor is a time of the server."""
        start = moment(cursor)
        since = None if start is None else start - _OVERLAP
        seen = set[int]()
        newest, page, size = cursor, 1, _CHANGED_PAGE
        while True:
            what = [] if since is None else [_since(since)]
            try:
                tasks = self._page(project, what, _CHANGED, page, size=size)
            except TooLargeError:
                if size == 1:
                    raise
                page, size = 1, max(1, size // 4)
                continue
            new = [one for one in tasks if one["id"] not in seen]
            seen.update(one["id"] for one in new)
            if tasks:
                newest = max(newest, tasks[-1]["updated_at"])
            if new or not tasks:
                yield Changes(
                    tasks=tuple(str(one["id"]) for one in new),
                    answers=tuple(answer for one in new for answer in self._answers(one, spec)),
                    cursor=newest,
                )
            if len(tasks) < size:
                return
            # By time, not by page number: what changes meanwhile moves behind the page.
            last = moment(tasks[-1]["updated_at"])
            since, page = (last, 1) if last != since else (since, page + 1)
            if page == 1:
                seen = {one["id"] for one in tasks if moment(one["updated_at"]) == last}

    def _answers(self, one: Mapping[str, Any], spec: LabelSpec) -> Iterator[Answer]:
        for listed in one["annotations"]:
            annotation = listed
            if "result" not in listed:  # some releases list stubs
                annotation = self._wire.get(f"/api/annotations/{int(listed['id'])}/")
            who = self._user(annotation.get("completed_by"))
            yield answer_of(str(one["id"]), annotation, spec, who)

    def _user(self, number: Any) -> str:
        """The address of an annotator; his number where he is not listed."""
        if isinstance(number, Mapping):
            return str(number.get("email") or number.get("id"))
        if number is None:
            return ""
        if self._users is None or number not in self._users:
            self._users = {one["id"]: one["email"] for one in self._wire.get("/api/users/")}
            self._users.setdefault(number, f"user {number}")
        return self._users[number]

    def ids_of(self, project: str, tasks: Sequence[str]) -> Mapping[str, str]:
        """Our ids in tasks; see `tool.Tool.ids_of`."""
        found = {}
        for part in _parts(tasks):
            what = _filter("id", "in_list", "Number", [int(one) for one in part])
            for one in self._every(project, [what], "id,data"):
                ours = one["data"].get("driftloop_id")
                if isinstance(ours, str):
                    found[str(one["id"])] = ours
        return found

    def size(self, project: str) -> int:
        """How many tasks a project has."""
        return int(self._wire.get(f"/api/projects/{int(project)}/")["task_number"] or 0)

    def tasks(self, project: str) -> Set[str]:
        """The ids of all tasks of a project."""
        return {str(one["id"]) for one in self._every(project, [], "id")}

    def watch(self, project: str, url: str, secret: str) -> None:
        """One webhook for a project; see `tool.Tool.watch`."""
        wanted = {
            "project": int(project),
            "url": url,
            "send_payload": False,
            "send_for_all_actions": False,
            "actions": _EVENTS,
            "headers": {SECRET_HEADER: secret},
            "is_active": True,
        }
        hooks = self._wire.get("/api/webhooks/", {"project": int(project)})
        ours = [one for one in hooks if one.get("url") == url]
        if not ours:
            self._wire.call("POST", "/api/webhooks/", body=wanted)
            return
        known = {key: ours[0].get(key) for key in wanted} | {"actions": sorted(ours[0]["actions"])}
        if known != wanted | {"actions": sorted(_EVENTS)}:
            path = f"/api/webhooks/{ours[0]['id']}/"
            self._wire.call("PATCH", path, body=wanted, repeatable=True)

    def _every(
        self, project: str, filters: list[dict[str, Any]], fields: str
    ) -> Iterator[Mapping[str, Any]]:
        """All tasks that the filters let through, in the order in which they were made."""
        page = 1
        while True:
            tasks = self._page(project, filters, fields, page, order="tasks:id")
            yield from tasks
            if len(tasks) < _PAGE:
                return
            page += 1

    def _page(
        self,
        project: str,
        filters: list[dict[str, Any]],
        fields: str,
        page: int,
        *,
        order: str = "tasks:updated_at",
        size: int = _PAGE,
    ) -> list[Mapping[str, Any]]:
        query = {"filters": {"conjunction": "and", "items": filters}, "ordering": [order]}
        params = {
            "project": int(project),
            "query": json.dumps(query, separators=(",", ":"), ensure_ascii=False),
            "fields": "all",
            "include": fields,
            "page": page,
            "page_size": size,
        }
        try:
            found: list[Mapping[str, Any]] = self._wire.get("/api/tasks", params)["tasks"]
        except RefusedError as error:
            if error.status == 404 and page > 1:
                return []  # the page after the last full one
            raise
        return found


def _settings(title: str, spec: LabelSpec, annotators: int) -> dict[str, Any]:
    return {
        "title": title,
        "description": "Filled by driftloop; tasks are matched by data.driftloop_id.",
        "label_config": labeling_config(spec),
        "expert_instruction": html.escape(spec.guideline).replace("\n", "<br>"),
        "show_instruction": bool(spec.guideline),
        "maximum_annotations": annotators,
        "sampling": "Sequential sampling",
        "show_collab_predictions": True,
    }


def _filter(column: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    name = f"filter:tasks:{column}"
    return {"filter": name, "operator": operator, "type": kind, "value": value}


def _since(time: datetime) -> dict[str, Any]:
    """The one format of times that this filter knows."""
    text = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return _filter("updated_at", "greater_or_equal", "Datetime", text)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut so that each part fits into an address, as it is encoded there."""
    part: list[str] = []
    room = _LONGEST_LOOKUP
    for one in ids:
        size = 9 + 3 * len(json.dumps(one).encode()) if not one.isascii() else 9 + 2 * len(one)
        if part and (size > room or len(part) >= _PAGE):
            yield part
            part, room = [], _LONGEST_LOOKUP
        part.append(one)
        room -= size
    if part:
        yield part


def _text(answer: Any, key: str) -> str:
    if not isinstance(answer, Mapping) or key not in answer:
        msg = f"Label Studio's answer lacks {key!r}; is this its API, version 1.13 or newer?"
        raise LabelingError(msg)
    return str(answer[key])
