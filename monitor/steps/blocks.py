"""`for_each` blocks: which values there are now, and the monitors that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.config import FOR_EACH_FILE, Config, MonitorConfig, expanded
from monitor.config.members import member_name
from monitor.core.errors import ConfigError
from monitor.core.ports import Source
from monitor.core.window import Window
from monitor.steps.places import source_of
from monitor.steps.shared import Found, values_in
from monitor.store.blocks import Block, Member
from monitor.store.store import Store

_NAMED = 10

#: A value, and where its own reference begins (None: it is in the block's).
Begun = tuple[str, datetime | None]


@dataclass(slots=True)
class Blocks:
    """The blocks of a config, and what their rows were found to hold."""

    store: Store
    config: Config  #: as it is in the file
    say: Callable[[str], None]
    _said: set[str] = field(default_factory=set)

    def names(self) -> list[str]:
        """Blocks of the config."""
        return [monitor.name for monitor in self.config.monitors if monitor.for_each is not None]

    def expand(self) -> Config:
        """The config with a monitor for each value that is known."""
        names = self.names()
        if not names:
            return self.config
        known = self.store.blocks.all(names)
        return expanded(self.config, {name: block.members for name, block in known.items()})

    def search(self, block: MonitorConfig, now: datetime) -> int:
        """Look for values that are new in the rows since the last look; how many there are.

        Raises
        ------
        SourceError, ConfigError
            The rows cannot be read, or cannot be told apart.
        """
        known = self.store.blocks.get(block.name)
        if block.for_each == FOR_EACH_FILE:
            found, end = _plain(self._files(block)), None
        else:
            found, end = self._values(block, known, now)
        have = {member.value for member in known.members} if known else set()
        new = [pair for pair in found if pair[0] not in have]
        room = max(0, block.for_each_limit - len(have))
        members = [
            Member(value=value, name=member_name(block.name, self._shown(value)), begins=begins)
            for value, begins in new[:room]
        ]
        left_out = max(0, len(new) - room)
        added = self.store.blocks.add(block.name, members, searched_to=end, left_out=left_out)
        self._tell(block, added, left_out, first=known is None)
        return len(added)

    def _values(
        self, block: MonitorConfig, known: Block | None, now: datetime
    ) -> tuple[list[Begun], datetime | None]:
        """Values with where their own reference begins (None: in the block's), most rows first."""
        source, column = self._source(block), block.for_each or ""
        timestamp, own = block.columns.timestamp, block.reference_window
        if timestamp is None:
            return self._untimed(block, source), None
        end = block.cadence.window(now - block.lateness).start
        searched = known.searched_to if known is not None else None
        found: list[Begun] = []
        reference: set[str] = set()
        if searched is None:
            there, without, beyond = self._in_reference(block, source)
            self._tell_rest(block, without, beyond)
            found += _plain(_by_rows(there))
            reference = set(there)
        start = searched or (own.end if own else self._start(source, timestamp, end))
        if start < end:
            window = Window(start, end)
            later, without, beyond = values_in(source, column, window=window, timestamp=timestamp)
            self._tell_rest(block, without, beyond)
            found += [
                (value, _begin(block, later[value]))
                for value in _by_rows(later)
                if value not in reference
            ]
        return found, max(start, end)

    def _in_reference(
        self, block: MonitorConfig, source: Source
    ) -> tuple[dict[str, Found], int, int]:
        reference = block.reference
        column, timestamp = block.for_each or "", block.columns.timestamp
        if reference is not None and reference.kind is not None:
            source = source_of(reference.kind, reference.options, self.config.base)
            timestamp = timestamp if block.reference_window else None
        elif block.reference_window is None:  # the first windows of each value are its reference
            timestamp = None
        return values_in(source, column, window=block.reference_window, timestamp=timestamp)

    def _untimed(self, block: MonitorConfig, source: Source) -> list[Begun]:
        """Rows have no times: only values that the reference has can be compared."""
        column = block.for_each or ""
        there, without, beyond = self._in_reference(block, source)
        self._tell_rest(block, without, beyond)
        now, _, _ = values_in(source, column, window=None, timestamp=None)
        if new := [value for value in now if value not in there]:
            self._tell_once(f"{block.name}: {_listed(new)} not in the reference: not monitored")
        return _plain(_by_rows(there))

    def _files(self, block: MonitorConfig) -> list[str]:
        source: Any = self._source(block)
        if not hasattr(source, "files"):
            msg = (
                f"Block {block.name!r} has for_each = {FOR_EACH_FILE!r}, but its source "
                f"{block.source.kind!r} has no files: name a column, or use kind = 'files'."
            )
            raise ConfigError(msg)
        return sorted(str(place.path) for place in source.files())

    def _source(self, block: MonitorConfig) -> Source:
        return source_of(block.source.kind, block.source.options, self.config.base)

    def _start(self, source: Source, timestamp: str, end: datetime) -> datetime:
        extent, _ = source.extent(timestamp)
        return end if extent is None else extent.start

    def _shown(self, value: str) -> str:
        """A path as it stands in a name: from the config's folder on, without a password."""
        text = re.sub(r"://[^/@\s]*@", "://", value)
        try:
            return Path(text).relative_to(self.config.base).as_posix().replace("/", ":")
        except ValueError:
            return text

    def _tell(
        self, block: MonitorConfig, added: list[Member], left_out: int, *, first: bool
    ) -> None:
        if added:
            what = "values" if first else "new values"
            names = _listed([member.name for member in added])
            self.say(f"{block.name}: {len(added)} {what}, a monitor for each: {names}")
        for member in added:
            if member.begins is not None:
                self.say(
                    f"{member.name}: it has no rows in the reference; its own begins at "
                    f"{member.begins.isoformat()}"
                )
        if left_out:
            self._tell_once(
                f"{block.name}: {left_out} values more than for_each_limit = "
                f"{block.for_each_limit} are not monitored; raise it, or name another column"
            )

    def _tell_rest(self, block: MonitorConfig, without: int, beyond: int) -> None:
        if without:
            self._tell_once(
                f"{block.name}: rows without a value of {block.for_each!r} ({without:,} at the "
                "first look) belong to no monitor"
            )
        if beyond:
            self._tell_once(f"{block.name}: {beyond:,} rows of further values were not looked at")

    def _tell_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.say(text)


def _plain(values: Iterable[str]) -> list[Begun]:
    return [(value, None) for value in values]


def _by_rows(found: dict[str, Found]) -> list[str]:
    """Most rows first; among like ones by name, so that every process finds the same order."""
    return sorted(found, key=lambda value: (-found[value].rows, value))


def _begin(block: MonitorConfig, found: Found) -> datetime | None:
    return None if found.first is None else block.cadence.filled_from(found.first)


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return ", ".join(every[:_NAMED]) + more
