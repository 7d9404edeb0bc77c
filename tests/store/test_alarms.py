from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.core.finding import Alarm

from .making import MONITOR, effects, run, week

KEY = "column:temp"


def says(state: str, title: str = "temp moved", key: str = KEY) -> tuple[Alarm, ...]:
    return (Alarm(key=key, state=state, title=title),)


def episodes(store, monitor=MONITOR):
    return [
        (a.opened, a.last, a.closed, a.state)
        for a in sorted(store.alarms.list(monitor), key=lambda a: a.opened)
    ]


def test_an_alarm_from_its_opening_to_its_closing(store):
    run(store, 0, alarms=says("opened"))
    run(store, 1, alarms=says("open", "temp and wind moved"))
    (alarm,) = store.alarms.list(MONITOR, open_only=True)
    assert (alarm.key, alarm.title, alarm.opened, alarm.last) == (
        KEY,
        "temp and wind moved",
        week(0),
        week(1),
    )

    run(store, 2, alarms=says("closed"))
    assert store.alarms.list(MONITOR, open_only=True) == []
    assert episodes(store) == [(week(0), week(2), week(2), "closed")]
    assert [(e.window, e.state) for e in store.alarms.events(MONITOR, KEY)] == [
        (week(0), "opened"),
        (week(1), "open"),
        (week(2), "closed"),
    ]


def test_an_alarm_is_called_by_its_strongest_evidence(store):
    told = [("opened", 4.0, "+3 points"), ("open", 60.0, "+12 points"), ("open", 5.0, "+4 points")]
    for number, (state, years, title) in enumerate(told):
        run(store, number, alarms=(Alarm(key=KEY, state=state, title=title, once_in_years=years),))
    run(store, 3, alarms=says("open", "differs, though not surely in this window"))
    run(store, 4, alarms=says("closed"))

    (alarm,) = store.alarms.list(MONITOR)
    assert (alarm.title, alarm.once_in_years) == ("+12 points", 60.0)


def test_an_alarm_that_opens_again_is_another_one(store):
    for number, state in enumerate(["opened", "closed", "opened"]):
        run(store, number, alarms=says(state))

    assert episodes(store) == [
        (week(0), week(1), week(1), "closed"),
        (week(2), week(2), None, "open"),
    ]


def test_the_window_that_opened_it_takes_it_back(store):
    run(store, 0, alarms=says("opened"))
    run(store, 0, again=True)

    assert store.alarms.list(MONITOR) == []
    run(store, 0, again=True, alarms=says("opened"))
    assert episodes(store) == [(week(0), week(0), None, "open")]


def test_the_window_that_closed_it_opens_it_again(store):
    run(store, 0, alarms=says("opened"))
    run(store, 1, alarms=says("closed"))
    run(store, 1, again=True, alarms=says("open"))

    assert episodes(store) == [(week(0), week(1), None, "open")]


def test_an_old_window_does_not_close_what_a_newer_one_opened(store):
    run(store, 0)
    run(store, 1, alarms=says("opened"))
    run(store, 0, again=True, alarms=says("closed"))

    assert episodes(store) == [(week(1), week(1), None, "open")]


def test_monitors_and_keys_are_apart(store):
    run(store, 0, alarms=says("opened") + says("opened", key="schema"))
    run(store, 1, alarms=says("closed", key="schema"))

    assert [a.key for a in store.alarms.list(MONITOR, open_only=True)] == [KEY]
    assert store.alarms.list("other") == []


FRESH = itertools.count()
STATES = st.sampled_from(["opened", "open", "closed", None])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    states=st.lists(STATES, min_size=1, max_size=6),
    wrong=st.lists(st.tuples(st.integers(0, 5), STATES), max_size=2),
    shuffled=st.randoms(use_true_random=False),
)
def test_the_order_of_runs_and_what_was_said_first_do_not_matter(store, states, wrong, shuffled):
    """Windows run late, or wrong at first and then again, give the alarms of a straight run."""

    def tell(monitor, number, state, *, again=False):
        store.ledger.ensure_windows(monitor, [week(number)])
        lease = store.ledger.claim(monitor, week(number), worker="w", again=again)
        store.commit(lease, effects(alarms=says(state) if state else ()))

    number = next(FRESH)
    straight, crooked = f"straight {number}", f"crooked {number}"
    for number, state in enumerate(states):
        tell(straight, number, state)
    order = list(range(len(states)))
    shuffled.shuffle(order)
    first = {number: state for number, state in wrong if number < len(states)}
    for number in order:
        tell(crooked, number, first.get(number, states[number]))
    for number in first:
        tell(crooked, number, states[number], again=True)

    assert episodes(store, crooked) == episodes(store, straight)


def test_two_alarms_of_one_key_in_one_run_are_a_mistake(store):
    with pytest.raises(Exception, match="Nothing of this was stored"):
        run(store, 0, alarms=says("opened") + says("closed"))
