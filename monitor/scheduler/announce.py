"""Windows that have become due are written into the ledger, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.config import MonitorConfig
from monitor.core.errors import DriftloopError
from monitor.core.window import Window
from monitor.scheduler.due import (
    MAX_CATCH_UP,
    due_windows,
    is_news,
    next_look,
    still_settling,
)
from monitor.scheduler.installation import Installation
from monitor.scheduler.late import Late

#: So many known windows are searched for others that were left out between them.
_LOOK_BACK = 200
#: So many windows are written in one transaction.
_AT_ONCE = 5000
#: Rows may come late: what is due by the clock is looked for again after this.
LOOK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Seen:
    """Nothing is to be done before `until`, unless another window became the newest."""

    newest: Window | None
    until: datetime


@dataclass(frozen=True, slots=True)
class _Quiet:
    """The source of a monitor has been as it is since then."""

    state: tuple[Window | None, int]
    since: datetime


@dataclass(slots=True)
class Announcer:
    """Asks each monitor only when something can have become due since it was asked last."""

    home: Installation
    late: Late = field(init=False)
    _seen: dict[str, _Seen] = field(default_factory=dict)
    _searched: dict[str, datetime] = field(default_factory=dict)
    _quiet: dict[str, _Quiet] = field(default_factory=dict)
    _silent: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Late rows are looked for with the windows."""
        self.late = Late(self.home)

    def search(self, name: str) -> int:
        """Look for new values of a block now and then; how many new monitors there are."""
        now, until = self.home.clock(), self._searched.get(name)
        if until is not None and now < until <= now + LOOK_AGAIN:
            return 0
        self._searched[name] = now + LOOK_AGAIN
        return self.home.search(name)

    def ask(self, monitor: MonitorConfig, newest: Mapping[str, Window]) -> list[Window]:
        """Windows of the monitor that have become due; those with late rows are reopened.

        `newest`: the newest regular window of each monitor, as the ledger knows it.

        Raises
        ------
        SourceError, StoreError
            The source or the store does not answer; asked again after `LOOK_AGAIN`.
        """
        ledger, now, last = self.home.store.ledger, self.home.clock(), newest.get(monitor.name)
        seen = self._seen.get(monitor.name)
        if seen is not None and seen.newest == last and now < seen.until <= now + LOOK_AGAIN:
            return []
        until = min(now + LOOK_AGAIN, next_look(monitor, now) or now + LOOK_AGAIN)
        self._seen[monitor.name] = _Seen(last, until)
        if monitor.columns.timestamp is None:  # its newest window is all that can be due
            known = [] if last is None else [last]
        else:
            known = ledger.known(monitor.name, limit=_LOOK_BACK)
        windows = self._due(monitor, known, now)
        if monitor.revise:
            self.late.reopen(monitor, ledger.entries(monitor.name, limit=_LOOK_BACK), now)
        return windows

    def write(self, wanted: Mapping[str, Sequence[Window]]) -> int:
        """Make due windows known to the ledger, many in one transaction; how many are new.

        Raises `StoreError`; then their monitors are asked again by the next tick.
        """
        count = 0
        for part in _parts(wanted):
            try:
                new = self.home.store.ledger.announce(part)
            except DriftloopError:
                for name in wanted:
                    self._seen.pop(name, None)
                raise
            for name, number in new.items():
                self._tell(name, number, part[name])
            count += sum(new.values())
        return count

    def _tell(self, name: str, new: int, windows: Sequence[Window]) -> None:
        if new:
            more = ", the others follow" if len(windows) == MAX_CATCH_UP else ""
            what = "window is" if new == 1 else "windows are"
            self.home.say(f"{name}: {new} {what} due, from {windows[0]} on{more}")

    def _due(self, monitor: MonitorConfig, known: list[Window], now: datetime) -> list[Window]:
        """What is due; the source is asked only where it matters."""
        if known or monitor.columns.timestamp is None:
            by_clock = due_windows(monitor, known=known, now=now, start=None, data_end=None)
            if not by_clock or monitor.columns.timestamp is None:
                return by_clock
        start, data_end = self._stretch(monitor, known, now)
        windows = due_windows(monitor, known=known, now=now, start=start, data_end=data_end)
        if windows or is_news(monitor, now, data_end):
            self._silent.discard(monitor.name)
        elif monitor.name not in self._silent:
            self._silent.add(monitor.name)
            self.home.say(
                f"{monitor.name}: no row is newer than {data_end.isoformat()}; the windows after "
                "that are run when there are rows again"
            )
        if monitor.settle is None:
            return windows
        quiet_since = self._quiet[monitor.name].since
        return [one for one in windows if not still_settling(monitor, one, now, quiet_since)]

    def _stretch(
        self, monitor: MonitorConfig, known: list[Window], now: datetime
    ) -> tuple[datetime, datetime]:
        """Where the monitor's windows begin, and the time of its newest row."""
        state = self.home.source(monitor).extent(monitor.columns.timestamp or "")
        extent = state[0]
        if monitor.settle is not None:
            self._watch(monitor, state, now)
        own = monitor.reference_window
        if extent is not None:
            return own.end if own else self._begin(monitor, extent, now), extent.end
        if known:  # all rows are gone, which is news
            return now, max(window.end for window in known)
        return (own.end, own.end) if own else (now, now)

    def _watch(
        self, monitor: MonitorConfig, state: tuple[Window | None, int], now: datetime
    ) -> None:
        """Note since when no new row has come; until that is long enough, look often."""
        quiet = self._quiet.get(monitor.name)
        if quiet is None or quiet.state != state:
            self._quiet[monitor.name] = _Quiet(state, now)
        settle = monitor.settle or timedelta(0)
        seen = self._seen[monitor.name]
        self._seen[monitor.name] = _Seen(seen.newest, min(seen.until, now + settle / 4))

    def _begin(self, monitor: MonitorConfig, extent: Window, now: datetime) -> datetime:
        """The first window that can be judged; not so far back that one wrong date counts."""
        begin = monitor.first_judged(extent.start)
        earliest = min(extent.end, now) - MAX_CATCH_UP * monitor.cadence.length
        if begin < earliest:
            self.home.say(
                f"{monitor.name}: its rows go back to {begin.isoformat()}; windows begin at "
                f"{earliest.isoformat()}, `driftloop backfill` runs the older ones"
            )
        return max(begin, earliest)


def _parts(wanted: Mapping[str, Sequence[Window]]) -> Iterator[dict[str, Sequence[Window]]]:
    """Monitors with so many windows together that one transaction does not take long."""
    part: dict[str, Sequence[Window]] = {}
    for name, windows in wanted.items():
        part[name] = windows
        if sum(map(len, part.values())) >= _AT_ONCE:
            yield part
            part = {}
    if part:
        yield part
