"""`/metrics`: the figures of the store, as Prometheus reads them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.process_collector import ProcessCollector

from monitor.config import Config
from monitor.core.version import VERSION
from monitor.store.figures import Figures, figures
from monitor.store.store import Store
from monitor.web.access import needs

#: Columns whose effect is shown; a scrape of all columns of 1,000 monitors would be no scrape.
MOST_COLUMNS = 5_000
_LONGEST_NAME = 200
#: Several scrapers, or an impatient one, cost the store one reading in so many seconds.
_KEPT_SECONDS = 5.0


class Metrics:
    """Reads the store when it is asked."""

    def __init__(self, current: Callable[[], Config], store: Store) -> None:
        self._current, self._store = current, store
        self._lock, self._at = threading.Lock(), 0.0
        self._read: Figures | None = None
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def router(self) -> APIRouter:
        """Its one route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/metrics", self.show, methods=["GET", "HEAD"])
        return router

    @needs("read")
    def show(self) -> Response:
        """The text format of Prometheus; a scraper sends a token with the scope `read`."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def collect(self) -> Iterator[Metric]:
        """All families; prometheus_client calls it."""
        read = self._figures()
        yield _gauge("driftloop_info", "The release that answers.", ["version"], {(VERSION,): 1})
        yield from _of_runs(read)
        yield from self._of_monitors(read)
        yield from _of_columns(read)
        yield _gauge(
            "driftloop_outbox_messages", "Messages by state.", ["state"],
            {(state,): read.outbox.get(state, 0) for state in {"pending", "parked", *read.outbox}},
        )  # fmt: skip
        yield _gauge(
            "driftloop_outbox_oldest_seconds", "Age of the oldest message that waits.", [],
            {(): _age(read.now, read.oldest_waiting) if read.oldest_waiting else 0.0},
        )  # fmt: skip
        yield _gauge(
            "driftloop_queue_rows", "Rows of the relabel queue.", ["monitor", "state"], read.queue
        )

    def _figures(self) -> Figures:
        with self._lock:
            now = time.monotonic()
            if self._read is None or now - self._at > _KEPT_SECONDS:
                self._read = figures(self._store.database, most_columns=MOST_COLUMNS)
                self._at = now
            return self._read

    def _of_monitors(self, read: Figures) -> Iterator[Metric]:
        lags = {
            (monitor.name,): max(0.0, _age(read.now, run.window_end + monitor.cadence.length))
            for monitor in self._current().monitors
            if (run := read.newest.get(monitor.name))
        }
        yield _gauge(
            "driftloop_monitor_lag_seconds",
            "How long the next window of a monitor has been over without a run.",
            ["monitor"],
            lags,
        )
        yield _gauge(
            "driftloop_windows", "Windows in the ledger, by state.", ["monitor", "state"],
            read.windows,
        )  # fmt: skip
        yield _gauge(
            "driftloop_alarms_open", "Alarms that are open.", ["monitor"],
            {(name,): read.alarms.get(name, 0) for name in {*read.newest, *read.alarms}},
        )  # fmt: skip


def _of_runs(read: Figures) -> Iterator[Metric]:
    runs = CounterMetricFamily("driftloop_runs", "Runs, revisions too.", labels=["monitor"])
    spent = SummaryMetricFamily(
        "driftloop_run_duration_seconds", "How long runs took.", labels=["monitor"]
    )
    for name, count in sorted(read.runs.items()):
        runs.add_metric([_short(name)], count)
        spent.add_metric([_short(name)], count_value=count, sum_value=read.seconds[name])
    yield runs
    yield spent
    newest = read.newest.items()
    for name, text, values in (
        ("last_run_timestamp_seconds", "When the newest window was run.",
         {(n,): run.finished_at.timestamp() for n, run in newest}),
        ("last_run_duration_seconds", "How long the run of the newest window took.",
         {(n,): run.seconds for n, run in newest}),
        ("last_run_rows", "Rows of the newest window.", {(n,): run.rows for n, run in newest}),
        ("last_run_rows_per_second", "Rows of the newest window by the seconds of its run.",
         {(n,): run.rows / run.seconds for n, run in newest if run.seconds > 0}),
    ):  # fmt: skip
        yield _gauge(f"driftloop_monitor_{name}", text, ["monitor"], values)


def _of_columns(read: Figures) -> Iterator[Metric]:
    labels = ["monitor", "column"]
    yield _gauge(
        "driftloop_column_effect",
        "Effect of the newest window on a column, signed, in the units of its gate.",
        labels,
        {(e.monitor, e.column): e.effect for e in read.effects if e.effect is not None},
    )
    yield _gauge(
        "driftloop_column_drifted", "Whether a column differs in the newest window.", labels,
        {(e.monitor, e.column): e.drifted for e in read.effects},
    )  # fmt: skip
    yield _gauge(
        "driftloop_column_alarm", "Whether the alarm of a column is open.", labels,
        {(e.monitor, e.column): (e.monitor, e.column) in read.open_columns for e in read.effects},
    )  # fmt: skip
    yield _gauge(
        "driftloop_columns_left_out", "Columns that are too many to be shown here.", [],
        {(): read.effects_left_out},
    )  # fmt: skip


def _gauge(
    name: str, text: str, labels: list[str], values: Mapping[Any, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric([_short(part) for part in key], float(value))
    return family


def _short(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"


def _age(now: datetime, moment: datetime) -> float:
    return (now - moment).total_seconds()
