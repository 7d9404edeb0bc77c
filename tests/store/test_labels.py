from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.core.errors import LeaseLostError
from monitor.store.label_records import Arrival, NewLabel, NewPush
from monitor.store.records import NewQueueRow

from .making import MONDAY, MONITOR, run, week


def queued(row_id: str, order: int = 0) -> NewQueueRow:
    return NewQueueRow(
        row_id=row_id,
        reason="random",
        reason_text="",
        score=0.5,
        inclusion_probability=0.25,
        weight=4.0,
        push_order=order,
        data={"a": 1},
        prediction="cat",
        prediction_score=0.9,
        model_version="v1",
        image=b"\x89PNG",
    )


def label(row_id: str, annotation: str = "7", **changed: object) -> NewLabel:
    values = {
        "tool": "label-studio",
        "project": "3",
        "task": f"t{row_id}",
        "value": "dog",
        "raw": [{"value": {"choices": ["dog"]}}],
        "annotator": "anna",
        "lead_time": 3.5,
        "created_at": MONDAY,
        "updated_at": MONDAY,
        "guideline_version": "2",
        "spec_version": 1,
        "with_draft": False,
    }
    return NewLabel(row_id=row_id, annotation=annotation, **{**values, **changed})


@pytest.fixture
def filled(store):
    run(store, 0, queue=tuple(queued(str(n), n) for n in range(4)))
    run(store, 1, queue=(queued("9"),))
    return store


def place(row_id: str) -> tuple[str, str, str]:
    return ("label-studio", "3", f"t{row_id}")


def test_a_label_comes_back_with_what_its_row_says(filled):
    taken = filled.labels.add(MONITOR, [label("0")])

    (stored,) = filled.labels.of(MONITOR)
    assert (taken.new, taken.rows, taken.unknown) == (1, ("0",), ())
    assert (stored.row_id, stored.value, stored.annotator) == ("0", "dog", "anna")
    assert (stored.lead_time, stored.with_draft, stored.gold) == (3.5, False, False)
    assert (stored.window, stored.inclusion_probability, stored.weight) == (week(0), 0.25, 4.0)
    assert (stored.prediction, stored.prediction_score, stored.model_version) == ("cat", 0.9, "v1")
    assert (stored.revision, stored.state, stored.queue_state) == (1, "active", "proposed")
    assert (stored.guideline_version, stored.spec_version) == ("2", 1)


def test_the_same_labels_again_change_nothing(filled):
    both = [label("0", "7"), label("0", "8", annotator="ben")]
    filled.labels.add(MONITOR, both)
    changed = filled.labels.newest(MONITOR)

    again = filled.labels.add(MONITOR, both, complete=[place("0")])

    assert (again.new, again.edited, again.deleted, again.unchanged) == (0, 0, 0, 2)
    assert again.rows == ()
    assert filled.labels.newest(MONITOR) == changed
    assert len(list(filled.labels.of(MONITOR, states=None))) == 2


def test_an_edit_supersedes_and_an_edit_back_is_a_third_revision(filled):
    for minute, value in enumerate(("dog", "cat", "dog")):
        at = MONDAY + timedelta(minutes=minute)
        filled.labels.add(MONITOR, [label("0", value=value, updated_at=at)])

    every = list(filled.labels.of(MONITOR, states=None))
    assert [(one.value, one.state, one.revision) for one in every] == [
        ("dog", "superseded", 1),
        ("cat", "superseded", 2),
        ("dog", "active", 3),
    ]
    assert filled.labels.counts(MONITOR) == {
        "active": 1,
        "skipped": 0,
        "refused": 0,
        "superseded": 2,
        "deleted": 0,
    }


def test_a_late_copy_does_not_undo_an_edit(filled):
    later = MONDAY + timedelta(minutes=1)
    filled.labels.add(MONITOR, [label("0", value="cat", updated_at=later)])

    taken = filled.labels.add(MONITOR, [label("0", value="dog")])

    assert (taken.unchanged, taken.edited) == (1, 0)
    assert [one.value for one in filled.labels.of(MONITOR)] == ["cat"]


def test_a_skip_that_becomes_a_label_is_an_edit(filled):
    filled.labels.add(MONITOR, [label("0", state="skipped", value=None)])
    assert not list(filled.labels.of(MONITOR))
    filled.labels.add(MONITOR, [label("0", updated_at=MONDAY + timedelta(minutes=1))])

    assert [one.state for one in filled.labels.of(MONITOR, states=None)] == ["superseded", "active"]


def test_what_a_complete_task_lacks_was_deleted_and_may_come_back(filled):
    filled.labels.add(MONITOR, [label("0", "7"), label("0", "8"), label("1", "9")])

    taken = filled.labels.add(MONITOR, [label("0", "8")], complete=[place("0")])
    assert (taken.deleted, taken.rows) == (1, ("0",))
    assert [one.annotation for one in filled.labels.of(MONITOR)] == ["8", "9"]

    assert filled.labels.add(MONITOR, [label("0", "8")], complete=[place("0")]).deleted == 0
    assert filled.labels.add(MONITOR, [label("0", "7"), label("0", "8")]).edited == 1
    assert [one.annotation for one in filled.labels.of(MONITOR)] == ["8", "9", "7"]


def test_labels_of_rows_that_nobody_queued_are_named_and_not_stored(filled):
    taken = filled.labels.add(MONITOR, [label("nobody"), label("0")])

    assert (taken.new, taken.unknown) == (1, ("nobody",))


def test_labels_are_read_by_window_by_row_and_in_pages(filled):
    filled.labels.add(MONITOR, [label(str(n), f"a{n}") for n in range(4)] + [label("9", "a9")])

    assert [one.row_id for one in filled.labels.of(MONITOR, page=2)] == ["0", "1", "2", "3", "9"]
    assert [one.row_id for one in filled.labels.of(MONITOR, window=week(1))] == ["9"]
    assert [one.row_id for one in filled.labels.of(MONITOR, row_ids=["2", "9", "x"])] == ["2", "9"]
    assert not list(filled.labels.of("other"))


def test_a_spec_gets_a_version_when_it_changes(filled):
    first = filled.labels.ensure_spec(MONITOR, {"classes": ["a", "b"]}, guideline_version="1")
    same = filled.labels.ensure_spec(MONITOR, {"classes": ["a", "b"]}, guideline_version="1")
    other = filled.labels.ensure_spec(MONITOR, {"classes": ["a", "b"]}, guideline_version="2")

    assert (first.version, same, other.version) == (1, first, 2)
    assert filled.labels.specs(MONITOR) == [first, other]


def test_rows_whose_draw_was_pushed_stay_when_the_window_is_run_again(filled):
    ((number, _),) = filled.pushes.unplanned(
        MONITOR, "label-studio", "annotators", states=["proposed"], limit=1
    )
    filled.pushes.plan(MONITOR, "label-studio", "annotators", [new_push(number)])

    run(filled, 0, again=True, queue=(queued("other"),))

    assert filled.queue.ids(MONITOR) == {"0", "1", "2", "3", "9"}


def new_push(number: int) -> NewPush:
    return NewPush(queue_row_id=number, with_draft=True, spec_version=1)


def planned(store, limit=100, **options):
    return store.pushes.planned(
        MONITOR, "label-studio", "annotators", states=["proposed"], limit=limit, **options
    )


def plan_all(store):
    rows = store.pushes.unplanned(
        MONITOR, "label-studio", "annotators", states=["proposed"], limit=100
    )
    return store.pushes.plan(
        MONITOR, "label-studio", "annotators", [new_push(number) for number, _ in rows]
    )


def test_each_row_is_planned_once_and_waits_in_push_order(filled):
    assert (plan_all(filled), plan_all(filled)) == (5, 0)

    assert [row.row_id for _, row in planned(filled)] == ["0", "1", "2", "3", "9"]
    assert [row.image for _, row in planned(filled, limit=1)] == [b"\x89PNG"]
    assert [row.row_id for _, row in planned(filled, max_bytes=9)] == ["0", "1"]
    assert [row.row_id for _, row in planned(filled, max_bytes=1)] == ["0"]


def test_what_was_rejected_meanwhile_waits_no_more(filled):
    plan_all(filled)
    filled.queue.mark(MONITOR, ["1", "9"], "rejected")

    assert [row.row_id for _, row in planned(filled)] == ["0", "2", "3"]


def test_a_draft_that_the_tool_refused_is_noted_before_it_goes_out_without(filled):
    plan_all(filled)
    (first, _), *_ = planned(filled)
    filled.pushes.undraft(first.id, "unknown choice")

    (again, _), *_ = planned(filled)
    assert (again.with_draft, again.note) == (False, "unknown choice")
    assert filled.pushes.of_rows(MONITOR, "label-studio", "annotators", ["0", "x"]) == {"0": again}


def test_what_arrived_is_in_annotation_and_counted_once(filled):
    plan_all(filled)
    filled.tools.add_project(
        MONITOR, "label-studio", "annotators", number=1, project="3", spec_version=1
    )
    places = [
        Arrival(push=push.id, project="3", task=f"t{row.row_id}", with_draft=False, note="why")
        for push, row in planned(filled, limit=2)
    ]

    assert filled.pushes.arrived(MONITOR, places, by="push") == 2
    assert filled.pushes.arrived(MONITOR, places, by="push") == 0

    assert [row.row_id for _, row in planned(filled)] == ["2", "3", "9"]
    assert filled.queue.counts(MONITOR)["in_annotation"] == 2
    assert [event.to_state for event in filled.queue.history(MONITOR, "0")] == [
        "proposed",
        "in_annotation",
    ]
    there = filled.pushes.of_tasks(MONITOR, "label-studio", "3")
    assert {task: (push.with_draft, push.note) for task, push in there.items()} == {
        "t0": (False, "why"),
        "t1": (False, "why"),
    }
    assert list(filled.pushes.of_tasks(MONITOR, "label-studio", "3", ["t1", "t9"])) == ["t1"]
    assert filled.tools.projects(MONITOR, "label-studio")[0].tasks == 2


def test_a_failure_is_kept_and_a_refusal_is_not_tried_again(filled):
    plan_all(filled)
    (first, _), (second, _), *_ = planned(filled)

    filled.pushes.failed([first.id], "timed out")
    filled.pushes.failed([second.id], "no image", refused=True)

    again = planned(filled)
    assert (again[0][0].last_error, again[0][0].attempts) == ("timed out", 1)
    assert [row.row_id for _, row in again] == ["0", "2", "3", "9"]
    assert filled.pushes.counts(MONITOR, "label-studio") == {
        "planned": 4,
        "pushed": 0,
        "refused": 1,
        "gone": 0,
    }
    assert [push.row_id for push in filled.pushes.refusals(MONITOR, "label-studio")] == ["1", "0"]


def test_a_project_is_known_once_keeps_its_cursor_and_can_be_woken(filled):
    def add(project):
        return filled.tools.add_project(
            MONITOR, "label-studio", "annotators", number=1, project=project, spec_version=1
        )

    made = add("3")
    assert add("4") == made
    filled.tools.set_cursor(made.id, "2024-01-01")

    assert filled.tools.wake(MONITOR, "label-studio")
    assert not filled.tools.wake("other", "label-studio")
    (known,) = filled.tools.projects(None, "label-studio")
    assert (known.project, known.cursor) == ("3", "2024-01-01")
    assert known.polled_at is not None
    assert known.woken_at is not None


def test_one_process_at_a_time_speaks_with_a_tool(timed, hands):
    run(timed, 0)
    first = timed.tools.lease(MONITOR, "label-studio", worker="a")
    assert timed.tools.lease(MONITOR, "label-studio", worker="b") is None
    hands.move(600)
    second = timed.tools.lease(MONITOR, "label-studio", worker="b")
    assert second is not None

    with pytest.raises(LeaseLostError):
        first.renew()
    first.release()
    second.renew()
    assert timed.tools.lease(MONITOR, "label-studio") is None
    second.release()
    assert timed.tools.lease(MONITOR, "label-studio") is not None
