from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from monitor.core.errors import StoreError
from monitor.core.ports import Message
from monitor.store.records import NewMessage

from .making import MONITOR


def message(event, key="", channel="mail", **changed):
    mail = Message(message_id=f"<{event}@driftloop>", subject=event, text="t", html="", **changed)
    return NewMessage(channel=channel, message=mail, order_key=key)


def claimed(store, **options):
    return store.outbox.claim(worker="w", **options)


def events(rows):
    return [row.message.subject for row in rows]


def test_a_message_comes_back_whole(store):
    new = message(
        "a",
        in_reply_to="<0@driftloop>",
        recipients=("x@example.com",),
        attachments=(("plot.png", "image/png", b"\x00\xff"),),
    )
    store.outbox.add(MONITOR, [new])

    (row,) = claimed(store)
    assert (row.message, row.channel, row.attempts) == (new.message, "mail", 1)


def test_one_id_goes_once_to_each_channel(store):
    assert store.outbox.add(MONITOR, [message("a"), message("a", channel="ntfy")]) == 2
    assert store.outbox.add(MONITOR, [message("a")]) == 0


def test_a_claimed_message_is_nobody_else_s_until_the_lease_ends(timed, hands):
    timed.outbox.add(MONITOR, [message("a")])
    (first,) = claimed(timed, lease_seconds=60)
    assert claimed(timed) == []
    hands.move(61)

    (second,) = claimed(timed)
    assert (second.message, second.attempts) == (first.message, 2)
    timed.outbox.failed(first, "too late to say", retry_in=9999)
    timed.outbox.park(first, "too late to say")
    assert timed.outbox.entries()[0].state == "pending"
    timed.outbox.sent(first)
    timed.outbox.sent(second)
    assert timed.outbox.entries()[0].state == "sent"
    assert claimed(timed) == []


def test_a_failed_message_comes_back_when_its_retry_is_due(timed, hands):
    timed.outbox.add(MONITOR, [message("a")])
    timed.outbox.failed(claimed(timed)[0], "the server is away", retry_in=30)

    (entry,) = timed.outbox.entries()
    assert (entry.state, entry.last_error) == ("pending", "the server is away")
    assert entry.retry_at == hands.time + timedelta(seconds=30)
    assert claimed(timed) == []
    hands.move(31)
    assert claimed(timed)[0].attempts == 2


def test_only_those_who_have_not_got_it_are_tried_again(timed, hands):
    timed.outbox.add(MONITOR, [message("a", recipients=("x@example.com", "y@example.com"))])
    timed.outbox.failed(claimed(timed)[0], "y is full", retry_in=1, recipients=["y@example.com"])
    hands.move(2)

    assert claimed(timed)[0].message.recipients == ("y@example.com",)


def test_messages_of_one_alarm_leave_in_order_and_others_do_not_wait(timed, hands):
    timed.outbox.add(
        MONITOR, [message("1", "k"), message("2", "k"), message("3", "other"), message("4")]
    )
    first = claimed(timed)
    assert events(first) == ["1", "3", "4"]
    timed.outbox.failed(first[0], "away", retry_in=60)
    assert claimed(timed) == []
    hands.move(61)
    timed.outbox.sent(claimed(timed)[0])

    assert events(claimed(timed)) == ["2"]


def test_channels_do_not_wait_for_each_other(store):
    store.outbox.add(MONITOR, [message("1", "k"), message("2", "k", channel="ntfy")])

    assert events(claimed(store)) == ["1", "2"]


def test_a_parked_message_lets_those_behind_it_pass_and_can_be_tried_again(store):
    store.outbox.add(MONITOR, [message("1", "k"), message("2", "k")])
    (first,) = claimed(store)
    store.outbox.park(first, "no such user")

    (entry,) = store.outbox.entries(states=["parked"])
    assert (entry.subject, entry.last_error) == ("1", "no such user")
    assert events(claimed(store)) == ["2"]
    store.outbox.retry(entry.id)
    assert events(claimed(store)) == ["1"]
    with pytest.raises(StoreError, match="not parked"):
        store.outbox.retry(entry.id)


def test_a_message_that_kills_its_senders_is_parked(timed, hands):
    timed.outbox.add(MONITOR, [message("a")])
    for _ in range(3):
        assert len(claimed(timed, max_attempts=3, lease_seconds=1)) == 1
        hands.move(2)

    assert claimed(timed, max_attempts=3) == []
    (entry,) = timed.outbox.entries()
    assert (entry.state, entry.last_error) == ("parked", "3 senders vanished while they sent it.")


def test_senders_at_once_share_the_messages(open_store):
    store = open_store()
    store.outbox.add(MONITOR, [message(str(n)) for n in range(60)])

    def send(_):
        mine, own = [], open_store()
        for _ in range(30):
            for row in own.outbox.claim(worker="w", limit=3):
                mine.append(row.message.subject)
                own.outbox.sent(row)
        return mine

    with ThreadPoolExecutor(3) as pool:
        sent = [event for part in pool.map(send, range(3)) for event in part]

    assert sorted(sent) == sorted(str(n) for n in range(60))
    assert {e.state for e in store.outbox.entries()} == {"sent"}
