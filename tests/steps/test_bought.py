"""What the labels bought, and the part of the report that is about labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.core.window import Window
from monitor.steps.bought import bought
from monitor.steps.consensus import labelled
from monitor.store.label_records import NewLabel
from monitor.store.records import NewQueueRow, RunEffects
from monitor.store.store import Store

MONITOR = "flights"
START = datetime(2026, 1, 5, tzinfo=UTC)
ROWS = 60


def week(number):
    start = START + timedelta(weeks=number)
    return Window(start, start + timedelta(weeks=1))


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'labels.db'}", upgrade=True) as opened:
        yield opened


def rows_of(number, model, rng, right, *, regression=False):
    for place in range(ROWS):
        pi = 0.5 if place % 2 else 0.05
        truth = "late" if rng.random() < 0.4 else "on time"
        correct = rng.random() < right(pi)
        other = "late" if truth == "on time" else "on time"
        said = (truth if correct else other) if not regression else 10.0 + place % 3
        answer = truth if not regression else str(10.0)
        row = NewQueueRow(
            row_id=f"{number}.{place}", reason="random", reason_text="", score=1.0,
            inclusion_probability=pi, weight=1.0, push_order=place, data={}, prediction=said,
            prediction_score=0.8, model_version=model,
        )  # fmt: skip
        yield row, answer


def run_week(store, number, model, *, answered=ROWS, reference=1, **options):
    """A week whose queue was drawn, and labelled by one person."""
    rng = np.random.default_rng(number)
    options.setdefault("right", lambda pi: 0.9)
    made = list(rows_of(number, model, rng, **options))
    store.ledger.ensure_windows(MONITOR, [week(number)])
    lease = store.ledger.claim(MONITOR, week(number), worker="test")
    effects = RunEffects(
        document={"schema": 1}, rows=1000, started_at=START, finished_at=START,
        reference_version=None, queue=tuple(row for row, _ in made),
    )  # fmt: skip
    store.commit(lease, effects)
    labels = [
        NewLabel(
            row_id=row.row_id, tool="file", annotation=row.row_id, value=answer, annotator="Ann"
        )
        for row, answer in made[:answered]
    ]
    store.labels.add(MONITOR, labels)
    store.queue.mark(MONITOR, [label.row_id for label in labels], "labelled")


def test_accuracy_before_and_since_a_new_model(store):
    for number in range(3):
        run_week(store, number, "m1", right=lambda pi: 0.6)
    for number in range(3, 6):
        run_week(store, number, "m2", right=lambda pi: 0.95)

    found = bought(store, MONITOR, labelled(store, MONITOR))

    assert [point.after for point in found.points] == [False] * 3 + [True] * 3
    assert (found.before.n, found.after.n) == (180, 180)
    assert found.gain.interval[0] > 0.1
    assert found.verdict.startswith("Accuracy, before and since model m2: ")
    assert ": better (+" in found.verdict


def test_the_measure_is_weighted_by_the_chances(store):
    # Rows that are rarely drawn stand for many more: their accuracy is that of the window.
    for number in range(4):
        run_week(store, number, "m1", right=lambda pi: 0.9 if pi < 0.1 else 0.1)

    found = bought(store, MONITOR, labelled(store, MONITOR))
    values = [point.estimate.value for point in found.points]

    # (20 · 0.9 + 2 · 0.1) / 22, where a plain mean of the labels has 0.5.
    assert np.mean(values) == pytest.approx(0.83, abs=0.06)
    assert found.verdict == ""


def test_a_half_finished_queue_is_a_sample_too(store):
    run_week(store, 0, "m1", answered=40)

    (point,) = bought(store, MONITOR, labelled(store, MONITOR)).points

    assert point.estimate.n == 40
    assert store.queue.drawn(MONITOR) == {week(0): ROWS}


def test_errors_of_a_regression(store):
    run_week(store, 0, "m1", regression=True)

    found = bought(store, MONITOR, labelled(store, MONITOR), regression=True)

    assert found.metric == "mean absolute error"
    assert found.points[0].estimate.value == pytest.approx(1.0)


def test_nothing_is_bought_without_labels(store):
    assert bought(store, MONITOR, []) is None
