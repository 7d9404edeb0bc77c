from __future__ import annotations

from datetime import timedelta

from monitor.store.engine import MAX_IMAGE
from monitor.store.queue import STEPS
from monitor.store.records import Draw, NewQueueRow

from .making import MONDAY, MONITOR, run, week


def row(row_id, order=0, **changed):
    values = {
        "reason": "random",
        "reason_text": "drawn at random",
        "score": 0.5,
        "inclusion_probability": None,
        "weight": 1.0,
        "data": {},
    }
    return NewQueueRow(row_id=row_id, push_order=order, **{**values, **changed})


def test_a_row_comes_back_as_it_was_queued(store):
    new = row(
        "17",
        3,
        data={"carrier": "UA", "at": MONDAY, "delay": float("nan"), "raw": b"\x00\xff"},
        prediction=1,
        prediction_score=0.75,
        model_version="v2",
        image=b"\x89PNG",
        inclusion_probability=1e-9,
    )
    run(store, 0, queue=(new,))

    (stored,) = store.queue.rows(MONITOR)
    assert (stored.row_id, stored.push_order, stored.state, stored.window) == (
        "17",
        3,
        "proposed",
        week(0),
    )
    assert stored.data == {
        "carrier": "UA",
        "at": "2024-01-01T00:00:00+00:00",
        "delay": None,
        "raw": "AP8=",
    }
    assert (stored.prediction, stored.prediction_score, stored.model_version) == (1, 0.75, "v2")
    assert (stored.image, stored.inclusion_probability, stored.note) == (b"\x89PNG", 1e-9, "")
    assert store.queue.rows(MONITOR, images=False)[0].image is None


def test_an_image_that_is_too_large_is_left_out_and_the_row_says_so(store):
    run(store, 0, queue=(row("1", image=bytes(MAX_IMAGE + 1)),))

    (stored,) = store.queue.rows(MONITOR)
    assert stored.image is None
    assert str(MAX_IMAGE) in stored.note


def test_pages_walk_through_windows_and_push_order_without_loss(store):
    run(store, 1, queue=tuple(row(f"b{n}", 9 - n) for n in range(10)))
    run(store, 0, queue=tuple(row(f"a{n}", n) for n in range(10)))

    first = store.queue.rows(MONITOR, limit=7)
    second = store.queue.rows(MONITOR, limit=7, after=first[-1].cursor)
    paged = list(store.queue.every(MONITOR, page=3))

    assert [r.row_id for r in paged] == [f"a{n}" for n in range(10)] + [
        f"b{n}" for n in reversed(range(10))
    ]
    assert first + second == paged[:14]


def test_states_are_counted_and_selected(store):
    run(store, 0, queue=tuple(row(str(n), n) for n in range(4)))
    store.queue.mark(MONITOR, ["0", "2"], "exported", by="export")

    assert store.queue.counts(MONITOR) == {
        **dict.fromkeys(STEPS, 0),
        "proposed": 2,
        "exported": 2,
    }
    assert [r.row_id for r in store.queue.rows(MONITOR, states=["exported"])] == ["0", "2"]
    assert store.queue.rows(MONITOR, states=[]) == []
    assert [r.row_id for r in store.queue.every(MONITOR, states=["proposed"], page=1)] == ["1", "3"]


def test_pages_of_one_window_and_of_several_states_keep_their_order(store):
    for number in (1, 0):
        run(store, number, queue=tuple(row(f"{number}.{n}", n) for n in range(7)))
    store.queue.mark(MONITOR, ["0.2", "1.1"], "exported")

    of_one = store.queue.every(MONITOR, window=week(1), page=2)
    assert [r.row_id for r in of_one] == [f"1.{n}" for n in range(7)]
    both = store.queue.every(MONITOR, states=["proposed", "exported"], page=3)
    assert [r.row_id for r in both] == [f"{w}.{n}" for w in range(2) for n in range(7)]
    assert store.queue.ids(MONITOR, among=["0.1", "1.1", "x"]) == {"0.1", "1.1"}
    assert store.queue.ids(MONITOR, among=["0.1", "1.1"], except_window=week(0)) == {"1.1"}


def test_marking_says_what_became_of_each_row(store):
    run(store, 0, queue=tuple(row(str(n), n) for n in range(3)))
    store.queue.mark(MONITOR, ["1"], "exported")
    marked = store.queue.mark(MONITOR, ["0", "1", "0", "nobody"], "exported")
    refused = store.queue.mark(MONITOR, ["2"], "accepted")

    assert (marked.changed, marked.unchanged, marked.unknown) == (("0",), ("1",), ("nobody",))
    assert (refused.changed, refused.refused) == ((), ("2",))
    assert store.queue.mark("other", ["0"], "exported").unknown == ("0",)


def test_the_history_of_a_row_tells_every_step(store):
    done = run(store, 0, queue=(row("1"),))
    for state in ("exported", "in_annotation", "labelled", "disputed", "accepted", "proposed"):
        store.queue.mark(MONITOR, ["1"], state, by="anna")

    assert [(e.from_state, e.to_state, e.by) for e in store.queue.history(MONITOR, "1")] == [
        (None, "proposed", f"run {done.run_id}"),
        ("proposed", "exported", "anna"),
        ("exported", "in_annotation", "anna"),
        ("in_annotation", "labelled", "anna"),
        ("labelled", "disputed", "anna"),
        ("disputed", "accepted", "anna"),
    ]


def test_thousands_of_rows_are_marked_at_once(store):
    ids = [str(n) for n in range(1500)]
    run(store, 0, queue=tuple(row(i, int(i)) for i in ids))

    assert store.queue.mark(MONITOR, ids, "exported").changed == tuple(ids)
    assert store.queue.counts(MONITOR)["exported"] == 1500


def test_rows_that_a_person_asked_for_survive_a_second_run(store):
    run(store, 0, queue=(row("1"),))
    assert store.queue.add(MONITOR, week(0), [row("1"), row("2")], by="anna") == 1
    run(store, 0, again=True, queue=(row("3"),))

    assert store.queue.ids(MONITOR) == {"2", "3"}
    assert store.queue.ids(MONITOR, except_window=week(0)) == {"2"}
    assert store.queue.history(MONITOR, "2")[0].by == "anna"


def test_rows_of_old_windows_expire_unless_somebody_works_on_them(store):
    run(store, 0, queue=(row("1"), row("2", 1), row("3", 2)))
    run(store, 1, queue=(row("4"),))
    store.queue.mark(MONITOR, ["2"], "exported")
    store.queue.mark(MONITOR, ["3"], "in_annotation")

    assert store.queue.expire(MONITOR, week(0).end - timedelta(seconds=1)) == 0
    assert store.queue.expire(MONITOR, week(0).end, by="cron") == 2
    assert {r.row_id: r.state for r in store.queue.rows(MONITOR)} == {
        "1": "expired",
        "2": "expired",
        "3": "in_annotation",
        "4": "proposed",
    }


def test_rows_that_were_drawn_are_counted_by_window_and_those_asked_for_are_not(store):
    run(store, 0, queue=(row("a"), row("b", 1, copies=3)))
    run(store, 1, queue=(row("c"),))
    store.queue.add(MONITOR, week(1), [row("asked")])

    assert store.queue.drawn(MONITOR) == {week(0): 2, week(1): 1}
    assert [one.copies for one in store.queue.rows(MONITOR)] == [None, 3, None, None]


def test_a_label_that_joined_a_reference_can_leave_it_again(store):
    run(store, 0, queue=(row("a"),))
    for state in ("labelled", "accepted", "labelled"):
        assert store.queue.mark(MONITOR, ["a"], state).changed == ("a",)


def test_what_a_window_was_drawn_from_goes_with_its_draw(store):
    first = Draw(candidates=90, population=1000, size_mean=1.0, expected_mean=0.8)
    run(store, 0, queue=(row("a"),), draw=first)
    run(store, 1, queue=(row("b"),))
    assert store.queue.draws(MONITOR) == {week(0): first}

    second = Draw(candidates=95, population=1010)
    run(store, 0, again=True, queue=(row("c"),), draw=second)
    assert store.queue.draws(MONITOR) == {week(0): second}

    # What has left the building stands, and what it was drawn from, too.
    store.queue.mark(MONITOR, ["c"], "exported")
    run(store, 0, again=True, queue=(row("d"),), draw=first)
    assert store.queue.draws(MONITOR) == {week(0): second}
