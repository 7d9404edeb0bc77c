"""Which channel gets what, and when; and the summary by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.config import load
from monitor.config.alerts import AlertConfig
from monitor.core.errors import ConfigError
from monitor.core.finding import Alarm, Finding
from monitor.core.ports import Message
from monitor.core.window import Window
from monitor.steps import weekly
from monitor.steps.deliver import channels_of, deliver, policies_of
from monitor.steps.policy import takers
from monitor.store.incidents import SERVICE
from monitor.store.records import NewMessage, RunEffects
from monitor.store.store import Store

START = datetime(2024, 1, 1, tzinfo=UTC)


def channel(**keys) -> AlertConfig:
    return AlertConfig(kind="mail", **keys)


def test_a_channel_takes_what_it_asked_for():
    channels = {
        "all": channel(),
        "critical": channel(severity="critical"),
        "escalation": channel(reminders="only"),
        "once": channel(reminders="without"),
    }

    assert takers(channels, severity="warning") == ["all", "once"]
    assert takers(channels, severity="critical") == ["all", "critical", "once"]
    assert takers(channels, severity="warning", reminder=True) == ["all", "escalation"]


@given(
    st.times(), st.times(), st.timedeltas(timedelta(0), timedelta(days=366)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)  # fmt: skip
def test_after_the_wait_it_is_not_quiet_any_more(begin, end, later, zone):
    begin, end = (each.replace(second=0, microsecond=0) for each in (begin, end))
    if begin == end:
        return
    quiet = channel(quiet_hours=(begin, end), timezone=zone)
    now = START + later
    wait = quiet.quiet_for(now)

    assert timedelta(0) <= wait <= timedelta(hours=25)
    assert quiet.quiet_for(now + wait) == timedelta(0)


def test_quiet_hours_over_midnight_and_over_a_change_of_clocks():
    night = channel(quiet_hours="22:00-07:00", timezone="Europe/Berlin")

    # 31 March 2024 has 23 hours there: at 22:30 of the 30th it is 7 and a half hours to seven.
    assert night.quiet_for(datetime(2024, 3, 30, 21, 30, tzinfo=UTC)) == timedelta(hours=7.5)
    assert night.quiet_for(datetime(2024, 3, 31, 5, 0, tzinfo=UTC)) == timedelta(0)


@pytest.mark.parametrize("hours", ["22-7", "25:00-07:00", "07:00-07:00", "22:00"])
def test_what_is_no_stretch_of_a_day_is_said(hours):
    with pytest.raises(ValidationError, match=r"stretch of a day|quiet always"):
        channel(quiet_hours=hours)


def test_a_summary_is_due_at_its_last_minute():
    monday = channel(summary="0 8 * * mon", timezone="Europe/Berlin")

    assert monday.last_summary(datetime(2024, 1, 8, 7, 0, tzinfo=UTC)) == datetime(
        2024, 1, 8, 7, tzinfo=UTC
    )
    assert monday.last_summary(datetime(2024, 1, 8, 6, 59, tzinfo=UTC)) == datetime(
        2024, 1, 1, 7, tzinfo=UTC
    )
    assert channel().last_summary(START) is None


CONFIG = """
[[alerts]]
kind = "mail"
folder = "mails"
{keys}
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "x.csv"
[[monitors]]
name = "calm"
window = "1d"
[monitors.source]
kind = "files"
path = "x.csv"
"""


@pytest.fixture
def installed(tmp_path):
    def install(keys: str):
        (tmp_path / "config.toml").write_text(CONFIG.format(keys=keys))
        config = load(tmp_path / "config.toml")
        store = Store.open(config.store.url, upgrade=True)
        stores.append(store)
        return config, store

    stores: list[Store] = []
    yield install
    for store in stores:
        store.close()


def send(config, store) -> None:
    deliver(
        store,
        channels_of(config),
        policies=policies_of(config),
        worker="w",
        rng=np.random.default_rng(1),
    )


def messages(count: int, severity: str = "warning") -> list[NewMessage]:
    return [
        NewMessage(
            channel="mail",
            message=Message(
                f"<{severity}-{n}@driftloop>", "s", "t", "<p>h</p>", facts={"severity": severity}
            ),
        )
        for n in range(count)
    ]


def mails(config) -> list[Path]:
    return sorted((config.base / "mails").glob("*.eml"))


def test_an_hour_has_so_many_messages_and_the_others_wait(installed):
    config, store = installed("per_hour = 3")
    store.outbox.add(SERVICE, messages(8))
    for _ in range(3):
        send(config, store)

    assert len(mails(config)) == 3
    waiting = store.outbox.entries(states=("pending",))
    assert len(waiting) == 5
    assert {entry.attempts for entry in waiting} == {0}
    left = waiting[0].retry_at - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(hours=1)


def test_at_night_only_what_is_critical_is_sent(installed):
    now = datetime.now(UTC)
    begin, end = (time((now.hour + shift) % 24).strftime("%H:%M") for shift in (0, 2))
    config, store = installed(f'quiet_hours = "{begin}-{end}"')
    store.outbox.add(SERVICE, [*messages(2), *messages(1, "critical")])
    send(config, store)

    assert len(mails(config)) == 1
    assert store.outbox.counts() == {"pending": 2, "sent": 1}


def run_of(store: Store, monitor: str, *, opened: bool) -> None:
    window = Window(START, START + timedelta(days=1))
    store.ledger.ensure_windows(monitor, [window])
    lease = store.ledger.claim(monitor, window, worker="w")
    finding = Finding(
        check="drift.numeric", column="temp", statistic="location", value=1.0, drifted=True,
        message="temp <b>rose</b>",
    )  # fmt: skip
    alarm = Alarm(key="column:temp", state="opened", title="`temp` <b>differs</b>", findings=(0,))
    store.commit(
        lease,
        RunEffects(
            document={},
            rows=100,
            started_at=START,
            finished_at=datetime.now(UTC),
            findings=(finding,) if opened else (),
            alarms=(alarm,) if opened else (),
        ),
    )


def test_a_summary_tells_of_all_monitors_once(installed):
    config, store = installed('summary = "0 8 * * mon"\ntimezone = "Europe/Berlin"')
    run_of(store, "shop", opened=True)
    run_of(store, "calm", opened=False)
    monday = datetime(2024, 1, 15, 7, 0, tzinfo=UTC)

    assert weekly.enqueue(config, store, monday + timedelta(days=2)) == 0  # too late for that one
    assert weekly.enqueue(config, store, monday + timedelta(minutes=1)) == 1
    assert weekly.enqueue(config, store, monday + timedelta(hours=3)) == 0
    send(config, store)
    [mail] = mails(config)
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    assert message["subject"] == "driftloop: shop differs"
    assert text.index("shop") < text.index("calm")
    assert "Nothing differs from the reference." in text
    assert "<b>differs" not in html
    assert "differs" in html


def test_without_a_run_there_is_no_summary(installed):
    config, store = installed('summary = "0 8 * * mon"')

    assert weekly.enqueue(config, store, datetime(2024, 1, 15, 8, 5, tzinfo=UTC)) == 0


@pytest.mark.parametrize(
    "keys", ['summary = "monday"', "per_hour = 0", 'severity = "info"', 'quiet_hours = "x"']
)
def test_what_is_wrong_with_a_channel_is_one_error(installed, keys):
    with pytest.raises(ConfigError, match=keys.partition(" ")[0]):
        installed(keys)
