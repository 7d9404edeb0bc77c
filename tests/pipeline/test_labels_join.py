"""What labels buy: they come back, join the reference, and leave it again; by the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.cli.main import main
from monitor.config import load
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.steps import promotion
from monitor.steps.engine import engine_of
from monitor.steps.setup import of_monitor
from monitor.steps.tables import from_bytes
from monitor.store.label_records import NewLabel
from monitor.store.store import Store

CONFIG = """
[store]
url = "sqlite:///labels.db"
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-09
[monitors.columns]
timestamp = "ts"
id = "id"
label = "y"
prediction = "p"
score = "s"
segments = ["region"]
embeddings = ["e"]
[[monitors.rules]]
name = "price"
column = "x"
min = -100
[monitors.queue]
budget = 40
"""
START = datetime(2024, 1, 1, tzinfo=UTC)


def write_day(folder, day, *, shift=0.0, rows=300):
    rng = np.random.default_rng(day)
    x = rng.normal(shift, 1, rows)
    score = 1 / (1 + np.exp(-x))
    micros = np.sort(rng.integers(0, 86_400_000_000, rows)).astype("timedelta64[us]")
    start = np.datetime64((START + timedelta(days=day)).replace(tzinfo=None), "us")
    known = day < 8
    table = pa.table(
        {
            "id": [f"{day}-{n}" for n in range(rows)],
            "ts": pa.array(start + micros, pa.timestamp("us", tz="UTC")),
            "x": x,
            "e": list(rng.normal(shift, 1, (rows, 4)).astype(np.float32)),
            "region": rng.choice(["north", "south"], rows),
            "s": score,
            "p": score > 0.5,
            "y": pa.array(rng.random(rows) < score) if known else pa.nulls(rows, pa.bool_()),
        }
    )
    (folder / "days").mkdir(exist_ok=True)
    pq.write_table(table, folder / "days" / f"{day:03d}.parquet")


def window(day):
    return Window(START + timedelta(days=day), START + timedelta(days=day + 1))


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """Two windows were run, and all rows of their queues are labelled by two people."""
    monkeypatch.chdir(tmp_path)
    for day in range(10):
        write_day(tmp_path, day, shift=2.0 if day > 7 else 0.0)
    (tmp_path / "config.toml").write_text(CONFIG)
    config = load(tmp_path / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        made = Pipeline(config, store)
        list(made.backfill(shop(made), window(8).start, window(9).end))
        answer(store)
        yield made


def shop(pipeline):
    return pipeline.config.monitor("shop")


def answer(store):
    rows = list(store.queue.every("shop"))
    labels = [
        NewLabel(
            row_id=row.row_id, tool="file", annotation=f"{row.row_id}.{who}", annotator=who,
            value="false" if number % 4 == 0 else "true", lead_time=5.0, guideline_version="1",
        )
        for number, row in enumerate(rows)
        for who in ("Ann", "Bo")
    ]  # fmt: skip
    store.labels.add("shop", labels)
    store.queue.mark("shop", [row.row_id for row in rows], "labelled")
    return rows


def driftloop(*arguments):
    return main([*arguments, "-c", "config.toml"])


def test_the_export_is_parquet_with_label_weights_and_provenance(pipeline, capsys):
    assert driftloop("reference", "export", "shop", "-o", "train.parquet", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    table = pq.read_table("train.parquet")
    rows = {row["driftloop_id"]: row for row in table.to_pylist()}

    assert told["rows"] == table.num_rows == 80
    assert table.schema.field("y").type == pa.bool_()
    assert {"x", "e", "region", "ts"} <= set(table.column_names)
    assert table.column("driftloop_complete").to_pylist() == [True] * 80
    queued = {row.row_id: row for row in pipeline.store.queue.every("shop")}
    for row_id, row in rows.items():
        assert row["driftloop_inclusion_probability"] == queued[row_id].inclusion_probability
        assert (row["driftloop_source"], row["driftloop_annotators"]) == (
            "consensus",
            ["Ann", "Bo"],
        )
        assert row["x"] == queued[row_id].data["x"]
        assert len(row["e"]) == 4
    origin = json.loads(table.schema.metadata[b"driftloop"])
    assert (origin["monitor"], origin["reference_version"]) == ("shop", 1)
    assert origin["weight"] == table.column("driftloop_weight")[0].as_py() in (1.0, 3.0, 8.0)
    assert "stand-in for your model" in origin["weight_note"]
    assert set(origin["rebalancing_weights"]) == {"true", "false"}
    # Nothing was said to have joined anything by an export.
    assert pipeline.store.queue.counts("shop")["labelled"] == 80


def test_the_states_of_a_row_are_told_with_who_moved_it(pipeline, capsys):
    row = next(pipeline.store.queue.every("shop")).row_id

    assert driftloop("queue", "history", "shop", row, "--json") == 0
    told = json.loads(capsys.readouterr().out)["states"]

    assert [(one["from"], one["to"]) for one in told] == [
        (None, "proposed"),
        ("proposed", "labelled"),
    ]
    assert told[0]["by"].startswith("run ")
    assert driftloop("queue", "history", "shop", "nobody") == 2
    assert "No row 'nobody' is in the queue of 'shop'" in capsys.readouterr().err


def test_rows_whose_sample_is_gone_have_what_their_queue_rows_carry(pipeline):
    with pipeline.store.runs._database.writing() as session:
        session.connection().exec_driver_sql("update runs set sample = null")

    assert driftloop("reference", "export", "shop", "-o", "train.parquet") == 0
    table = pq.read_table("train.parquet")

    assert table.column("driftloop_complete").to_pylist() == [False] * 80
    assert table.column("e").null_count == 80
    assert table.column("x").null_count == table.column("ts").null_count == 0


def test_labels_join_the_next_version_and_leave_it_again(pipeline, capsys):
    assert driftloop("reference", "promote", "shop", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert pipeline.store.references.active_version("shop") == 1
    assert "class true" in shown
    assert driftloop("reference", "promote", "shop", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    stored = pipeline.store.references.active("shop")

    assert (told["version"], told["after"], told["rows"]) == (2, 1, 80)
    assert stored.provenance["labels"]["rows"] == 80
    assert stored.provenance["labels"]["consensus"] == "dawid-skene"
    assert from_bytes(stored.labelled).num_rows == 80
    assert pipeline.store.queue.counts("shop")["accepted"] == 80
    assert driftloop("reference", "promote", "shop") == 2
    assert "no settled labels that are new" in capsys.readouterr().err

    assert driftloop("reference", "rollback", "shop") == 0
    assert "version 1 is the reference now; 80 labels left it" in capsys.readouterr().out
    assert pipeline.store.queue.counts("shop")["labelled"] == 80


def test_the_queue_knows_the_labels_that_joined(pipeline, tmp_path):
    write_day(tmp_path, 10, shift=2.0)
    before = pipeline.run(shop(pipeline), window(10))
    drawn = [row.row_id for row in pipeline.store.queue.every("shop") if row.window == window(10)]
    assert driftloop("reference", "promote", "shop") == 0
    fresh = Pipeline(pipeline.config, pipeline.store)

    after = fresh.run(shop(pipeline), window(10))
    again = [row.row_id for row in pipeline.store.queue.every("shop") if row.window == window(10)]

    assert before["queue"]["added"] == after["queue"]["added"] == 40
    assert pipeline.store.runs.get("shop", window(10)).reference_version == 2
    # The training set is larger by 80 rows, so other rows are the ones that it lacks.
    assert drawn != again


def test_a_bug_is_not_absorbed(pipeline, tmp_path, capsys):
    broken = pq.read_table(tmp_path / "days" / "009.parquet")
    place = broken.schema.get_field_index("x")
    bad = broken.set_column(place, "x", pa.array([-999.0] * broken.num_rows))
    pq.write_table(bad, tmp_path / "days" / "009.parquet")
    span = ("--from", "2024-01-03", "--to", "2024-01-11")

    assert driftloop("reference", "promote", "shop", *span) == 1
    said = capsys.readouterr().err
    assert pipeline.store.references.active_version("shop") == 1
    assert "Not promoted" in said
    assert "price" in said
    assert driftloop("reference", "promote", "shop", *span, "--force") == 0
    stored = pipeline.store.references.active("shop")

    assert stored.version == 2
    assert stored.provenance["forced"] is True


def test_a_newer_time_becomes_the_reference(pipeline, capsys):
    arguments = ("--from", "2024-01-03", "--to", "2024-01-11", "--json")

    assert driftloop("reference", "promote", "shop", *arguments) == 0
    told = json.loads(capsys.readouterr().out)
    fresh = Pipeline(pipeline.config, pipeline.store)
    document = fresh.run(shop(pipeline), window(9))

    assert told["version"] == 2
    assert any(said.startswith("`x`: Mean moved up") for said in told["differences"])
    assert document["rows"]["reference"] == told["rows"]
    assert pipeline.store.runs.get("shop", window(9)).reference_version == 2


def test_times_and_a_version_together_are_refused(pipeline, capsys):
    assert driftloop("reference", "promote", "shop", "1", "--from", "2024-01-03") == 2
    assert driftloop("reference", "promote", "shop", "--from", "2024-01-03") == 2
    assert "both" in capsys.readouterr().err


def test_a_monitor_that_never_ran_has_nothing_to_promote(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_day(tmp_path, 0)
    (tmp_path / "config.toml").write_text(CONFIG)
    Store.open("sqlite:///labels.db", upgrade=True).close()

    assert driftloop("reference", "promote", "shop") == 2
    assert "no reference yet" in capsys.readouterr().err


def test_labels_and_a_newer_time_are_carried_on(pipeline):
    assert driftloop("reference", "promote", "shop") == 0
    references, monitor = Pipeline(pipeline.config, pipeline.store).references, shop(pipeline)

    candidate = promotion.of_span(
        references, monitor, of_monitor(monitor), engine_of(), span=Window(START, window(9).end),
        labels=None,
    )  # fmt: skip

    assert from_bytes(candidate.new.labelled).num_rows == 80
    assert candidate.after == 2


def test_doubtful_labels_of_the_reference_are_offered_for_relabeling(pipeline, capsys):
    before = len(list(pipeline.store.queue.every("shop")))

    assert driftloop("reference", "errors", "shop", "--limit", "5", "--add", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row.row_id: row for row in pipeline.store.queue.every("shop")}

    # Labels are drawn with the probability of x: many are against what x says.
    assert len(told["errors"]) == told["added"] == 5
    assert len(rows) == before + 5
    for one in told["errors"]:
        row = rows[one["id"]]
        assert (row.reason, row.inclusion_probability) == ("disagreement", None)
        assert one["label"] != one["suggested"]
        assert "y" not in row.data
    assert driftloop("reference", "errors", "shop", "--add", "--json") == 0
    assert json.loads(capsys.readouterr().out)["added"] <= 15
