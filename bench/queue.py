"""A queue of a million rows: list, propose, mark, export and push pages, labels.

    python -m bench.queue [--rows 1000000] [--url postgresql+psycopg://…]

Without `--url` on SQLite in a temporary folder.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from monitor.core.window import Window
from monitor.labeling.label_studio import LabelStudio
from monitor.labeling.spec import LabelSpec
from monitor.steps.export import item_of
from monitor.store.label_records import NewLabel, NewPush
from monitor.store.records import NewQueueRow
from monitor.store.store import Store

MONITOR = "bench"
A_WINDOW = 10_000
MONDAY = datetime(2000, 1, 3, tzinfo=UTC)
SPEC = LabelSpec(classes=("late", "on time"))


def rows(window: int) -> list[NewQueueRow]:
    return [
        NewQueueRow(
            row_id=f"{window}-{n}",
            reason="drifted",
            reason_text="Rows like this are 3.1 times as frequent in this window.",
            score=1.0,
            inclusion_probability=0.1,
            weight=1.0,
            push_order=n,
            data={"carrier": "UA", "distance": n, "temp": n / 7},
            prediction="late",
            prediction_score=0.7,
            model_version="m1",
        )
        for n in range(A_WINDOW)
    ]


def week(number: int) -> Window:
    start = MONDAY + timedelta(weeks=number)
    return Window(start, start + timedelta(weeks=1))


def timed(name: str, action: Callable[[], Any], times: int = 5) -> None:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    print(f"{name:48} {1000 * statistics.median(seconds):9.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--url")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/store.db"
        with Store.open(url, upgrade=True) as store:
            windows = max(1, options.rows // A_WINDOW)
            start = time.perf_counter()
            for number in range(windows):
                store.queue.add(MONITOR, week(number), rows(number))
            seconds = time.perf_counter() - start
            each = 1000 * seconds / windows
            print(f"{windows * A_WINDOW:,} rows queued in {seconds:.0f} s, {each:.0f} ms a window")
            if not options.url:
                size = Path(folder, "store.db").stat().st_size
                print(f"the store has {size / 1e6:,.0f} MB")
            _measure(store, windows)


def _measure(store: Store, windows: int) -> None:
    queue, pushes = store.queue, store.pushes
    middle = queue.rows(MONITOR, limit=1, images=False)[0].cursor
    after = (week(windows // 2).start, *middle[1:])
    timed("list: 20 rows", lambda: queue.rows(MONITOR, limit=20, images=False))
    timed("list: 20 proposed rows", lambda: queue.rows(MONITOR, states=["proposed"], limit=20))
    timed("list: a page of 200 in the middle", lambda: queue.rows(MONITOR, limit=200, after=after))
    timed("list: 20 rows in a state that none is in",
          lambda: queue.rows(MONITOR, states=["disputed"], limit=20))  # fmt: skip
    timed("counts of all states", lambda: queue.counts(MONITOR))
    fresh = iter(range(windows, windows + 100))
    timed("propose: 10,000 rows into a window",
          lambda: queue.add(MONITOR, week(next(fresh)), rows(windows + 200)), 1)  # fmt: skip
    sample = [f"{windows // 3}-{n}" for n in range(A_WINDOW)]
    timed("propose: which of 10,000 were queued before", lambda: queue.ids(MONITOR, among=sample))
    timed("report: the rows of one window", lambda: list(queue.every(
        MONITOR, window=week(windows // 3), images=False)), 1)  # fmt: skip
    ids = [f"{windows // 2}-{n}" for n in range(200)]
    states = iter(["exported", "proposed"] * 10)
    timed("mark 200 rows", lambda: queue.mark(MONITOR, ids, next(states)))  # type: ignore[arg-type]
    timed("export: a page of 200 for Label Studio", lambda: LabelStudio().write(
        map(item_of, queue.rows(MONITOR, limit=200, after=after)), SPEC, io.BytesIO()))  # fmt: skip
    timed("history of one row", lambda: queue.history(MONITOR, ids[0]))
    place: Any = (MONITOR, "label-studio", "annotators")
    proposed: Any = ["proposed"]
    timed("push: find 5,000 rows that were never planned",
          lambda: pushes.unplanned(*place, states=proposed, limit=5_000), 3)  # fmt: skip
    timed("push: find out that nothing is disputed",
          lambda: pushes.unplanned(*place, states=["disputed"], limit=1))  # fmt: skip
    found = pushes.unplanned(*place, states=proposed, limit=5_000)
    new = [NewPush(queue_row_id=number, with_draft=True, spec_version=1) for number, _ in found]
    timed(
        "push: plan 5,000 rows", lambda: pushes.plan(MONITOR, "label-studio", "annotators", new), 1
    )
    timed("push: the next 200 rows", lambda: pushes.planned(*place, states=proposed, limit=200))
    _labels(store, windows)


def _labels(store: Store, windows: int) -> None:
    given = [
        NewLabel(row_id=f"{w}-{n}", tool="bench", annotation=f"{w}-{n}", value="late")
        for w in range(windows)
        for n in range(100)
    ]
    start = time.perf_counter()
    for begin in range(0, len(given), 1_000):
        store.labels.add(MONITOR, given[begin : begin + 1_000])
    print(f"{len(given):,} labels stored in {time.perf_counter() - start:.1f} s")
    window = week(windows // 2)
    timed("labels of one window", lambda: list(store.labels.of(MONITOR, window=window)))
    timed("the first 500 labels", lambda: list(islice(store.labels.of(MONITOR), 500)))


if __name__ == "__main__":
    main()
