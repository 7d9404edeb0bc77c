"""What people say about alarms, and the mails that alarms caused, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.core.errors import UsageError
from monitor.core.finding import Alarm
from monitor.core.ports import Message
from monitor.store.alarm_records import NewMail, NewNote
from monitor.store.gathering import gather
from monitor.store.records import NewMessage

from .making import MONITOR, run, week

KEY = "column:temp\x00\ud800"  #: names come from data


def opened(number: int, **values: object) -> dict[str, object]:
    return {"alarms": (Alarm(key=KEY, state="opened", title="t", **values),)}


def test_a_verdict_is_kept_with_who_when_and_why(timed, hands):
    run(timed, 0, **opened(0))
    notes = timed.alarms.notes
    new = NewNote(
        kind="verdict", key=KEY, opened=week(0).start, verdict="false", by="ana", note="sensor"
    )
    said = notes.add(MONITOR, new)
    hands.move(60)
    notes.add(MONITOR, NewNote(kind="verdict", key=KEY, opened=week(0).start, verdict="real"))

    assert (said.by, said.note, said.verdict, said.at) == ("ana", "sensor", "false", said.at)
    assert [note.verdict for note in notes.all(MONITOR)] == ["false", "real"]
    assert notes.standing(MONITOR).verdict(KEY, week(0).start).verdict == "real"
    assert notes.standing(MONITOR, said.at).verdict(KEY, week(0).start).verdict == "false"


def test_a_note_about_no_alarm_is_refused(store):
    run(store, 0, **opened(0))
    new = NewNote(kind="verdict", key=KEY, opened=week(1).start, verdict="real")

    with pytest.raises(UsageError, match="has no alarm"):
        store.alarms.notes.add(MONITOR, new)
    assert store.alarms.notes.all(MONITOR) == []


def test_an_end_that_is_over_and_a_novel_are_refused(timed, hands):
    past = NewNote(kind="mute", scope="monitor", until=hands.time - timedelta(days=1))

    with pytest.raises(UsageError, match="name a later end"):
        timed.alarms.notes.add(MONITOR, past)
    with pytest.raises(UsageError, match="4,000"):
        timed.alarms.notes.add(MONITOR, NewNote(kind="mute", scope="monitor", note="x" * 4001))


def test_a_mute_ends_by_the_clock_of_the_database(timed, hands):
    end = hands.time + timedelta(hours=2)
    timed.alarms.notes.add(MONITOR, NewNote(kind="mute", scope="column", key="temp", until=end))

    assert timed.alarms.notes.standing(MONITOR).muted(KEY, ("temp",)).until == end
    hands.move(7200)
    assert timed.alarms.notes.standing(MONITOR).muted(KEY, ("temp",)) is None


def test_an_alarm_is_found_by_its_key_and_by_its_number(store):
    run(store, 0, **opened(0))
    run(store, 1, alarms=(Alarm(key=KEY, state="closed", title="t"),))
    run(store, 2, **opened(2))

    newest = store.alarms.find(MONITOR, KEY)
    assert newest.opened == week(2)
    assert store.alarms.find(MONITOR, str(newest.id)) == newest
    assert store.alarms.before(MONITOR, KEY, newest.opened.start).opened == week(0)
    assert store.alarms.before(MONITOR, KEY, week(0).start) is None
    with pytest.raises(UsageError, match="Open now: column:temp"):
        store.alarms.find(MONITOR, "column:wind")


def test_an_alarm_keeps_its_strongest_evidence(store):
    run(store, 0, **opened(0, once_in_years=40.0))
    run(store, 1, alarms=(Alarm(key=KEY, state="open", title="t", once_in_years=float("inf")),))
    run(store, 2, alarms=(Alarm(key=KEY, state="open", title="t"),))

    assert store.alarms.find(MONITOR, KEY).once_in_years == 1e6
    assert [e.once_in_years for e in store.alarms.events(MONITOR, KEY)] == [40.0, 1e6, None]


def mail(name: str, **more: object) -> dict[str, object]:
    message = Message(message_id=f"<{name}>", subject=name, text=name, html=name)
    new = NewMessage(channel="mail", message=message, **more)
    kept = NewMail(why="first", message_id=f"<{name}>", keys=(KEY,))
    return {"outbox": (new,), "mails": (kept,)}


def test_a_mail_is_remembered_and_an_unsent_one_of_a_run_that_is_done_again_is_not(store):
    run(store, 0, **mail("a"))
    run(store, 1, **mail("b"))
    sent = store.outbox.claim(worker="w", limit=1)[0]
    store.outbox.sent(sent)
    for number in (0, 1):
        run(store, number, again=True)

    # The first was sent already, so it stays; nobody began to send the second.
    (kept,) = store.alarms.notes.mails(MONITOR)
    assert (kept.message_id, kept.window, kept.keys) == ("<a>", week(0), (KEY,))


def test_the_same_run_again_is_the_same_mail(store):
    run(store, 0, **mail("a"))
    run(store, 0, again=True, **mail("a"))

    assert len(store.alarms.notes.mails(MONITOR)) == 1


def test_the_time_that_was_observed_is_that_of_the_windows(store):
    for number in range(3):
        run(store, number)
    run(store, 1, again=True)

    assert store.alarms.notes.observed(MONITOR) == timedelta(weeks=3)
    assert store.alarms.notes.observed(MONITOR, week(1).end) == timedelta(weeks=2)


def together(held) -> Message:
    names = " ".join(one.summary["name"] for one in held)
    return Message(message_id="<all>", subject=names, text=names, html=names)


def test_messages_that_wait_become_one_and_are_sent_once(store):
    run(store, 0, **mail("a", summary={"name": "A"}))
    run(store, 1, **mail("b", summary={"name": "B"}))
    assert store.outbox.claim(worker="w") == []

    assert gather(store.database, together) == 1
    (row,) = store.outbox.claim(worker="w")
    assert row.message.subject == "A B"
    assert gather(store.database, together) == 0
    states = {entry.message_id: entry.state for entry in store.outbox.entries()}
    assert states == {"<all>": "pending", "<a>": "gathered", "<b>": "gathered"}


def test_a_message_that_waits_alone_goes_out_as_it_is(store):
    run(store, 0, **mail("a", summary={"name": "A"}))

    gather(store.database, together)

    (row,) = store.outbox.claim(worker="w")
    assert row.message.message_id == "<a>"


def test_a_digest_that_cannot_be_made_loses_nothing(store):
    run(store, 0, **mail("a", summary={"name": "A"}))
    run(store, 1, **mail("b", summary={}))

    with pytest.raises(KeyError):
        gather(store.database, together)
    assert {entry.state for entry in store.outbox.entries()} == {"held"}


def test_what_a_run_that_is_done_again_does_not_say_is_not_in_the_digest(store):
    run(store, 0, **mail("a", summary={"name": "A"}))
    run(store, 1, **mail("b", summary={"name": "B"}))
    run(store, 0, again=True)

    gather(store.database, together)

    (row,) = store.outbox.claim(worker="w")
    assert row.message.message_id == "<b>"
