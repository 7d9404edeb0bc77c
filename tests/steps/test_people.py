"""What people said about alarms, as it stands at one moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from monitor.core.window import Window
from monitor.steps.people import People
from monitor.store.alarm_records import AlarmNote, Standing
from monitor.store.records import StoredAlarm

NOW = datetime(2024, 5, 10, tzinfo=UTC)
OPENED = datetime(2024, 5, 1, tzinfo=UTC)


def note(kind: str, scope: str = "alarm", key: str = "column:x", **values) -> AlarmNote:
    return AlarmNote(
        id=1, monitor="m", kind=kind, scope=scope, key=key, by="ana",
        at=values.pop("at", NOW - timedelta(days=1)), **values,
    )  # fmt: skip


def standing(*notes: AlarmNote, now: datetime = NOW) -> Standing:
    return Standing.at(notes, now)


def test_a_mute_ends_by_itself_and_by_the_last_word():
    mute = note("mute", until=NOW + timedelta(hours=1))

    assert standing(mute).muted("column:x") is mute
    assert standing(mute, now=NOW + timedelta(hours=1)).muted("column:x") is None
    assert standing(mute, note("unmute")).muted("column:x") is None
    assert standing(mute, note("unmute"), mute).muted("column:x") is mute


def test_a_mute_of_a_column_or_a_monitor_reaches_all_its_alarms():
    column, whole = note("mute", "column", "x"), note("mute", "monitor", "")

    assert standing(column).muted("rule:x: range", ("x",)) is column
    assert standing(column).muted("rule:y: range", ("y",)) is None
    assert standing(whole).muted("schema") is whole


def test_unmuting_the_column_leaves_the_monitor_muted():
    whole = note("mute", "monitor", "")

    assert standing(whole, note("unmute", "column", "x")).muted("column:x", ("x",)) is whole


def test_what_is_said_later_is_not_known_yet():
    assert standing(note("mute", at=NOW + timedelta(seconds=1))).muted("column:x") is None


def test_an_acknowledgement_is_of_the_alarm_that_was_open_then():
    known = note("ack", opened=OPENED)

    assert standing(known).acknowledged("column:x", OPENED) is known
    assert standing(known).acknowledged("column:x", NOW) is None
    assert standing(known).acknowledged("column:y", OPENED) is None


def test_the_last_verdict_counts_and_the_history_tells_it():
    before = StoredAlarm(
        id=1, monitor="m", key="column:x", state="closed", title="t",
        opened=Window(OPENED, OPENED + timedelta(days=7)),
        last=Window(OPENED, OPENED + timedelta(days=7)),
        closed=Window(OPENED + timedelta(days=7), OPENED + timedelta(days=14)),
    )  # fmt: skip
    people = People(
        standing=standing(
            note("verdict", verdict="real", opened=OPENED),
            note("verdict", verdict="false", opened=OPENED, note="a test"),
        ),
        since={"column:x": NOW},
        before={"column:x": before},
    )

    assert people.said("column:x", ("x",), UTC) == (
        "Opened before on 1 May 2024, closed 8 May 2024, judged a false alarm (a test).",
    )
