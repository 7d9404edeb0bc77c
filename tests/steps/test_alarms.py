"""Alarms over windows: what opens, what stays, what closes, and when a mail goes out."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.core.columns import Column
from monitor.core.finding import Finding
from monitor.evidence import States
from monitor.steps import alarms


@dataclass(frozen=True)
class Verdict:
    """What the alarms read of a verdict."""

    fired: bool = False
    calm: bool = True
    once_in_years: float = 250.0


COLUMNS = [
    Column("x", "numeric"),
    Column("e", "embedding"),
    Column("e.pc0", "numeric", parent="e"),
    Column("e.norm", "numeric", parent="e"),
]


def found(
    check: str = "drift.numeric", column: str | None = "x", *, drifted: bool = True
) -> Finding:
    p_value = None if check.startswith("quality.") else 1e-9
    return Finding(
        check=check, column=column, statistic="s", value=1.0, message="It moved.",
        drifted=drifted, p_value=p_value,
    )  # fmt: skip


def follow(states, verdicts, findings=(), position=0):
    return alarms.follow(states, verdicts, findings, COLUMNS, position=position)


def states_of(told) -> list[tuple[str, str]]:
    return [(alarm.key, alarm.state) for alarm in told.alarms]


def test_a_column_opens_with_a_mail_stays_without_and_closes_after_two_calm_windows():
    first = follow(States(), {"x": Verdict(fired=True, calm=False)}, [found()])
    second = follow(first.states, {"x": Verdict(calm=False)}, position=1)
    third = follow(second.states, {"x": Verdict()}, position=2)
    fourth = follow(third.states, {"x": Verdict()}, position=3)

    assert [told.mail for told in (first, second, third, fourth)] == ["first", "", "", ""]
    assert [states_of(told) for told in (first, second, third, fourth)] == [
        [("column:x", "opened")],
        [("column:x", "open")],
        [("column:x", "open")],
        [("column:x", "closed")],
    ]
    assert first.alarms[0].findings == (0,)


def test_columns_made_from_an_embedding_are_one_event():
    fired = Verdict(fired=True, calm=False)

    told = follow(States(), {"e.pc0": fired, "e.norm": fired})

    assert states_of(told) == [("column:e", "opened")]


def test_a_fact_needs_no_evidence_and_closes_when_it_is_gone():
    gone = found("quality.schema", None)
    first = follow(States(), {"x": Verdict()}, [gone])
    second = follow(first.states, {"x": Verdict()}, position=1)
    third = follow(second.states, {"x": Verdict()}, position=2)

    assert states_of(first) == [("schema", "opened")]
    assert first.mail == "first"
    assert states_of(third) == [("schema", "closed")]


def test_a_judged_finding_alone_opens_nothing():
    told = follow(States(), {"x": Verdict(calm=False)}, [found()])

    assert told.alarms == ()
    assert told.mail == ""


def test_a_column_that_nobody_speaks_of_keeps_its_state():
    first = follow(States(), {"x": Verdict(fired=True, calm=False)}, [found()])
    later = first
    for position in range(1, 5):
        later = follow(later.states, {}, position=position)

    assert states_of(later) == [("column:x", "open")]


def test_states_survive_the_store():
    told = follow(States(), {"x": Verdict(fired=True, calm=False)}, [found()])

    assert alarms.recall(alarms.remember(told.states)) == told.states
    assert alarms.recall(None) == States()


def test_a_comparison_alarms_once_for_each_key():
    told = alarms.once(
        [found(), found("quality.range"), found("drift.dataset", None), found(drifted=False)]
    )

    assert [(alarm.key, alarm.findings) for alarm in told] == [("column:x", (0, 1))]


def test_what_an_event_explains_opens_nothing_and_closes_nothing():
    fired = Verdict(fired=True, calm=False)
    first = alarms.follow(States(), {"x": fired}, [found()], COLUMNS, position=0, expected=("x",))
    open_ = follow(States(), {"x": fired}, [found()])
    held = open_.states
    for position in range(1, 4):
        told = alarms.follow(
            held, {"x": Verdict()}, [], COLUMNS, position=position, expected=("x",)
        )
        held = told.states

    assert first.alarms == ()
    assert states_of(told) == [("column:x", "open")]
    assert told.mail == ""


def test_an_incident_explains_facts_too():
    gone = found("quality.schema", None)

    told = alarms.follow(States(), {}, [gone], COLUMNS, position=0, facts_expected=True)

    assert told.alarms == ()


def test_a_figure_without_labels_in_a_window_keeps_its_alarm():
    name = "performance:accuracy"
    first = follow(States(), {name: Verdict(fired=True, calm=False)})
    later = first
    for position in range(1, 4):
        later = alarms.follow(later.states, {}, [], COLUMNS, position=position, judged=("x", name))

    assert states_of(later) == [(name, "open")]


def test_a_fact_about_a_column_that_nobody_judges_closes():
    first = follow(States(), {}, [found("quality.range", "id")])
    later = first
    for position in range(1, 3):
        later = alarms.follow(later.states, {}, [], COLUMNS, position=position, judged=("x",))

    assert states_of(first) == [("column:id", "opened")]
    assert states_of(later) == [("column:id", "closed")]


def test_every_alarm_knows_its_budget():
    told = follow(States(), {"e.pc0": Verdict(fired=True, calm=False, once_in_years=40.0)})

    assert [alarm.once_in_years for alarm in told.alarms] == [40.0]
    assert "once_in_years" not in told.alarms[0].to_dict()


def test_a_segment_of_an_open_column_is_no_second_event():
    part = "segment:carrier=UA/x"
    fired = Verdict(fired=True, calm=False)
    first = follow(States(), {"x": fired})

    told = follow(first.states, {"x": fired, part: fired}, position=1)
    alone = follow(States(), {part: fired})

    assert (told.mail, alone.mail) == ("", "first")
    assert alarms.columns_of(part) == ("x",)
