"""What Prometheus reads, and the dashboard that draws it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from web.test_app import Client

from monitor.web import metrics
from monitor.web.app import create_app

DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "driftloop.json"


@pytest.fixture
def samples(config, store) -> dict:
    answer = Client(create_app(config, store)).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return read(answer.text)


def read(text: str) -> dict:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: dict, name: str, **labels: str) -> float:
    return samples[(name, tuple(sorted(labels.items())))]


def test_the_figures_are_those_of_the_store(samples, store):
    runs = store.runs.summaries("shop")
    newest = runs[0]

    assert of(samples, "driftloop_runs_total", monitor="shop") == len(runs)
    assert of(samples, "driftloop_run_duration_seconds_count", monitor="shop") == len(runs)
    assert of(samples, "driftloop_run_duration_seconds_sum", monitor="shop") == pytest.approx(
        sum(run.seconds for run in runs)
    )
    assert of(samples, "driftloop_monitor_last_run_rows", monitor="shop") == newest.rows
    assert of(samples, "driftloop_alarms_open", monitor="shop") == newest.alarms_open > 0
    assert of(samples, "driftloop_windows", monitor="shop", state="failed") == 1
    assert of(samples, "driftloop_monitor_lag_seconds", monitor="shop") > 0
    queued = store.queue.counts("shop")["proposed"]
    assert of(samples, "driftloop_queue_rows", monitor="shop", state="proposed") == queued > 0


def test_a_column_with_an_open_alarm_is_shown_as_such(samples):
    assert of(samples, "driftloop_column_alarm", monitor="shop", column="x") == 1
    assert ("driftloop_column_effect", (("column", "x"), ("monitor", "shop"))) in samples


def test_columns_are_bounded_and_counted(config, store, monkeypatch):
    monkeypatch.setattr(metrics, "MOST_COLUMNS", 1)
    found = read(Client(create_app(config, store)).get("/metrics").text)

    assert len([key for key in found if key[0] == "driftloop_column_drifted"]) == 1
    assert of(found, "driftloop_columns_left_out") >= 1


def test_hostile_names_stay_inside_their_label():
    family = metrics._gauge(
        "driftloop_column_drifted", "text", ["column"], {('a"} 1\nevil 7 \\' + "x" * 999,): 1}
    )
    name = family.samples[0].labels["column"]

    assert len(name) == 200


def test_every_figure_of_the_dashboard_is_there(samples):
    text = DASHBOARD.read_text(encoding="utf-8")
    names = set(re.findall(r"driftloop_[a-z_]+", " ".join(expressions(json.loads(text)))))

    assert len(names) >= 10
    assert names <= {name for name, _ in samples}


def expressions(dashboard: dict) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
