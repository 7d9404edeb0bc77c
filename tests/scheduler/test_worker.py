"""Windows that hang, kill their worker or want too much memory, and a config that changes."""

from __future__ import annotations

import threading

import pytest

from monitor.config import load
from monitor.pipeline import Pipeline
from monitor.scheduler.clock import Clock
from monitor.scheduler.installation import Installation
from monitor.store.store import Store
from tests.store.making import Hands

from .conftest import SHOP, configure, day


def states(clock, name="shop"):
    return [entry.state for entry in reversed(clock.home.store.ledger.entries(name))]


class Hangs(Pipeline):
    """A pipeline whose source never answers, for one monitor."""

    go: threading.Event

    def source(self, monitor):
        if monitor.name == "shop":
            self.go.wait(60)
        return super().source(monitor)


def test_a_source_that_hangs_fails_its_window_and_the_others_run(shop, at):
    configure(shop, more='timeout = "1min"')
    with (shop / "config.toml").open("a") as file:
        file.write(SHOP.format(name="other", path="data.csv", more=""))
    said: list[str] = []
    with at(day(12), said) as clock:
        Hangs.go = threading.Event()
        clock.home.make = lambda config, store: Hangs(config, store, clock=clock.home.clock)
        shop_ = clock.home.config.monitor("shop")
        object.__setattr__(shop_, "timeout", shop_.timeout / 120)
        assert clock.run_due() == 1
        assert states(clock, "other") == ["done"]
        (entry,) = clock.home.store.ledger.entries("shop")
        assert entry.state == "failed"
        assert "was not done after 0:00:00.5" in entry.last_error
        assert entry.retry_at is not None

        Hangs.go.set()  # what hung goes on, and can store nothing
        for thread in threading.enumerate():
            if thread.name == "driftloop-window":
                thread.join(30)
        assert clock.home.store.runs.summaries("shop") == []


def test_a_window_that_kills_its_workers_is_put_aside(timed_shop):
    clock, hands = timed_shop
    clock.announce()
    ledger = clock.home.store.ledger
    for attempt in range(5):
        lease = ledger.claim_next(worker="dies", lease_seconds=10)
        assert lease.attempt == attempt + 1
        hands.move(11)

    assert ledger.claim_next(worker="lives") is None
    (entry,) = ledger.entries("shop")
    assert (entry.state, entry.retry_at) == ("failed", None)
    assert entry.last_error.startswith("5 workers vanished while they ran it")
    assert ledger.retry("shop", entry.window)
    assert clock.run_due() == 1


@pytest.fixture
def timed_shop(shop):
    config, hands = load(shop / "config.toml"), Hands()
    with Store.open(config.store.url, upgrade=True, clock=hands) as store:
        yield Clock(Installation(config, store, clock=lambda: day(12))), hands


def test_several_windows_run_side_by_side_each_once(shop, at):
    with (shop / "config.toml").open("a") as file:
        for number in range(3):
            file.write(SHOP.format(name=f"m{number}", path="data.csv", more=""))
    with at(day(14)) as clock:
        several = type(clock)(clock.home, workers=3)
        assert several.run_due() == 12
        for name in ("shop", "m0", "m1", "m2"):
            runs = clock.home.store.runs.summaries(name)
            assert [(run.window.start.day, run.revision) for run in runs] == [
                (13, 1),
                (12, 1),
                (11, 1),
            ]


def test_the_config_is_read_again_and_a_broken_one_is_not_taken_over(shop, at):
    said: list[str] = []
    with at(day(12), said) as clock:
        assert clock.run_due() == 1
        with (shop / "config.toml").open("a") as file:
            file.write(SHOP.format(name="second", path="data.csv", more=""))
        assert clock.home.reload()
        assert clock.run_due() == 1
        assert states(clock, "second") == ["done"]

        (shop / "config.toml").write_text("nonsense")
        assert not clock.home.reload()
        assert [one.name for one in clock.home.config.monitors] == ["shop", "second"]
        (shop / "config.toml").write_text('[store]\nurl = "sqlite:///other.db"\n')
        assert not clock.home.reload()
    assert "needs a restart" in said[-1]


def test_a_report_that_was_not_drawn_is_drawn_at_the_next_start(shop, at, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with at(day(12)) as clock:
        clock.announce()
        lease = clock.home.store.ledger.claim_next(worker="w")
        pipeline = clock.home.pipeline()
        monkeypatch.setattr(Pipeline, "_draw", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run_leased(clock.home.config.monitor("shop"), lease)
        monkeypatch.undo()
    page = shop / "reports" / "shop" / "2024-01-11.html"
    assert not page.exists()
    with at(day(12)) as clock:
        assert clock.run_due() == 0
        (run,) = clock.home.store.runs.summaries("shop")
    assert page.exists()
    assert run.report == str(page)
