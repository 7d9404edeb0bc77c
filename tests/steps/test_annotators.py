"""From stored labels to consensus, experts and scorecards, on a real store and by the command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from monitor.cli.main import main
from monitor.core.window import Window
from monitor.steps.annotators import annotators, document
from monitor.steps.consensus import escalate, labelled, settled
from monitor.store.label_records import NewLabel
from monitor.store.records import NewQueueRow
from monitor.store.store import Store

MONITOR = "flights"
WEEK = Window(datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC))
SPEC = {"type": "class", "classes": ["late", "on time"]}
CONFIG = """
[store]
url = "sqlite:///labels.db"
[[monitors]]
name = "flights"
[monitors.source]
kind = "files"
path = "*.parquet"
[monitors.columns]
id = "id"
[monitors.reference]
blocks = 8
path = "*.parquet"
"""


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'labels.db'}", upgrade=True) as opened:
        yield opened


def queue_row(number):
    return NewQueueRow(
        row_id=f"r{number}",
        reason="random",
        reason_text="",
        score=1.0,
        inclusion_probability=0.1,
        weight=1.0,
        push_order=number,
        data={},
        prediction="late",
        prediction_score=0.7,
        model_version="m1",
    )


def fill(store, answers, **more):
    """Answers as {row: {annotator: label}}; each row is labelled then."""
    store.queue.add(MONITOR, WEEK, [queue_row(number) for number in answers])
    spec = store.labels.ensure_spec(MONITOR, SPEC, guideline_version="1")
    labels = [
        NewLabel(
            row_id=f"r{number}",
            tool="label-studio",
            annotation=f"{number}.{who}",
            value=value,
            annotator=who,
            lead_time=12.0 + number % 5,
            updated_at=WEEK.end + timedelta(minutes=number),
            guideline_version="1",
            spec_version=spec.version,
            with_draft=number % 2 == 0,
            state="active" if value else "skipped",
            **more,
        )
        for number, given in answers.items()
        for who, value in given.items()
    ]
    store.labels.add(MONITOR, labels)
    store.queue.mark(MONITOR, [f"r{number}" for number in answers], "labelled")


def expert(store, number, value):
    store.labels.add(
        MONITOR,
        [
            NewLabel(
                row_id=f"r{number}", tool="label-studio", annotation=f"e{number}",
                stage="experts", value=value, annotator="Eve",
            )
        ],
    )  # fmt: skip


def agreeing(count):
    return {
        number: dict.fromkeys(("Ann", "Bo", "Cy"), ("late", "on time")[number % 2])
        for number in range(count)
    }


def test_rows_on_which_annotators_differ_go_to_the_experts_and_come_back_settled(store):
    fill(store, {**agreeing(20), 20: {"Ann": "late", "Bo": "on time"}})

    moved = escalate(store, MONITOR)
    expert(store, 20, "on time")
    store.queue.mark(MONITOR, ["r20"], "labelled")
    row = {one.row_id: one for one in labelled(store, MONITOR)}["r20"]

    assert moved == ("r20",)
    assert [event.by for event in store.queue.history(MONITOR, "r20")][-2] == "consensus"
    assert (row.label, row.source, row.confidence, row.disputed) == (
        "on time",
        "expert",
        1.0,
        False,
    )
    assert row.agreement == 0.5
    assert row.annotators == ("Ann", "Bo", "Eve")
    assert escalate(store, MONITOR) == ()


def test_a_share_of_gold_is_always_the_same_rows(store):
    fill(store, agreeing(200))

    moved = escalate(store, MONITOR, gold=0.1)

    assert 8 <= len(moved) <= 35
    assert store.queue.counts(MONITOR)["disputed"] == len(moved)
    assert escalate(store, MONITOR, gold=0.1) == ()
    assert not {row.row_id for row in settled(labelled(store, MONITOR))} & set(moved)


@pytest.mark.parametrize("method", ["majority", "dawid-skene", "model-assisted"])
def test_the_label_of_a_row_knows_where_it_comes_from(store, method):
    fill(store, {**agreeing(10), 10: {"Ann": "late"}})

    rows = {row.row_id: row for row in labelled(store, MONITOR, method)}

    assert (rows["r1"].label, rows["r1"].source, rows["r1"].answers) == ("on time", "consensus", 3)
    assert (rows["r10"].source, rows["r10"].guidelines) == ("single", ("1",))
    assert (rows["r1"].inclusion_probability, rows["r1"].model_version) == (0.1, "m1")
    assert rows["r1"].window == WEEK


def test_boxes_settle_on_the_drawing_that_is_nearest_to_the_others(store):
    def box(x):
        return [{"x": x, "y": 0, "width": 10, "height": 10, "label": "tree"}]

    store.queue.add(MONITOR, WEEK, [queue_row(0), queue_row(1)])
    spec = store.labels.ensure_spec(
        MONITOR, {"type": "box", "classes": ["tree"], "has_images": True}, guideline_version="1"
    )
    drawn = {0: {"Ann": box(0), "Bo": box(1), "Cy": box(2)}, 1: {"Ann": box(0), "Bo": box(40)}}
    store.labels.add(
        MONITOR,
        [
            NewLabel(
                row_id=f"r{number}", tool="x", annotation=f"{number}{who}", value=value,
                annotator=who, spec_version=spec.version,
            )
            for number, given in drawn.items()
            for who, value in given.items()
        ],
    )  # fmt: skip

    first, second = labelled(store, MONITOR)

    assert (first.label, first.disputed) == (box(1), False)
    assert second.disputed
    assert "overlaps the others by 0%" in second.why


def test_scorecards_come_from_the_store(store):
    fill(store, {**agreeing(60), 60: {"Ann": None, "Bo": "late", "Cy": "late"}})
    for number in range(10):
        expert(store, number, ("late", "on time")[number % 2])

    found = annotators(store, MONITOR)
    card = {one.annotator: one for one in found.cards}["Ann"]

    assert (card.labels, card.gold.value, card.gold.n) == (60, 1.0, 10)
    assert card.accuracy.value > 0.95
    # Drafts say "late": shown on even rows, which are late, and hidden on the others.
    assert (card.with_model.value, card.without_model.value) == (1.0, 0.0)
    assert found.skipped == {"Ann": 1}
    assert [spec.name for spec in found.specs] == ["class of 2, guideline 1"]
    assert json.dumps(document(MONITOR, found))


def test_a_monitor_without_labels_has_no_cards(store):
    assert annotators(store, MONITOR).cards == ()
    assert labelled(store, MONITOR) == []


def test_the_command_prints_cards_and_json(store, tmp_path, monkeypatch, capsys):
    fill(store, agreeing(40))
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    monkeypatch.chdir(tmp_path)

    assert main(["annotators", "--json", "-c", str(config)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert main(["annotators", "flights", "-c", str(config)]) == 0
    text = capsys.readouterr().out

    assert [one["annotator"] for one in printed["monitors"][0]["annotators"]] == ["Ann", "Bo", "Cy"]
    assert printed["monitors"][0]["specs"][0]["alpha"] == 1.0
    assert "Ann" in text
    assert "alpha 1.00" in text
