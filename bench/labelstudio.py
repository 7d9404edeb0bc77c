"""Queue rows into a real Label Studio and answers back: time, rate, memory.

    python -m bench.labelstudio [--tasks 10000] [--answers 500] [--image-bytes 3000]

Installs Label Studio into the cache of the tests when it is not there (a minute or two), starts it
on a free port with an empty SQLite database, and stops it by its id.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx

from monitor.core.window import Window
from monitor.labeling.label_studio import LabelStudio
from monitor.labeling.spec import LabelSpec
from monitor.steps.pull import pull
from monitor.steps.push import Wanted, push
from monitor.store.records import NewQueueRow
from monitor.store.store import Store
from tests.labeling import studio

MONITOR = "bench"
WEEK = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC))
CLASSES = tuple(f"class {n}" for n in range(10))


def rows(count: int, image_bytes: int) -> list[NewQueueRow]:
    return [
        NewQueueRow(
            row_id=f"row-{n:08d}",
            reason="drifted",
            reason_text="Rows like this are 3.1 times as frequent in this window.",
            score=1.0,
            inclusion_probability=0.1,
            weight=1.0,
            push_order=n,
            data={"a": n, "b": "some text", "c": n / 7},
            prediction=CLASSES[n % 10],
            prediction_score=0.7,
            model_version="m1",
            image=b"\x89PNG" + os.urandom(image_bytes) if image_bytes else None,
        )
        for n in range(count)
    ]


def resident() -> float:
    """MB of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--answers", type=int, default=500)
    parser.add_argument("--image-bytes", type=int, default=3_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = studio.start(Path(folder))
        try:
            _measure(server, Path(folder), options)
        finally:
            studio.stop(server.pid)


def _measure(server: studio.Studio, folder: Path, options: argparse.Namespace) -> None:
    spec = LabelSpec(classes=CLASSES, has_images=bool(options.image_bytes))
    tool = LabelStudio.connect(
        LabelStudio.Options.model_validate(
            {"url": server.url, "token": server.token, "requests_per_second": 50}
        )
    )
    with Store.open(f"sqlite:///{folder}/store.db", upgrade=True) as store:
        for start in range(0, options.tasks, 1_000):
            part = rows(min(1_000, options.tasks - start), options.image_bytes)
            moved = [_at(row, start) for row in part]
            store.queue.add(MONITOR, WEEK, moved)
        seen: list[float] = [resident()]
        began = time.monotonic()
        done = push(
            store, MONITOR, tool, Wanted(spec=spec), say=lambda _text: seen.append(resident())
        )
        seconds = time.monotonic() - began
        rate = done.arrived / seconds
        print(f"push: {done.arrived:,} tasks in {seconds:.0f} s, {rate:.0f} a second")
        quarter = max(1, len(seen) // 4)
        print(
            f"memory of the pushing process: {seen[0]:.0f} MB before, {max(seen[:quarter]):.0f} MB "
            f"at most in the first quarter, {max(seen):.0f} MB at most in all"
        )
        began = time.monotonic()
        again = push(store, MONITOR, tool, Wanted(spec=spec))
        print(f"push again: {again.arrived:,} tasks in {time.monotonic() - began:.2f} s")
        _pulls(store, tool, spec, server, options.answers)
    tool.close()


def _at(row: NewQueueRow, start: int) -> NewQueueRow:
    place = start + row.push_order
    values = {name: getattr(row, name) for name in NewQueueRow.__dataclass_fields__}
    return NewQueueRow(**{**values, "row_id": f"row-{place:08d}", "push_order": place})


def _pulls(
    store: Store, tool: object, spec: LabelSpec, server: studio.Studio, answers: int
) -> None:
    began = time.monotonic()
    pull(store, MONITOR, tool, spec)  # type: ignore[arg-type]
    print(f"first pull, nothing answered: {time.monotonic() - began:.1f} s")
    project = store.tools.projects(MONITOR, "label-studio")[0].project
    with server.http() as http:
        params: dict[str, str | int] = {"project": project, "page_size": answers, "include": "id"}
        for task in http.get("/api/tasks", params=params).json()["tasks"]:
            _answer(http, task["id"], spec)
    began = time.monotonic()
    pulled = pull(store, MONITOR, tool, spec)  # type: ignore[arg-type]
    print(f"pull: {pulled.new:,} labels in {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    pull(store, MONITOR, tool, spec)  # type: ignore[arg-type]
    print(f"pull again, nothing new: {time.monotonic() - began:.1f} s")


def _answer(http: httpx.Client, task: int, spec: LabelSpec) -> None:
    to_name = spec.image_field if spec.has_images else "row"
    choice = {"choices": [spec.classes[task % 10]]}
    result = {"from_name": "label", "to_name": to_name, "type": "choices", "value": choice}
    http.post(f"/api/tasks/{task}/annotations/", json={"result": [result], "lead_time": 3.0})


if __name__ == "__main__":
    main()
