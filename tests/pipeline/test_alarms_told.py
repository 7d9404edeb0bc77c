"""Alarms of real windows: events, mutes, verdicts, digests and what-if, on a real store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.steps.realised import realised
from monitor.steps.replay import replay
from monitor.store.alarm_records import NewNote
from monitor.store.store import Store

CONFIG = """
[budget]
{budget}
[[alerts]]
kind = "mail"
folder = "mails"
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-15
[monitors.columns]
timestamp = "ts"
id = "id"
[monitors.queue]
budget = 0
{more}
"""
START = datetime(2024, 1, 1, tzinfo=UTC)
SHIFTED = (17, 18, 19)  #: days on which x (and y, which moves with it) is one sd higher


def write_day(folder: Path, day: int, rows: int = 400, shift: float = 1.0) -> None:
    rng = np.random.default_rng(day)
    micros = np.sort(rng.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    start = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
    x = rng.normal(shift if day in SHIFTED else 0.0, 1, rows)
    table = pa.table(
        {
            "id": [f"{day}-{n}" for n in range(rows)],
            "ts": pa.array(start + micros, pa.timestamp("us", tz="UTC")),
            "x": x,
            "y": x + rng.normal(0, 0.3, rows),
            "z": rng.normal(0, 1, rows),
        }
    )
    pq.write_table(table, folder / f"{day:03d}.parquet")


@pytest.fixture(scope="session")
def days(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    for day in range(24):
        write_day(folder, day)
    return folder


@pytest.fixture
def opened(tmp_path, days):
    stores = []

    def opening(more: str = "", budget: str = "false_alarms_per_year = 1.0") -> Pipeline:
        if not (tmp_path / "days").exists():
            (tmp_path / "days").symlink_to(days)
        (tmp_path / "config.toml").write_text(CONFIG.format(more=more, budget=budget))
        config = load(tmp_path / "config.toml")
        stores.append(Store.open(config.store.url, upgrade=True))
        return Pipeline(config, stores[-1])

    yield opening
    for store in stores:
        store.close()


def window(day: int) -> Window:
    return Window(START + timedelta(days=day), START + timedelta(days=day + 1))


def run(pipeline: Pipeline, first: int, last: int) -> list[dict]:
    shop = pipeline.config.monitor("shop")
    return list(pipeline.backfill(shop, window(first).start, window(last).end))


def states(document: dict, key: str = "column:x") -> list[str]:
    return [alarm["state"] for alarm in document["alarms"] if alarm["key"] == key]


def mails(pipeline: Pipeline) -> list[tuple[int, str]]:
    sent = pipeline.store.alarms.notes.mails("shop")
    return [((mail.window.start - START).days, mail.why) for mail in sent]


EVENT = """
[[monitors.events]]
name = "Black Friday"
start = 2024-01-18
end = 2024-01-21
kind = "holiday"
"""


def test_a_named_event_explains_what_differs_and_opens_and_mails_nothing(opened):
    pipeline = opened(EVENT)
    documents = run(pipeline, 15, 23)

    assert [document["alarms"] for document in documents] == [[]] * 9
    assert mails(pipeline) == []
    told = [finding for finding in documents[2]["findings"] if finding["drifted"]]
    assert {finding["column"] for finding in told} >= {"x", "y"}
    assert all("(expected: Black Friday)" in finding["message"] for finding in told
               if finding["column"] in {"x", "y"})  # fmt: skip


def test_the_report_of_a_window_in_an_event_says_so_and_is_redrawn_as_it_was(opened):
    pipeline = opened(EVENT)
    documents = run(pipeline, 16, 18)
    page = Path(documents[-1]["report"]).read_text()

    assert "Expected in this window: Black Friday" in page
    shown, _ = pipeline.redraw(pipeline.config.monitor("shop"))
    assert [mark.label for mark in shown.marks] == ["Black Friday"]


def test_an_event_keeps_an_open_alarm_as_it_is(opened):
    pipeline = opened(EVENT.replace("2024-01-18", "2024-01-19").replace("2024-01-21", "2024-01-23"))
    documents = run(pipeline, 17, 23)

    def calm(day: int) -> tuple[bool, int]:
        stored = pipeline.store.runs.get("shop", window(day))
        (x,) = [one for one in stored.evidence_state["columns"] if one["name"] == "column:x"]
        return x["open"], x["calm_windows"]

    assert [states(document) for document in documents] == [["opened"], *[["open"]] * 6]
    assert {calm(day) for day in (18, 19, 20, 21)} == {(True, 0)}


def test_an_event_of_one_column_leaves_the_others_alone(opened):
    pipeline = opened(EVENT + 'column = "x"\n')
    documents = run(pipeline, 16, 18)

    assert states(documents[1]) == []
    assert states(documents[1], "column:y") == ["opened"]


def test_a_reference_does_not_learn_from_an_event(opened):
    days = EVENT.replace("2024-01-18", "2024-01-05").replace("2024-01-21", "2024-01-07")
    pipeline = opened(days)
    run(pipeline, 15, 15)

    (version,) = pipeline.store.references.versions("shop")
    assert (version.windows, version.rows) == (12, 12 * 400)


def test_what_is_muted_is_shown_and_not_mailed_until_the_mute_ends(opened):
    pipeline = opened()
    notes = pipeline.store.alarms.notes
    run(pipeline, 15, 16)
    notes.add("shop", NewNote(kind="mute", scope="monitor", by="ana", note="sensor swap"))
    documents = run(pipeline, 17, 17)
    page = Path(documents[0]["report"]).read_text()

    assert states(documents[0]) == ["opened"]
    assert mails(pipeline) == []
    assert "muted by ana" in page
    assert "sensor swap" in page

    notes.add("shop", NewNote(kind="unmute", scope="monitor", by="ana"))
    run(pipeline, 18, 18)
    assert mails(pipeline) == [(18, "first")]


def test_a_muted_column_is_left_out_of_the_mail(opened):
    pipeline = opened()
    pipeline.store.alarms.notes.add("shop", NewNote(kind="mute", scope="column", key="x"))
    run(pipeline, 16, 17)

    (mail,) = pipeline.store.alarms.notes.mails("shop")
    assert mail.keys == ("column:y",)


def test_columns_that_move_together_are_one_event_with_a_named_root(opened):
    pipeline = opened()
    run(pipeline, 16, 17)
    shown, _ = pipeline.redraw(pipeline.config.monitor("shop"))

    assert shown.root == "`x` and `y`"
    assert shown.verdict == "`x` and `y` differ together from the reference."
    assert {alarm.parent for alarm in shown.alarms} == {"x"}
    pipeline.deliver()
    (mail,) = (pipeline.config.base / "mails").glob("*.eml")
    assert "x-and-y-differ" in mail.name


def test_a_declared_group_gives_the_event_its_name(opened):
    pipeline = opened(
        '[[monitors.overrides]]\ncolumn = "x"\ngroup = "sensors"\n'
        '[[monitors.overrides]]\ncolumn = "y"\ngroup = "sensors"\n'
    )
    run(pipeline, 16, 17)
    shown, _ = pipeline.redraw(pipeline.config.monitor("shop"))

    assert "(group `sensors`)" in shown.verdict


def test_what_people_call_false_stands_beside_the_budget(opened):
    pipeline = opened()
    run(pipeline, 16, 18)
    alarms = pipeline.store.alarms
    for key in ("column:x", "column:y"):
        found = alarms.find("shop", key)
        said = {"key": key, "opened": found.opened.start, "by": "bo", "note": "a test"}
        alarms.notes.add("shop", NewNote(kind="verdict", verdict="false", **said))
    documents = run(pipeline, 19, 19)

    so_far = realised(pipeline.store, "shop", 1.0, until=window(19).end)
    assert (so_far.mails, so_far.false, so_far.unjudged) == (1, 1, 0)
    assert so_far.years == pytest.approx(4 / 365.25)
    low, high = so_far.interval
    assert low < so_far.rate < high
    page = Path(documents[0]["report"]).read_text()
    assert ", of 1 mail in 3 days" in page
    assert "Judged a false alarm by bo" in page


@pytest.fixture
def slightly(tmp_path, days) -> None:
    """Days on which the change is no critical one: what is critical waits for no digest."""
    (tmp_path / "days").mkdir()
    for day in (*range(17), *SHIFTED):
        write_day(tmp_path / "days", day, shift=0.35)


TWICE = "[[monitors]]" + CONFIG.partition("[[monitors]]")[2].replace('"shop"', '"other"')


@pytest.mark.usefixtures("slightly")
def test_one_mail_for_all_monitors_of_a_round(opened):
    budget = "installation_per_year = 4\ndigest = true"
    pipeline = opened(TWICE.format(more=""), budget=budget)
    for monitor in pipeline.config.monitors:
        list(pipeline.backfill(monitor, window(16).start, window(17).end))

    assert pipeline.deliver().sent == 1
    assert pipeline.deliver().sent == 0
    (mail,) = (pipeline.config.base / "mails").glob("*.eml")
    assert "2-monitors-differ" in mail.name
    for name in ("shop", "other"):
        assert len(pipeline.store.alarms.notes.mails(name)) == 1


def test_what_is_critical_waits_for_no_digest(opened):
    pipeline = opened(TWICE.format(more=""), budget="digest = true")
    for monitor in pipeline.config.monitors:
        list(pipeline.backfill(monitor, window(16).start, window(17).end))

    assert pipeline.deliver(gathering=False).sent == 2


@pytest.mark.usefixtures("slightly")
def test_a_digest_of_one_is_the_mail_itself(opened):
    pipeline = opened(budget="digest = true")
    run(pipeline, 16, 17)

    assert pipeline.deliver(gathering=False).sent == 0
    assert pipeline.deliver().sent == 1
    (mail,) = (pipeline.config.base / "mails").glob("*.eml")
    assert "monitors" not in mail.name


def test_what_if_replays_stored_windows_without_the_data(opened, tmp_path):
    pipeline = opened()
    run(pipeline, 15, 22)
    (tmp_path / "days").unlink()
    shop = pipeline.config.monitor("shop")

    def tried(budget: float, **stretch):
        return replay(
            pipeline.store, shop, pipeline.references, pipeline.versions, budget=budget, **stretch
        )

    same, strict = tried(1.0), tried(1e-300)
    assert [(mail.would, mail.was) for mail in same.mails] == [(True, True)]
    assert same.windows == 8
    assert [(mail.would, mail.was) for mail in strict.mails] == [(False, True)]
    assert tried(1.0, start=window(19).start).mails == ()
