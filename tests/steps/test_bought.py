"""What the labels bought, and the part of the report that is about labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from monitor.core.finding import Finding
from monitor.core.window import Window
from monitor.steps.bought import bought
from monitor.steps.consensus import labelled
from monitor.store.label_records import NewLabel
from monitor.store.records import Draw, NewQueueRow, RunEffects
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


def rows_of(number, model, rng, right, *, regression=False, score=lambda place: 0.8):
    for place in range(ROWS):
        pi = 0.5 if place % 2 else 0.05
        truth = "late" if rng.random() < 0.4 else "on time"
        correct = rng.random() < (right(pi) if right else score(place))
        other = "late" if truth == "on time" else "on time"
        said = (truth if correct else other) if not regression else 10.0 + place % 3
        answer = truth if not regression else str(10.0)
        row = NewQueueRow(
            row_id=f"{number}.{place}", reason="random", reason_text="", score=1.0,
            inclusion_probability=pi, weight=1.0, push_order=place, data={}, prediction=said,
            prediction_score=score(place), model_version=model,
        )  # fmt: skip
        yield row, answer


def run_week(store, number, model, *, answered=ROWS, seed=None, draw=None, findings=(), **options):
    """A week whose queue was drawn, and labelled by one person."""
    rng = np.random.default_rng(number if seed is None else seed)
    options.setdefault("right", lambda pi: 0.9)
    made = list(rows_of(number, model, rng, **options))
    store.ledger.ensure_windows(MONITOR, [week(number)])
    lease = store.ledger.claim(MONITOR, week(number), worker="test")
    effects = RunEffects(
        document={"schema": 1}, rows=1000, started_at=START, finished_at=START,
        reference_version=None, queue=tuple(row for row, _ in made), draw=draw,
        findings=findings,
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
    assert found.verdict.startswith("Accuracy in the 3 windows before and the 3 since model m2: ")
    assert ": better (+" in found.verdict


def test_as_many_windows_before_as_since_and_at_least_four(store):
    """What was long ago, when the data were other ones, does not count as "before"."""
    for number in range(6):
        run_week(store, number, "m1", right=lambda pi, old=number < 2: 0.2 if old else 0.9)
    run_week(store, 6, "m2", right=lambda pi: 0.9)

    found = bought(store, MONITOR, labelled(store, MONITOR))

    assert [point.before for point in found.points] == [False] * 2 + [True] * 4 + [False]
    assert found.windows == (4, 1)
    assert found.before.value == pytest.approx(0.9, abs=0.08)
    assert ": no sure difference (" in found.verdict


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


def test_what_the_model_says_of_all_rows_helps(store):
    # Half of the labelled rows have a high score, of all rows a tenth has.
    sure = {"score": lambda place: 0.95 if place % 4 < 2 else 0.55, "right": None}
    known = Draw(candidates=1000, population=1000, size_mean=1.0, expected_mean=0.59)
    run_week(store, 0, "m1", seed=1, draw=replace(known, expected_mean=None), **sure)
    run_week(store, 1, "m1", seed=1, draw=known, **sure)

    plain, helped = (
        one.estimate for one in bought(store, MONITOR, labelled(store, MONITOR)).points
    )

    # The same answers; the weighted mean score of the labelled rows is 0.75.
    assert (plain.lam, helped.lam > 0.3) == (0.0, True)
    assert helped.value == pytest.approx(plain.value - helped.lam * (0.75 - 0.59))
    assert helped.standard_error < plain.standard_error
    assert "the model's own expectation corrected by the labels" in helped.note


def test_labels_of_all_rows_stand_beside(store):
    def figure(value):
        return Finding(
            check="performance.classification", statistic="accuracy", value=value,
            n_reference=1000, n_current=900, message="", interval=(value - 0.02, value + 0.02),
        )  # fmt: skip

    draw = Draw(candidates=1000, population=1000)
    run_week(store, 0, "m1", draw=draw, findings=(figure(0.7),), right=lambda pi: 0.7)
    run_week(store, 1, "m1", draw=Draw(candidates=1000, population=5000))
    run_week(store, 2, "m2", draw=draw, findings=(figure(0.9),), right=lambda pi: 0.9)

    found = bought(store, MONITOR, labelled(store, MONITOR))

    assert [None if one.whole is None else one.whole.value for one in found.points] == [
        0.7, None, 0.9,
    ]  # fmt: skip
    assert found.by_all == "By all rows with a label: 70.0%, then 90.0%."


def test_errors_of_a_regression(store):
    run_week(store, 0, "m1", regression=True)

    found = bought(store, MONITOR, labelled(store, MONITOR), regression=True)

    assert found.metric == "mean absolute error"
    assert found.points[0].estimate.value == pytest.approx(1.0)


def test_nothing_is_bought_without_labels(store):
    assert bought(store, MONITOR, []) is None
