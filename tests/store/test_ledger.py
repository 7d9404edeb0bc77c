from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from monitor.core.errors import LeaseLostError, StoreError

from .making import MONDAY, MONITOR, effects, lease_of, run, week


def test_a_window_is_known_once_however_often_it_is_named(store):
    assert store.ledger.ensure_windows(MONITOR, [week(0), week(1)]) == 2
    assert store.ledger.ensure_windows(MONITOR, [week(1), week(2), week(2)]) == 1
    assert [entry.window for entry in store.ledger.due(MONITOR)] == [week(0), week(1), week(2)]


def test_due_windows_of_all_monitors_come_oldest_first(store):
    store.ledger.ensure_windows("b", [week(2), week(0)])
    store.ledger.ensure_windows("a", [week(1)])

    assert [(e.monitor, e.window) for e in store.ledger.due()] == [
        ("b", week(0)),
        ("a", week(1)),
        ("b", week(2)),
    ]
    assert [e.window for e in store.ledger.due("b", limit=1)] == [week(0)]


def test_entries_are_listed_newest_first_in_pages(store):
    store.ledger.ensure_windows(MONITOR, [week(n) for n in range(5)])

    page = store.ledger.entries(MONITOR, limit=2)
    rest = store.ledger.entries(MONITOR, before=page[-1].window.start)

    assert [e.window for e in page + rest] == [week(n) for n in (4, 3, 2, 1, 0)]


def test_claim_heartbeat_and_commit(store):
    lease = lease_of(store, 0)
    longer = store.ledger.heartbeat(lease, lease_seconds=3600)
    store.commit(lease, effects())

    assert longer.until > lease.until
    assert store.ledger.entry(MONITOR, week(0)).state == "done"
    assert store.ledger.due(MONITOR) == []


def test_a_window_that_nobody_named_cannot_be_claimed(store):
    assert store.ledger.claim(MONITOR, week(0), worker="w") is None


def test_one_window_of_a_monitor_runs_at_a_time(store):
    lease_of(store, 1)
    store.ledger.ensure_windows(MONITOR, [week(0)])
    store.ledger.ensure_windows("other", [week(0)])

    assert store.ledger.claim(MONITOR, week(0), worker="second") is None
    assert store.ledger.claim_next(worker="second").monitor == "other"
    assert store.ledger.claim_next(worker="second") is None


def test_claim_next_takes_the_oldest_of_the_monitors_it_is_given(store):
    store.ledger.ensure_windows("a", [week(1)])
    store.ledger.ensure_windows("b", [week(0), week(2)])

    assert store.ledger.claim_next(["a"], worker="w").window == week(1)
    assert store.ledger.claim_next(["a", "b"], worker="w").window == week(0)
    assert store.ledger.claim_next([], worker="w") is None


def test_a_lease_that_ran_out_is_taken_over_and_its_holder_can_do_nothing_more(timed, hands):
    first = lease_of(timed, 0, lease_seconds=60)
    assert timed.ledger.claim(MONITOR, week(0), worker="second") is None
    hands.move(61)

    second = timed.ledger.claim(MONITOR, week(0), worker="second")
    assert second.attempt == 2
    for act in (
        lambda: timed.ledger.heartbeat(first),
        lambda: timed.ledger.fail(first, "late", retry_in=None),
        lambda: timed.ledger.release(first),
        lambda: timed.commit(first, effects()),
    ):
        with pytest.raises(LeaseLostError, match="'first' ran out"):
            act()
    timed.commit(second, effects())

    assert timed.runs.get(MONITOR, week(0)).revision == 1


def test_a_worker_that_was_slow_but_not_replaced_may_commit(timed, hands):
    lease = lease_of(timed, 0, lease_seconds=60)
    hands.move(3600)

    assert timed.commit(lease, effects()).revision == 1


def test_a_failed_window_comes_back_when_its_retry_is_due(timed, hands):
    timed.ledger.fail(lease_of(timed, 0), "the file is locked", retry_in=300)

    assert timed.ledger.due(MONITOR) == []
    assert timed.ledger.claim(MONITOR, week(0), worker="w") is None
    hands.move(301)
    (entry,) = timed.ledger.due(MONITOR)
    assert (entry.state, entry.last_error, entry.attempts) == ("failed", "the file is locked", 1)
    assert timed.ledger.claim_next(worker="w").attempt == 2


def test_windows_wait_for_an_older_one_that_is_about_to_be_tried_again(timed, hands):
    """Else what a window says would depend on a disk that was full for a minute."""
    timed.ledger.announce({MONITOR: [week(0), week(1)], "other": [week(2)]})
    timed.ledger.fail(timed.ledger.claim_next(worker="w"), "no", retry_in=60)

    assert timed.ledger.claim_next(worker="w").monitor == "other"
    assert timed.ledger.claim_next(worker="w") is None
    hands.move(61)
    assert timed.ledger.claim_next(worker="w").window == week(0)


def test_windows_do_not_wait_for_ever_for_one_that_fails_again_and_again(timed, hands):
    timed.ledger.announce({MONITOR: [week(0), week(1)]})
    for _ in range(3):
        timed.ledger.fail(timed.ledger.claim_next(worker="w"), "no", retry_in=60)
        hands.move(61)
    timed.ledger.fail(timed.ledger.claim_next(worker="w"), "no", retry_in=600)

    assert timed.ledger.claim_next(worker="w").window == week(1)


def test_windows_of_many_monitors_become_known_in_one_transaction(store):
    store.ledger.ensure_windows("a", [week(1)], regular=False)

    assert store.ledger.announce({"b": [week(0)], "a": [week(0), week(1)]}) == {"a": 1, "b": 1}
    assert store.ledger.announce({"a": [week(0)], "b": [week(0)]}) == {"a": 0, "b": 0}
    assert store.ledger.known("a", limit=1) == [week(1)]
    with pytest.raises(StoreError, match="1 to 200 characters"):
        store.ledger.announce({"c": [week(0)], "": [week(0)]})
    assert store.ledger.known("c", limit=1) == []


def test_a_window_that_failed_for_good_runs_only_when_asked_for(store):
    store.ledger.fail(lease_of(store, 0), "no such column", retry_in=None)

    assert store.ledger.claim_next(worker="w") is None
    assert store.ledger.claim(MONITOR, week(0), worker="w") is None
    assert store.ledger.claim(MONITOR, week(0), worker="w", again=True) is not None


def test_a_released_window_is_pending_and_the_attempt_does_not_count(store):
    store.ledger.release(lease_of(store, 0))

    (entry,) = store.ledger.due(MONITOR)
    assert (entry.state, entry.attempts) == ("pending", 0)


@pytest.mark.parametrize("end", ["release", "fail"])
def test_a_second_run_that_comes_to_nothing_leaves_the_window_done(store, end):
    run(store, 0)
    lease = store.ledger.claim(MONITOR, week(0), worker="w", again=True)
    if end == "release":
        store.ledger.release(lease)
    else:
        store.ledger.fail(lease, "gone", retry_in=None)

    assert store.ledger.entry(MONITOR, week(0)).state == "done"
    assert store.runs.get(MONITOR, week(0)).revision == 1


def test_a_window_off_the_grid_becomes_regular_when_the_grid_asks_for_it(store):
    store.ledger.ensure_windows(MONITOR, [week(3)], regular=False)
    assert store.ledger.newest(MONITOR) is None

    store.ledger.ensure_windows(MONITOR, [week(3)])
    store.ledger.ensure_windows(MONITOR, [week(3)], regular=False)

    assert store.ledger.newest(MONITOR) == week(3)


def test_a_monitor_has_a_name_of_bearable_length(store):
    with pytest.raises(StoreError, match="1 to 200 characters"):
        store.ledger.ensure_windows("x" * 201, [week(0)])


def test_workers_at_once_share_all_windows_and_run_none_twice(open_store):
    """Several workers, each with connections of its own, over a few monitors."""
    monitors, weeks, workers = ["a", "b", "c"], 8, 4
    first = open_store()
    for monitor in monitors:
        first.ledger.ensure_windows(monitor, [week(n) for n in range(weeks)])
    order: list[tuple[str, int]] = []
    lock = threading.Lock()

    def work(store, name):
        idle = 0
        while idle < 50:
            lease = store.ledger.claim_next(worker=name, lease_seconds=60)
            if lease is None:
                idle = idle + 1 if not store.ledger.due(limit=1) else 0
                continue
            with lock:
                order.append((lease.monitor, (lease.window.start - MONDAY).days // 7))
            store.ledger.heartbeat(lease)
            store.commit(lease, effects())

    stores = [open_store() for _ in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, s, f"w{i}") for i, s in enumerate(stores)]:
            done.result()

    assert Counter(order) == Counter((m, n) for m in monitors for n in range(weeks))
    for monitor in monitors:
        assert [n for m, n in order if m == monitor] == list(range(weeks))
    assert all(len(first.runs.summaries(m)) == weeks for m in monitors)


def test_writers_at_once_never_meet_a_locked_database(open_store):
    """What a deferred BEGIN fails at: many short writes from several connections."""

    def write(number):
        store = open_store()
        for step in range(15):
            store.ledger.ensure_windows(f"m{number}", [week(step)])
        return len(store.ledger.entries(f"m{number}"))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write, range(4))) == [15] * 4


def test_time_is_the_database_s_own(store):
    with store.database.reading() as session:
        first, second = store.database.now(session), store.database.now(session)

    assert first.utcoffset() == timedelta(0)
    assert timedelta(0) <= second - first < timedelta(seconds=5)
