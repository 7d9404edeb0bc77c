"""A queue in a store of its own, and the way to Label Studio and back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from monitor.core.window import Window
from monitor.labeling.label_studio import LabelStudio
from monitor.labeling.label_studio_server import LabelStudioServer
from monitor.labeling.spec import LabelSpec
from monitor.labeling.wire import Patience
from monitor.steps.pull import Pulled, pull
from monitor.steps.push import Pushed, Wanted, push
from monitor.store.engine import database_clock
from monitor.store.records import NewQueueRow
from monitor.store.store import Store

WEEK = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC))
SPEC = LabelSpec(classes=("late", "on time"), guideline="Late is 15 minutes & more.")
NO_WAIT = Patience(rng=random.Random(1), sleep=lambda _seconds: None)
TOKEN = "0123456789abcdef0123456789abcdef01234567"


def row(number: int, **more: Any) -> NewQueueRow:
    values = {
        "row_id": f"r{number}",
        "reason": "random",
        "reason_text": "drawn by chance",
        "score": 1.0,
        "inclusion_probability": 0.5,
        "weight": 1.0,
        "push_order": number,
        "data": {"carrier": "UA", "n": number},
        "prediction": "late",
        "prediction_score": 0.75,
        "model_version": "m1",
    }
    return NewQueueRow(**{**values, **more})


def server(url: str, **options: Any) -> LabelStudioServer:
    made = LabelStudio.connect(
        LabelStudio.Options(
            url=url, **{"token": TOKEN, "requests_per_second": 1000, "batch": 4, **options}
        )
    )
    made._wire.patience = NO_WAIT
    return made


class Loop:
    """One monitor."""

    def __init__(self, folder: Path, monitor: str, url: str) -> None:
        self.path, self.monitor, self.url = folder / "store.db", monitor, url
        self.hours = 0
        with self.store(upgrade=True):
            pass

    def store(self, *, upgrade: bool = False) -> Store:
        """The store; each time an hour later, so that the lease of a killed process is over."""
        self.hours += 1
        ahead = timedelta(hours=self.hours)
        return Store.open(
            f"sqlite:///{self.path}",
            upgrade=upgrade,
            clock=lambda session: database_clock(session) + ahead,
        )

    def fill(self, rows: Sequence[NewQueueRow]) -> None:
        with self.store() as store:
            store.queue.add(self.monitor, WEEK, rows)

    def push(self, spec: LabelSpec = SPEC, **more: Any) -> Pushed:
        options = {key: more.pop(key) for key in list(more) if key != "limit"}
        wanted = {
            key: options.pop(key)
            for key in ("overlap", "without_draft", "projects", "webhook")
            if key in options
        }
        tool = server(self.url, **options)
        try:
            with self.store() as store:
                return push(
                    store, self.monitor, tool, Wanted(spec=spec, **wanted), patience=NO_WAIT, **more
                )
        finally:
            tool.close()

    def pull(self, spec: LabelSpec = SPEC, **more: Any) -> Pulled:
        tool = server(self.url)
        try:
            with self.store() as store:
                return pull(store, self.monitor, tool, spec, **more)
        finally:
            tool.close()

    def counts(self) -> dict[str, int]:
        with self.store() as store:
            return {state: n for state, n in store.queue.counts(self.monitor).items() if n}

    def labels(self) -> list[tuple[Any, ...]]:
        with self.store() as store:
            return [
                (one.row_id, one.value, one.state)
                for one in store.labels.of(self.monitor, states=None)
            ]

    def projects(self, stage: str = "annotators") -> list[str]:
        with self.store() as store:
            every = store.tools.projects(self.monitor, "label-studio")
            return [one.project for one in every if one.stage == stage]

    def tasks(self, http: httpx.Client, project: str | None = None) -> list[dict[str, Any]]:
        """All tasks there, whole, the oldest first."""
        found = []
        for one in [project] if project else self.projects():
            params = {"project": one, "page_size": 1000, "fields": "all"}
            found += http.get("/api/tasks", params=params).json()["tasks"]
        return sorted(found, key=lambda task: task["id"])

    def ids(self, http: httpx.Client) -> list[str]:
        return sorted(task["data"]["driftloop_id"] for task in self.tasks(http))


def choice(value: str, spec: LabelSpec = SPEC) -> list[dict[str, Any]]:
    return [
        {
            "from_name": spec.label_field,
            "to_name": "row",
            "type": "choices",
            "value": {"choices": [value]},
        }
    ]


def annotate(http: httpx.Client, task: int, value: str | None, **more: Any) -> int:
    body = {"result": choice(value) if value else [], "was_cancelled": value is None, **more}
    answer = http.post(f"/api/tasks/{task}/annotations/", json=body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])
