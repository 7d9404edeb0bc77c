"""The demo, through the command line: what a newcomer gets."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "demo", str(folder), "--json"],
        capture_output=True,
        check=True,
        timeout=300,
    )
    return folder, json.loads(done.stdout)


def runs(folder: Path, monitor: str) -> list[dict]:
    with sqlite3.connect(f"file:{folder}/driftloop.db?mode=ro", uri=True) as store:
        rows = store.execute(
            "select document from runs where monitor = ? and latest order by window_start",
            (monitor,),
        ).fetchall()
    return [json.loads(document) for (document,) in rows]


def test_it_says_what_to_open_and_all_of_it_is_there(demo):
    folder, document = demo

    for path in (*document["reports"], *document["mails"], *document["queues"], document["config"]):
        assert Path(path).stat().st_size > 0
    assert {Path(path).parent.name for path in document["reports"]} == {"flights", "fashion"}
    assert Path(document["config"]) == folder / "config.toml"


def test_images_are_quiet_until_something_is_wrong_with_them(demo):
    weeks = runs(demo[0], "fashion")

    assert [week["alarms"] for week in weeks[:4]] == [[], [], [], []]
    early = {alarm["key"] for week in weeks[:6] for alarm in week["alarms"]}
    assert early
    everything = {alarm["key"] for week in weeks for alarm in week["alarms"]}
    assert {"column:embedding", "column:label"} <= everything
    # Weeks 11 and 12 have a class that nobody trained: it is named.
    assert any("Bag" in finding["message"] for finding in weeks[-1]["findings"])


def test_weather_drifts_with_the_season_in_few_mails(demo):
    folder, document = demo
    weeks = runs(folder, "flights")

    drifted = {f["column"] for week in weeks for f in week["findings"] if f["drifted"]}
    assert {"temp", "dewp"} <= drifted
    mails = [
        message_from_bytes(Path(p).read_bytes(), policy=policy.default) for p in document["mails"]
    ]
    of_flights = [mail for mail in mails if mail["subject"].startswith("flights:")]
    assert 1 <= len(of_flights) <= 10
    assert not [alarm for week in weeks[:4] for alarm in week["alarms"]]


def test_mails_are_whole(demo):
    for path in demo[1]["mails"]:
        mail = message_from_bytes(Path(path).read_bytes(), policy=policy.default)
        kinds = {part.get_content_type() for part in mail.walk()}
        assert {"text/plain", "text/html"} <= kinds
        assert mail["message-id"].endswith("@driftloop>")
        assert len(mail["subject"]) <= 78


def test_each_window_queues_its_budget_and_no_row_twice(demo):
    with sqlite3.connect(f"file:{demo[0]}/driftloop.db?mode=ro", uri=True) as store:
        counts = store.execute(
            "select monitor, window_start, count(*) from queue_rows group by 1, 2"
        ).fetchall()
        twice = store.execute(
            "select monitor, row_id from queue_rows group by 1, 2 having count(*) > 1"
        ).fetchall()

    assert len(counts) == demo[1]["windows"]
    assert {count for _, _, count in counts} == {50}
    assert twice == []


def test_the_queue_goes_to_label_studio_with_pictures_and_drafts(demo):
    tasks = json.loads(Path(next(p for p in demo[1]["queues"] if "fashion" in p)).read_text())

    assert len(tasks) == 600
    assert all(task["data"]["image"].startswith("data:image/png;base64,") for task in tasks)
    assert all(task["predictions"] for task in tasks)
    for key in ("id", "monitor", "window", "reason", "score", "inclusion_probability", "weight"):
        assert key in tasks[0]["data"]
