"""Rows that come late: waited for, or the window is run again and says what changed."""

from __future__ import annotations

from datetime import timedelta

from .conftest import configure, day, lines


def ran(clock):
    runs = clock.home.store.runs.summaries("shop")
    return {run.window.start.day: (run.revision, run.rows) for run in reversed(runs)}


def write(shop, *parts):
    (shop / "data.csv").write_text("id,ts,x\n" + "".join(parts))


def test_a_window_is_run_again_when_rows_came_late_and_says_what_changed(shop, at):
    configure(shop, more='revise = "3d"')
    said: list[str] = []
    write(shop, lines(range(1, 13)))
    with at(day(13), said) as clock:
        assert clock.run_due() == 2
        write(shop, lines(range(1, 13)), lines(range(11, 12), 24, first=100))
        clock.home.clock = lambda: day(13, 1, 10)
        assert clock.run_due() == 1
        assert ran(clock) == {11: (2, 72), 12: (1, 48)}
        newest = clock.home.store.runs.get(
            "shop", clock.home.store.runs.summaries("shop")[1].window
        )
        clock.home.clock = lambda: day(13, 1, 20)
        assert clock.run_due() == 0
    assert newest.changes["reason"] == "24 rows came late (48 → 72)"
    assert newest.changes["rows"] == [48, 72]
    assert any("is run again: 24 rows came late (48 → 72)" in line for line in said)
    page = (shop / "reports" / "shop" / "2024-01-11.html").read_text()
    assert "Revision 2 of this window: 72 rows instead of 48" in page


def test_rows_that_come_too_late_change_nothing(shop, at):
    configure(shop, more='revise = "12h"')
    write(shop, lines(range(1, 13)))
    with at(day(13)) as clock:
        clock.run_due()
        write(shop, lines(range(1, 13)), lines(range(11, 12), 24, first=100))
        clock.home.clock = lambda: day(13, 1, 10)
        assert clock.run_due() == 0
        assert ran(clock)[11] == (1, 48)


def test_a_reopened_window_that_is_handed_back_is_not_forgotten(shop, at):
    configure(shop, more='revise = "3d"')
    write(shop, lines(range(1, 12)))
    with at(day(12)) as clock:
        clock.run_due()
        ledger, window = clock.home.store.ledger, clock.home.store.ledger.newest("shop")
        assert ledger.reopen("shop", window, reason="1 rows came late")
        lease = ledger.claim_next(worker="w")
        ledger.release(lease)
        entry = ledger.entry("shop", window)
    assert (entry.state, entry.reason) == ("pending", "1 rows came late")


def test_a_window_waits_until_no_new_rows_come_but_not_for_ever(shop, at):
    configure(shop, more='settle = "10min"\nlateness = "3h"')
    write(shop, lines(range(1, 11)), lines(range(11, 12), 24))
    with at(day(12, 0, 1)) as clock:
        assert clock.run_due() == 0  # it is seen for the first time
        clock.home.clock = lambda: day(12, 0, 9)
        write(shop, lines(range(1, 12)))
        assert clock.run_due() == 0  # rows came
        clock.home.clock = lambda: day(12, 0, 18)
        assert clock.run_due() == 0
        clock.home.clock = lambda: day(12, 0, 22)
        assert clock.run_due() == 1  # none for more than ten minutes
        assert ran(clock) == {11: (1, 48)}

        for minutes in range(0, 185, 5):  # rows come all the time
            write(shop, lines(range(1, 13)), lines(range(12, 13), minutes, first=100))
            now = day(13, 0) + timedelta(minutes=minutes)
            clock.home.clock = lambda now=now: now
            done = clock.run_due()
            assert done == (minutes == 180), minutes
