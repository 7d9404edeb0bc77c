from __future__ import annotations

from datetime import timedelta

from monitor.core.finding import Finding
from monitor.core.window import Window

from .making import MONDAY, MONITOR, effects, run, week


def finding(column, value, statistic="ks", **changed):
    return Finding(
        check="drift.numeric",
        column=column,
        statistic=statistic,
        value=value,
        message="m",
        **changed,
    )


def test_what_was_not_run_is_not_there(store):
    assert store.runs.get(MONITOR, week(0)) is None
    assert store.runs.newest(MONITOR) is None
    assert store.runs.summaries(MONITOR) == []
    assert store.runs.evidence_state(MONITOR, before=week(9)) is None


def test_summaries_come_newest_first_in_pages(store):
    for number in (2, 0, 1):
        run(store, number)

    page = store.runs.summaries(MONITOR, limit=2)
    rest = store.runs.summaries(MONITOR, before=page[-1].window.start)
    assert [r.window for r in page + rest] == [week(2), week(1), week(0)]
    assert store.runs.newest(MONITOR).window == week(2)


def test_the_report_s_path_is_noted(store):
    done = run(store, 0)
    store.runs.set_report(done.run_id, "reports/flights.html")

    assert store.runs.get(MONITOR, week(0)).report == "reports/flights.html"


def test_observations_are_the_past_of_a_window_oldest_first(store):
    for number in range(6):
        run(store, number, observation=bytes([number]))

    past = store.runs.observations(MONITOR, reference_version=1, before=week(4), limit=3)
    assert [(o.window, o.position, o.observation) for o in past] == [
        (week(1), 1, b"\x01"),
        (week(2), 2, b"\x02"),
        (week(3), 3, b"\x03"),
    ]
    assert store.runs.position(MONITOR, week(4)) == 4


def test_a_window_that_was_not_run_leaves_a_hole_in_the_positions(store):
    store.ledger.ensure_windows(MONITOR, [week(n) for n in range(5)])
    for number in (0, 1, 4):
        run(store, number, observation=b"o")

    past = store.runs.observations(MONITOR, reference_version=1, before=week(5), limit=9)
    assert [o.position for o in past] == [0, 1, 4]


def test_observations_are_of_one_reference_of_regular_windows_that_were_observed(store):
    run(store, 0, observation=b"old", reference_version=1)
    run(store, 1, observation=None, reference_version=2)
    run(store, 2, observation=b"new", reference_version=2)
    odd = Window(MONDAY + timedelta(days=22), MONDAY + timedelta(days=24))
    store.ledger.ensure_windows(MONITOR, [odd], regular=False)
    lease = store.ledger.claim(MONITOR, odd, worker="w")
    store.commit(lease, effects(observation=b"odd", reference_version=2))

    past = store.runs.observations(MONITOR, reference_version=2, before=week(9), limit=9)
    assert [o.observation for o in past] == [b"new"]
    assert [r.regular for r in store.runs.summaries(MONITOR)] == [False, True, True, True]


def test_a_window_that_is_run_again_does_not_see_the_future(store):
    for number in range(3):
        run(store, number, observation=b"o", evidence_state={"after": number})

    assert store.runs.evidence_state(MONITOR, before=week(0)) is None
    assert store.runs.evidence_state(MONITOR, before=week(1)) == {"after": 0}
    assert store.runs.evidence_state(MONITOR, before=week(9)) == {"after": 2}
    run(store, 0, again=True, evidence_state={"after": "again"})
    assert store.runs.evidence_state(MONITOR, before=week(1)) == {"after": "again"}
    assert store.runs.evidence_state(MONITOR, before=week(3)) == {"after": 2}


def test_the_state_of_another_reference_can_be_left_out(store):
    run(store, 0, evidence_state={"of": 1}, reference_version=1)
    run(store, 1, evidence_state={"of": 2}, reference_version=2)

    assert store.runs.evidence_state(MONITOR, before=week(2), reference_version=1) == {"of": 1}
    assert store.runs.evidence_state(MONITOR, before=week(2), reference_version=3) is None


def test_findings_of_a_column_over_time(store):
    for number in range(4):
        run(
            store,
            number,
            findings=(
                finding("a", number, effect=number / 10, p_value=0.5, drifted=number == 3),
                finding("a", number, statistic="psi"),
                finding("b", 9),
                finding(None, 7, statistic="rows"),
            ),
        )

    line = store.runs.findings(MONITOR, windows=2, until=week(2), columns=["a"], statistics=["ks"])
    assert [(p.window, p.value, p.effect) for p in line] == [
        (week(1), 1.0, 0.1),
        (week(2), 2.0, 0.2),
    ]
    assert [p.drifted for p in store.runs.findings(MONITOR, columns=["a"], statistics=["ks"])] == [
        False,
        False,
        False,
        True,
    ]
    assert len(store.runs.findings(MONITOR, windows=1)) == 4
    assert len(store.runs.findings(MONITOR, columns=["none"])) == 0


def test_monitors_do_not_see_each_other(store):
    run(store, 0, findings=(finding("a", 1),), observation=b"o", evidence_state={"a": 1})

    assert store.runs.summaries("other") == []
    assert store.runs.findings("other") == []
    assert store.runs.observations("other", reference_version=1, before=week(9), limit=9) == []
    assert store.runs.evidence_state("other", before=week(9)) is None


def test_a_record_in_a_log_line_holds_no_bytes(store):
    run(store, 0, profile=b"profile" * 100, observation=b"o" * 100, sample=b"s" * 100)

    assert len(repr(store.runs.newest(MONITOR))) < 1000
