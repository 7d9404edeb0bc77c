from __future__ import annotations

import itertools
import math
import os
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.core.errors import LeaseLostError, StoreError
from monitor.core.finding import Alarm, Finding
from monitor.core.ports import Message
from monitor.store.models import Base, FindingRow
from monitor.store.records import NewMessage, NewQueueRow

from .making import MONITOR, effects, lease_of, run, week


def finding(column: str | None = "dep_delay", **changed: object) -> Finding:
    values = {"check": "drift.numeric", "statistic": "ks", "value": 0.25, "message": "moved"}
    return Finding(column=column, **{**values, **changed})


def row(row_id: str, order: int = 0, **changed: object) -> NewQueueRow:
    values = {
        "reason": "drifted",
        "reason_text": "far from the reference",
        "score": 0.5,
        "inclusion_probability": 0.25,
        "weight": 4.0,
        "data": {"carrier": "UA"},
    }
    return NewQueueRow(row_id=row_id, push_order=order, **{**values, **changed})


def message(event: str, subject: str = "Drift") -> NewMessage:
    mail = Message(message_id=f"<{event}@driftloop>", subject=subject, text="t", html="<p>t</p>")
    return NewMessage(channel="mail", message=mail, order_key="column:dep_delay")


ALL = {
    "profile": b"profile",
    "observation": b"observation",
    "sample": b"sample",
    "evidence_state": {"open": ["dep_delay"]},
    "findings": (finding(), finding("carrier", drifted=True)),
    "alarms": (Alarm(key="column:dep_delay", state="opened", title="dep_delay moved"),),
    "queue": (row("1"), row("2", 1)),
    "outbox": (message("a"),),
}


def counts(store) -> dict[str, int]:
    with store.database.reading() as session:
        return {
            name: session.scalar(sa.select(sa.func.count()).select_from(table))
            for name, table in Base.metadata.tables.items()
        }


def test_a_run_comes_back_whole(store):
    done = run(store, 0, **ALL)

    stored = store.runs.get(MONITOR, week(0))
    assert stored == store.runs.newest(MONITOR)
    assert (done.revision, done.queued, done.messages) == (1, 2, 1)
    assert (stored.profile, stored.observation, stored.sample) == (
        b"profile",
        b"observation",
        b"sample",
    )
    assert (stored.document, stored.evidence_state) == ({"schema": 1}, {"open": ["dep_delay"]})
    assert (stored.findings, stored.drifted, stored.alarms_opened, stored.queued) == (2, 1, 1, 2)
    assert (stored.rows, stored.seconds, stored.window) == (100, 90.0, week(0))


def test_a_run_whose_lease_was_lost_leaves_nothing(timed, hands):
    lost = lease_of(timed, 0, lease_seconds=1)
    hands.move(2)
    assert timed.ledger.claim(MONITOR, week(0), worker="second") is not None
    before = counts(timed)

    with pytest.raises(LeaseLostError):
        timed.commit(lost, effects(**ALL))
    assert counts(timed) == before


@pytest.mark.parametrize(
    "broken",
    [
        {"findings": (finding(message=None),)},
        {"alarms": ALL["alarms"] * 2},
        {"queue": (row("1"), row("2", score=None))},
        {"outbox": (message("a", subject=None),)},
    ],
)
def test_effects_that_break_half_way_leave_nothing(store, broken):
    lease = lease_of(store, 0)
    before = counts(store)

    with pytest.raises(StoreError, match="Nothing of this was stored"):
        store.commit(lease, effects(**{**ALL, **broken}))
    assert counts(store) == before
    assert store.commit(lease, effects(**ALL)).revision == 1


def test_effects_that_are_too_large_are_refused_with_their_name(store, monkeypatch):
    monkeypatch.setattr("monitor.store.engine.MAX_BLOB", 5)
    lease = lease_of(store, 0)

    with pytest.raises(StoreError, match="sample of the window"):
        store.commit(lease, effects(sample=b"123456"))


def test_running_a_window_again_changes_nothing_but_the_revision(store):
    run(store, 0, **ALL)
    before = counts(store)
    alarms, rows = store.alarms.list(MONITOR), store.queue.rows(MONITOR)
    done = run(store, 0, again=True, **ALL)

    after = counts(store)
    assert done.revision == 2
    assert (done.messages, done.messages_before) == (0, 1)
    assert after == {**before, "runs": before["runs"] + 1}
    assert store.alarms.list(MONITOR) == alarms
    assert [r.row_id for r in store.queue.rows(MONITOR)] == [r.row_id for r in rows]
    assert [r.revision for r in store.runs.summaries(MONITOR)] == [2]


def test_running_again_brings_findings_up_and_takes_unsent_messages_back(store):
    run(store, 0, **ALL)
    run(store, 0, again=True, findings=(finding(value=0.5),), outbox=(message("b"),))

    assert [f.value for f in store.runs.findings(MONITOR)] == [0.5]
    assert [(e.message_id, e.state) for e in store.outbox.entries()] == [
        ("<b@driftloop>", "pending"),
        ("<a@driftloop>", "cancelled"),
    ]


def test_an_unsent_message_says_what_the_newest_run_says(store):
    run(store, 0, outbox=(message("a", "one column"),))
    run(store, 0, again=True, outbox=())
    run(store, 0, again=True, outbox=(message("a", "two columns"),))

    (claimed,) = store.outbox.claim(worker="w")
    assert claimed.message.subject == "two columns"


def test_a_message_that_was_sent_is_not_sent_again(store):
    run(store, 0, outbox=(message("a"),))
    store.outbox.sent(store.outbox.claim(worker="w")[0])
    done = run(store, 0, again=True, outbox=(message("a", "again"),))

    assert done.messages == 0
    assert store.outbox.claim(worker="w") == []


def test_running_again_replaces_a_draw_that_nobody_has_used(store):
    run(store, 0, queue=(row("1"), row("2", 1)))
    done = run(store, 0, again=True, queue=(row("2"), row("3", 1), row("4", 2)))

    assert (done.queued, done.queued_before) == (3, 0)
    assert [r.row_id for r in store.queue.rows(MONITOR)] == ["2", "3", "4"]


def test_running_again_keeps_a_draw_that_has_left_the_building(store):
    run(store, 0, queue=(row("1"), row("2", 1)))
    store.queue.mark(MONITOR, ["1"], "exported")
    done = run(store, 0, again=True, queue=(row("8"), row("9", 1)))

    assert (done.queued, done.queued_before) == (0, 2)
    assert [r.row_id for r in store.queue.rows(MONITOR)] == ["1", "2"]


def test_a_row_of_an_older_window_is_not_queued_again(store):
    run(store, 0, queue=(row("1"),))
    done = run(store, 1, queue=(row("1"), row("2", 1)))

    assert (done.queued, done.queued_before) == (1, 1)


def test_numbers_that_json_does_not_know_are_null(store):
    odd = finding(value=math.nan, p_value=math.inf, interval=(0.1, math.inf))
    run(store, 0, findings=(odd,), document={"value": math.nan, "other": [math.inf, 1]})

    (point,) = store.runs.findings(MONITOR)
    assert (point.value, point.p_value) == (None, None)
    assert store.runs.get(MONITOR, week(0)).document == {"value": None, "other": [None, 1]}
    with store.database.reading() as session:
        (stored,) = session.scalars(sa.select(FindingRow))
        assert (stored.interval_low, stored.interval_high) == (0.1, None)


FRESH = itertools.count()
HOSTILE = st.text(st.characters(exclude_categories=()), max_size=40)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=HOSTILE)
def test_hostile_text_comes_back_as_it_was(store, text):
    salt = next(FRESH)
    name = f"{salt}{text}"[:200]
    window = week(0)
    store.ledger.ensure_windows(name, [window])
    lease = store.ledger.claim(name, window, worker=text)
    mail = replace(message(str(salt)).message, subject=text, text=text)
    store.commit(
        lease,
        effects(
            document={text: text},
            findings=(finding(text, segment=text, message=text),),
            alarms=(Alarm(key=text, state="opened", title=text),),
            queue=(row(text, reason_text=text, data={text: text}),),
            outbox=(NewMessage(channel="mail", message=mail, order_key=text),),
        ),
    )

    assert store.runs.get(name, window).document == {text: text}
    assert [(p.column, p.segment) for p in store.runs.findings(name, columns=[text])] == [
        (text, text)
    ]
    assert [(a.key, a.title) for a in store.alarms.list(name)] == [(text, text)]
    (queued,) = store.queue.rows(name)
    assert (queued.row_id, queued.reason_text, queued.data) == (text, text, {text: text})
    assert store.queue.mark(name, [text], "exported").changed == (text,)
    store.outbox.claim(worker="w", limit=1000)
    assert store.outbox.entries(limit=1)[0].subject == text


def test_keys_far_longer_than_an_index_takes_are_fine(store):
    long = "x" * 50_000
    run(
        store,
        0,
        findings=(finding(long),),
        alarms=(Alarm(key=long, state="opened", title="t"),),
        queue=(row(long),),
    )

    assert store.queue.ids(MONITOR) == {long}
    assert len(store.runs.findings(MONITOR, columns=[long])) == 1


def test_a_full_disk_is_one_clear_error_and_nothing_is_stored(tmp_path):
    from monitor.store.store import Store  # noqa: PLC0415

    with Store.open(f"sqlite:///{tmp_path / 'full.db'}", upgrade=True) as store:
        lease = lease_of(store, 0)
        with store.database.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        sa.event.listen(
            store.database.engine,
            "begin",
            lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}"),
        )
        with pytest.raises(StoreError, match="Make room on its disk"):
            store.commit(lease, effects(profile=os.urandom(1_000_000)))
        assert store.runs.summaries(MONITOR) == []
