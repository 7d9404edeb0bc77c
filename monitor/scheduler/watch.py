"""The dead man's switch: what is wrong with the service itself, and the sign that it lives."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from monitor.core.errors import DriftloopError
from monitor.core.net import NetError, request
from monitor.scheduler.due import released
from monitor.scheduler.installation import Installation
from monitor.steps.deliver import channel_names
from monitor.store.incidents import Incident
from monitor.store.records import LedgerEntry

KINDS = ("overdue", "source", "outbox", "disk", "store", "block")
#: More families than this that are overdue at once are one incident, not one mail each.
_TOGETHER = 5
_NAMED = 20
#: A tick is healthy news for so long.
_FRESH = timedelta(minutes=15)
_GIGABYTE = 1e9


@dataclass(slots=True)
class Watch:
    """Looks after the service; what it finds is an alarm of its own, mailed once."""

    home: Installation
    _failing: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    _well: datetime | None = None
    _pinged: datetime | None = None
    _ping_failed: bool = False

    def ticked(self, *, well: bool) -> None:
        """A tick has ended: every monitor was asked, and what was due was run."""
        if well:
            self._well = self.home.clock()

    def failing(self, name: str, error: str) -> None:
        """A monitor could not be asked what is due."""
        since = self._failing.get(name, (self.home.clock(), ""))[0]
        self._failing[name] = (since, error)

    def answered(self, name: str) -> None:
        """It could."""
        self._failing.pop(name, None)

    def look(self) -> None:
        """Open and close incidents; then tell the outside that this host lives."""
        found = list(self.found())
        channels = channel_names(self.home.config)
        opened, closed = self.home.store.incidents.report(found, channels=channels, kinds=KINDS)
        for incident in opened:
            self.home.say(f"service: {incident.title}")
        for incident in closed:
            self.home.say(f"service: over: {incident.title}")
        self._ping()

    def found(self) -> Iterator[Incident]:
        """What is wrong now."""
        yield from self._overdue()
        yield from self._sources()
        yield from self._outbox()
        yield from self._disks()
        yield from self._blocks()

    def _overdue(self) -> Iterator[Incident]:
        """Windows that were due long ago and are not done: a monitor that does not run."""
        now, patience = self.home.clock(), self.home.config.heartbeat.overdue
        monitors = {monitor.name: monitor for monitor in self.home.config.monitors}
        late: dict[str, list[LedgerEntry]] = defaultdict(list)
        for entry in self.home.store.ledger.undone(before=now - patience):
            monitor = monitors.get(entry.monitor)
            if monitor is None or _is_at_work(entry, now):
                continue
            due = released(monitor, entry.window)
            since = max(due, entry.created_at) if due is not None else None
            if since is not None and since + patience <= now:
                late[monitor.family].append(entry)
        if len(late) > _TOGETHER:
            yield _many(late)
            return
        for family, entries in late.items():
            yield _one(family, entries)

    def _sources(self) -> Iterator[Incident]:
        now, patience = self.home.clock(), self.home.config.heartbeat.overdue
        long = {
            name: error for name, (since, error) in self._failing.items() if now - since >= patience
        }
        if len(long) > _TOGETHER:
            names = _listed(long)
            yield Incident(
                key="source:*",
                title=f"{len(long)} monitors cannot be asked what is due",
                text=f"{names}.\n\nThe first one says: {next(iter(long.values()))}\n",
            )
            return
        for name, error in long.items():
            yield Incident(
                key=f"source:{name}",
                monitor=name,
                title=f"{name} cannot be asked what is due",
                text=f"For {patience} its source or the store has not answered:\n\n{error}\n",
            )

    def _outbox(self) -> Iterator[Incident]:
        parked = self.home.store.outbox.entries(states={"parked"}, limit=_NAMED)
        if parked:
            lines = "\n".join(f"{one.id}: {one.subject} ({one.last_error})" for one in parked)
            yield Incident(
                key="outbox:parked",
                title="messages could not be sent",
                text=(
                    f"These are not tried again by themselves:\n\n{lines}\n\n"
                    "Mend the cause, then `driftloop outbox retry ID` or `driftloop outbox retry "
                    "--all`; `driftloop outbox drop ID` lets one go.\n"
                ),
            )

    def _disks(self) -> Iterator[Incident]:
        config, database = self.home.config, self.home.store.database
        for what, folder in (("store", database.folder()), ("reports", config.report.folder)):
            free = _free(folder)
            if free is not None and free < config.heartbeat.free_gb * _GIGABYTE:
                yield Incident(
                    key=f"disk:{what}",
                    title=f"the disk of the {what} has {free / _GIGABYTE:.2f} GB left",
                    text=(
                        f"{folder} lies on it. When it is full no window can be stored; nothing "
                        "that is stored is lost. Make room, or keep less: [retention].\n"
                    ),
                )
        size, limit = database.size(), config.heartbeat.store_gb * _GIGABYTE
        if size >= 0.9 * limit:
            yield Incident(
                key="store:size",
                title=f"the store has {size / _GIGABYTE:.1f} of {limit / _GIGABYTE:.1f} GB",
                text=(
                    "Keep less ([retention]) and run `driftloop db vacuum`, or raise `store_gb` "
                    "under [heartbeat].\n"
                ),
            )

    def _blocks(self) -> Iterator[Incident]:
        for name, block in self.home.store.blocks.all(self.home.blocks.names()).items():
            if block.left_out:
                yield Incident(
                    key=f"block:{name}",
                    title=f"{name} has {block.left_out:,} values that are not monitored",
                    text="Raise `for_each_limit`, or name another column as `for_each`.\n",
                )

    def _ping(self) -> None:
        beat, now = self.home.config.heartbeat, self.home.clock()
        if beat.url is None or self._well is None or now - self._well > _FRESH:
            return
        if self._pinged is not None and self._pinged <= now < self._pinged + beat.every:
            return
        self._pinged = now
        try:
            ping(beat.url.get_secret_value(), beat.timeout)
        except DriftloopError as error:
            if not self._ping_failed:
                self.home.say(f"service: {error}")
            self._ping_failed = True
        else:
            self._ping_failed = False


def ping(url: str, timeout: float) -> None:
    """Ask that address, to be missed when that stops. Raises `DriftloopError`, without the URL."""
    try:
        answer = request("GET", url, timeout=timeout, private=True)
    except (NetError, ValueError) as error:
        msg = f"the heartbeat was not heard: {type(error).__name__}"
        raise DriftloopError(msg) from None
    if answer.status >= 300:
        msg = f"the heartbeat was not heard: HTTP {answer.status}"
        raise DriftloopError(msg)


def _is_at_work(entry: LedgerEntry, now: datetime) -> bool:
    """Whether somebody runs it, or it failed a short while ago and is about to be tried again."""
    return entry.state == "running" and entry.lease_until is not None and entry.lease_until > now


def _one(family: str, entries: list[LedgerEntry]) -> Incident:
    oldest = entries[0]
    error = next((entry.last_error for entry in entries if entry.last_error), "")
    said = f"\n\nThe last attempt said: {error}" if error else ""
    windows = "window is" if len(entries) == 1 else "windows are"
    return Incident(
        key=f"overdue:{family}",
        monitor=family,
        title=f"{family} does not run: {len(entries)} {windows} overdue",
        text=(
            f"The oldest is {oldest.window} of {oldest.monitor} ({oldest.state}, "
            f"{oldest.attempts} attempts).{said}\n"
        ),
    )


def _many(late: dict[str, list[LedgerEntry]]) -> Incident:
    count = sum(map(len, late.values()))
    return Incident(
        key="overdue:*",
        title=f"{len(late)} monitors do not run: {count} windows are overdue",
        text=f"{_listed(late)}.\n\n{_one(*next(iter(late.items()))).text}",
    )


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more


def _free(folder: Path | None) -> int | None:
    """Bytes that are free where the folder is, or will be."""
    while folder is not None and not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return None if folder is None else shutil.disk_usage(folder).free
