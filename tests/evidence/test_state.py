"""Opening, closing and mailing."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from monitor.evidence import States, advance


@dataclass(frozen=True)
class Told:
    fired: bool = False
    calm: bool = True


FIRED, CALM, RESTLESS = Told(fired=True, calm=False), Told(), Told(calm=False)


def play(*windows, escalation=None):
    states, changes = States(), []
    for position, verdicts in enumerate(windows, 1):
        change = advance(states, verdicts, position, escalation_windows=escalation)
        states = change.states
        changes.append(change)
    return changes


def test_one_mail_when_it_opens_and_none_while_it_stays():
    changes = play({"a": FIRED}, {"a": FIRED}, {"a": RESTLESS}, {"a": CALM}, {"a": CALM})

    assert [one.mail for one in changes] == [True, False, False, False, False]
    assert changes[0].opened == ("a",)
    assert changes[1].still_open == ("a",)
    assert changes[3].still_open == ("a",)
    assert changes[4].closed == ("a",)


def test_closing_wants_two_calm_windows_in_a_row():
    changes = play({"a": FIRED}, {"a": CALM}, {"a": RESTLESS}, {"a": CALM}, {"a": CALM})

    assert [one.closed for one in changes] == [(), (), (), (), ("a",)]


def test_the_next_mail_waits_until_the_number_has_doubled():
    names = "abcdefgh"
    windows = [dict.fromkeys(names[: i + 1], FIRED) for i in range(8)]
    changes = play(*windows)

    assert [i + 1 for i, one in enumerate(changes) if one.mail] == [1, 2, 4, 8]
    assert [one.why for one in changes if one.mail] == ["first", "doubled", "doubled", "doubled"]


def test_a_column_without_a_verdict_keeps_its_state():
    changes = play({"a": FIRED, "b": CALM}, {"b": CALM}, {"b": CALM}, {"a": CALM}, {"a": CALM})

    assert changes[2].still_open == ("a",)
    assert changes[4].closed == ("a",)


def test_an_old_event_is_mailed_once_more():
    changes = play(*[{"a": FIRED}] * 7, escalation=4)

    assert [one.why for one in changes] == ["first", "", "", "", "escalated", "", ""]


def test_a_new_event_after_all_is_calm_is_mailed_and_remembers():
    changes = play({"a": FIRED}, {"a": CALM}, {"a": CALM}, {"a": FIRED})

    assert changes[-1].why == "first"
    assert changes[-1].states.columns["a"].times_opened == 2


@pytest.mark.parametrize("length", range(5))
def test_states_survive_json(length):
    changes = play(*[{"a": FIRED, "b": CALM}, {"a": CALM, "b": FIRED}, {}, {"a": CALM}][:length])
    states = changes[-1].states if changes else States()

    assert States.from_dict(json.loads(json.dumps(states.to_dict()))) == states


def test_what_is_muted_opens_without_a_mail_and_is_mailed_when_it_is_not_muted_any_more():
    states = advance(States(), {"x": FIRED}, 0, quiet={"x"}).states
    assert states.open_names == ("x",)

    still = advance(states, {"x": FIRED}, 1, quiet={"x"})
    loud = advance(still.states, {"x": FIRED}, 2)

    assert (still.why, loud.why) == ("", "first")


def test_muting_an_event_that_was_mailed_does_not_mail_it_again_as_new():
    states = advance(States(), {"x": FIRED}, 0).states
    states = advance(states, {"x": FIRED}, 1, quiet={"x"}).states

    assert advance(states, {"x": FIRED}, 2).why == ""


def test_an_acknowledged_event_is_not_mailed_for_its_age_until_somebody_forgets():
    states = advance(States(), {"x": FIRED}, 0).states
    known = advance(states, {"x": FIRED}, 5, escalation_windows=4, acknowledged={"x"})
    again = advance(known.states, {"x": FIRED}, 6, escalation_windows=4)

    assert (known.why, again.why) == ("", "escalated")


def test_a_part_of_another_column_does_not_double_an_event():
    states = advance(States(), {"x": FIRED}, 0).states
    both = {"x": FIRED, "x where a": FIRED}

    assert advance(states, both, 1, quiet={"x where a"}).why == ""
    assert advance(states, both, 1).why == "doubled"
