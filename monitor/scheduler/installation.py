"""The config, the store and the pipeline of a service; the config may change while it runs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.config import Config, load
from monitor.core.errors import ConfigError
from monitor.core.ports import Source
from monitor.steps.blocks import Blocks
from monitor.steps.places import Places
from monitor.store.store import Store

if TYPE_CHECKING:  # what runs windows is loaded with the first of them: most of the time nothing is
    from monitor.config import MonitorConfig
    from monitor.pipeline import Pipeline

    Maker = Callable[[Config, Store], Pipeline]


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def quiet(text: str) -> None:
    """Words that nobody wants to hear."""
    del text


@dataclass(slots=True)
class Installation:
    """What runs, shows and watches share in one process.

    `file` is the config as it is written, `config` the same with a monitor for each value of its
    `for_each` blocks.
    """

    file: Config
    store: Store
    say: Callable[[str], None] = quiet
    clock: Callable[[], datetime] = utc_now
    make: Maker | None = None  #: another pipeline than ours, for tests
    limit: Callable[[], None] | None = None  #: called once, before the first window is run
    config: Config = field(init=False)
    blocks: Blocks = field(init=False)
    places: Places = field(init=False)
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _generation: int = 0

    def __post_init__(self) -> None:
        """The monitors that the store knows of."""
        self._take(self.file)

    def _take(self, file: Config) -> None:
        self.file = file
        self.blocks = Blocks(self.store, file, self.say)
        self.places = Places(file.base)
        self.config = self.blocks.expand()

    @property
    def generation(self) -> int:
        """Grows whenever the config has changed: a pipeline of an older one is to be let go."""
        return self._generation

    def pipeline(self) -> Pipeline:
        """A new pipeline on the config of now; it is for one thread."""
        if self.make is not None:
            made = self.make(self.config, self.store)
        else:
            from monitor.pipeline import Pipeline  # noqa: PLC0415 - see above

            made = Pipeline(self.config, self.store, clock=self.clock, say=self.say)
            made.worker = self.worker
        limit, self.limit = self.limit, None
        if limit is not None:  # now that what runs windows is loaded
            limit()
        return made

    def source(self, monitor: MonitorConfig) -> Source:
        """Where the monitor's rows come from."""
        return self.places.source(monitor)

    def search(self, name: str) -> int:
        """Look for new values of a block; how many new monitors there are."""
        block = next(one for one in self.file.monitors if one.name == name)
        new = self.blocks.search(block, self.clock())
        self.refresh()
        return new

    def refresh(self) -> None:
        """Bring the monitors of blocks up to what the store knows: another process may look too."""
        with self._lock:
            expanded = self.blocks.expand()
            names = [(one.name, one.part) for one in expanded.monitors]
            if names != [(one.name, one.part) for one in self.config.monitors]:
                self.config = expanded

    def reload(self) -> bool:
        """Read the config again; False, with the reason said, when it cannot be used."""
        try:
            file = load(self.file.path)
        except ConfigError as error:
            self.say(f"the config is not taken over, the old one stays: {error}")
            return False
        if file.store.url != self.file.store.url:
            self.say("the config is not taken over: another [store] url needs a restart")
            return False
        with self._lock:
            self._take(file)
            self._generation += 1
        self.say(f"the config is read again: {len(self.config.monitors)} monitors")
        return True
