"""The clock on a real store and real data."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import monitor
from monitor.config import MonitorConfig, load
from monitor.core.ports import Message, Source
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.scheduler import worker as workers
from monitor.scheduler.clock import Clock, start
from monitor.scheduler.installation import Installation
from monitor.store.records import LedgerEntry, NewMessage
from monitor.store.store import Store

DEMO = Path(monitor.__file__).parent / "demo"
MAILS = """
[[alerts]]
kind = "mail"
folder = "mails"
sender = "driftloop@example.org"
recipients = ["team@example.org"]
"""
SHOP = """
[[monitors]]
name = "{name}"
window = "1d"
[monitors.source]
kind = "files"
path = "{path}"
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"
"""


def day(number: int, hour: int = 1) -> datetime:
    return datetime(2024, 1, number, hour, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A shop with rows of twenty days, ten of which are the reference."""
    rows = [
        f"{d}-{n},2024-01-{d:02d}T{n % 24:02d}:00:00Z,{(n * 7 + d) % 13}"
        for d in range(1, 21)
        for n in range(48)
    ]
    (tmp_path / "data.csv").write_text("id,ts,x\n" + "\n".join(rows) + "\n")
    (tmp_path / "config.toml").write_text(MAILS + SHOP.format(name="shop", path="data.csv"))
    return tmp_path


Made = Callable[..., Pipeline]


@contextmanager
def clock_at(
    folder: Path, now: datetime, said: list[str] | None = None, made: Made = Pipeline
) -> Iterator[Clock]:
    config = load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        yield Clock(home_at(config, store, now, said, made))


def home_at(config, store, now, said=None, made: Made = Pipeline) -> Installation:
    say = ([] if said is None else said).append
    home = Installation(config, store, say=say, clock=lambda: now)

    def moved() -> datetime:
        return home.clock()

    home.make = lambda config, store: made(config, store, clock=moved)
    return home


def entries(clock: Clock, name: str = "shop") -> list[LedgerEntry]:
    return list(clock.home.store.ledger.entries(name))[::-1]


def run_days(clock: Clock) -> list[int]:
    return [entry.window.start.day for entry in entries(clock) if entry.state == "done"]


def test_the_demo_runs_two_weeks_once_each(tmp_path):
    shutil.copytree(DEMO / "data", tmp_path / "data")
    shutil.copy(DEMO / "config.toml", tmp_path)
    monday = datetime(2013, 3, 18, 6, 1, tzinfo=UTC)
    said: list[str] = []

    with clock_at(tmp_path, monday, said) as clock, clock_at(tmp_path, monday) as second:
        assert clock.tick() == 2  # the weeks of 4 and 11 March; `fashion` begins in 2024
        assert clock.tick() == 0
        assert second.tick() == 0
        done = entries(clock, "flights")
        runs = clock.home.store.runs.summaries("flights")

    assert [entry.window.start.day for entry in done] == [4, 11]
    assert {(entry.state, entry.attempts) for entry in done} == {("done", 1)}
    assert all(Path(str(run.report)).is_file() for run in runs)
    assert clock.failures == 0
    assert sum(" done, " in line for line in said) == 2


def test_the_next_day_is_run_when_it_is_due(folder):
    with clock_at(folder, day(12)) as clock:
        assert clock.tick() == 1
        clock.home.clock = lambda: day(13, 0) - timedelta(seconds=1)
        assert clock.tick() == 0
        clock.home.clock = lambda: day(13, 0)
        assert clock.tick() == 1
        assert run_days(clock) == [11, 12]


def test_a_monitor_without_a_reference_begins_with_its_second_window(folder):
    text = (folder / "config.toml").read_text()
    own = "[monitors.reference]\nstart = 2024-01-01\nend = 2024-01-11\n"
    assert own in text
    (folder / "config.toml").write_text(text.replace(own, ""))

    with clock_at(folder, day(9)) as clock:
        clock.tick()
        assert run_days(clock) == [2, 3, 4, 5, 6, 7, 8]
        assert clock.failures == 0


def test_four_clocks_at_once_run_each_window_once(folder):
    with clock_at(folder, day(17)) as one, clock_at(folder, day(17)) as other:
        clocks_ = [one, other, Clock(one.home), Clock(other.home)]
        threads = [threading.Thread(target=clock.run_due) for clock in clocks_]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one.run_due()  # a clock that asks while the only window is taken has nothing to do
        done = entries(one)
        runs = one.home.store.runs.summaries("shop")

    assert [entry.window.start.day for entry in done] == [11, 12, 13, 14, 15, 16]
    assert {(entry.state, entry.attempts) for entry in done} == {("done", 1)}
    assert {run.revision for run in runs} == {1}
    assert [run.started_at for run in runs] == sorted((r.started_at for r in runs), reverse=True)


def test_days_that_were_left_out_are_run_too(folder):
    with clock_at(folder, day(12)) as clock:
        clock.run_due()
        clock.home.clock = lambda: day(16)
        shop = clock.home.config.monitor("shop")
        clock.home.pipeline().run(shop, shop.cadence.window(day(15)))  # somebody looks at yesterday

        assert clock.run_due() == 3
        assert run_days(clock) == [11, 12, 13, 14, 15]


def test_rows_that_come_late_are_looked_for_again_but_not_at_every_tick(folder):
    content = (folder / "data.csv").read_text()
    (folder / "data.csv").write_text(content.partition("12-0,")[0])  # ends with the 11th
    said: list[str] = []
    with clock_at(folder, day(20), said) as clock:
        assert [clock.run_due(), clock.run_due()] == [1, 0]
        (folder / "data.csv").write_text(content)
        clock.home.clock = lambda: day(20) + timedelta(minutes=1)
        assert clock.run_due() == 0
        clock.home.clock = lambda: day(20) + timedelta(minutes=11)
        assert clock.run_due() == 8
        assert run_days(clock) == list(range(11, 20))


def test_silence_is_said_once(folder):
    said: list[str] = []
    with clock_at(folder, day(31), said) as clock:
        for minutes in range(0, 40, 10):
            moment = day(31) + timedelta(minutes=minutes)
            clock.home.clock = lambda now=moment: now
            clock.run_due()
        assert run_days(clock)[-1] == 20

    assert sum("no row is newer than 2024-01-20T23:00" in line for line in said) == 1


def test_one_wrong_date_does_not_make_windows_of_fifty_years(folder):
    text = SHOP.format(name="shop", path="data.csv").replace(
        "start = 2024-01-01\nend = 2024-01-11\n", 'kind = "files"\npath = "reference.csv"\n'
    )
    (folder / "config.toml").write_text(text)
    shutil.copy(folder / "data.csv", folder / "reference.csv")
    with (folder / "data.csv").open("a") as file:
        file.write("0,1970-01-01T00:00:00Z,1\n")
    said: list[str] = []
    with clock_at(folder, day(12), said) as clock:
        windows = clock.announcer.ask(clock.home.config.monitor("shop"), {})
        assert clock.announcer.write({"shop": windows}) == len(windows) <= 500
        newest = clock.home.store.ledger.newest("shop")
    assert newest == Window(day(11, 0), day(12, 0))
    assert any("driftloop backfill" in line for line in said)


def test_a_monitor_that_fails_is_said_and_does_not_stop_the_others(folder):
    with (folder / "config.toml").open("a") as file:
        file.write(SHOP.format(name="broken", path="gone.csv"))
    said: list[str] = []
    with clock_at(folder, day(12), said) as clock:
        assert clock.tick() == 1
    assert [line for line in said if line.startswith("broken: ") and "gone.csv" in line]
    assert not any("Traceback" in line for line in said)
    assert clock.failures == 1


class Bug(Pipeline):
    """A pipeline whose monitor `odd` meets an error that nobody foresaw."""

    def source(self, monitor: MonitorConfig) -> Source:
        if monitor.name == "odd" and self.store.ledger.newest("odd"):
            msg = "nobody foresaw this"
            raise RuntimeError(msg)
        return super().source(monitor)


def test_an_error_that_nobody_foresaw_is_shown_and_not_tried_again_at_once(folder):
    with (folder / "config.toml").open("a") as file:
        file.write(SHOP.format(name="odd", path="data.csv"))
    said: list[str] = []
    with clock_at(folder, day(13), said, Bug) as clock:
        assert clock.run_due() == 2
        first, second = entries(clock, "odd")
    assert (first.state, first.attempts, second.state) == ("failed", 1, "pending")
    assert "nobody foresaw this" in first.last_error
    assert first.retry_at is not None
    assert sum("Traceback" in line for line in said) == 1


class Slow(Pipeline):
    """A pipeline whose windows wait until they are let go."""

    reading: threading.Event
    go: threading.Event

    def source(self, monitor: MonitorConfig) -> Source:
        if threading.current_thread() is not threading.main_thread():
            self.reading.set()
            self.go.wait(30)
        return super().source(monitor)


@pytest.fixture
def slow(monkeypatch) -> type[Slow]:
    monkeypatch.setattr(Slow, "reading", threading.Event(), raising=False)
    monkeypatch.setattr(Slow, "go", threading.Event(), raising=False)
    return Slow


def test_a_window_that_is_not_done_in_time_is_handed_back_and_stores_nothing(folder, slow):
    said: list[str] = []
    with clock_at(folder, day(12), said, slow) as clock:
        clock.announce()
        scheduler = start(clock, seconds=3600)
        assert slow.reading.wait(30)

        assert not clock.stop(scheduler, seconds=0.1, hurry=lambda: False)
        (entry,) = entries(clock)
        assert (entry.state, entry.attempts) == ("pending", 0)

        slow.go.set()  # in `driftloop serve` the process has ended by now
        for _ in range(600):
            if clock.failures:
                break
            time.sleep(0.05)
        assert clock.home.store.runs.summaries("shop") == []
        assert any("handed back" in line for line in said)
        assert Clock(home_at(clock.home.config, clock.home.store, day(12))).run_due()


def test_a_window_that_is_done_in_time_is_waited_for(folder, slow):
    with clock_at(folder, day(14), [], slow) as clock:
        clock.announce()
        scheduler = start(clock, seconds=3600)
        assert slow.reading.wait(30)
        threading.Timer(0.2, slow.go.set).start()

        assert clock.stop(scheduler, seconds=60, hurry=lambda: False)
        assert run_days(clock) == [11]  # and no other was begun
        assert [entry.state for entry in entries(clock)] == ["done", "pending", "pending"]


def test_the_lease_is_renewed_while_a_window_runs(folder, slow, monkeypatch):
    monkeypatch.setattr(workers, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(workers, "LEASE_SECONDS", 2.0)
    with clock_at(folder, day(12), [], slow) as clock, clock_at(folder, day(12)) as other:
        clock.announce()
        thread = threading.Thread(target=clock.run_due)
        thread.start()
        assert slow.reading.wait(30)
        time.sleep(3)

        assert other.run_due() == 0
        slow.go.set()
        thread.join()
        assert [(entry.state, entry.attempts) for entry in entries(clock)] == [("done", 1)]


def test_the_outbox_is_delivered(folder):
    message = Message(message_id="<1@driftloop>", subject="hello", text="text", html="<p>text</p>")
    with clock_at(folder, day(2)) as clock:
        clock.home.store.outbox.add("shop", [NewMessage(channel="mail", message=message)])
        clock.tick()
        (entry,) = clock.home.store.outbox.entries()
    assert entry.state == "sent"
    assert len(list((folder / "mails").glob("*.eml"))) == 1


def test_no_tick_is_lost_and_none_runs_beside_itself(folder):
    with clock_at(folder, day(2)) as clock:
        scheduler = start(clock, seconds=3600)
        jobs = scheduler.get_jobs()
        stopped = clock.stop(scheduler, seconds=30, hurry=lambda: False)

    assert stopped
    assert {(job.misfire_grace_time, job.coalesce, job.max_instances) for job in jobs} == {
        (None, True, 1)
    }
    assert {str(job.trigger.timezone) for job in jobs} == {"UTC"}


def test_nothing_is_begun_after_the_stop(folder):
    with clock_at(folder, day(12)) as clock:
        clock.stopping.set()
        assert clock.tick() == 0
        assert entries(clock) == []
