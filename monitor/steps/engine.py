"""What an engine owes, and how the configured one is built."""

from __future__ import annotations

from typing import Protocol

import pydantic

from monitor.core import plugins
from monitor.core.ports import Reading
from monitor.core.window import Window
from monitor.profiles.plan import Plan
from monitor.profiles.split import ByOrder, ByTime
from monitor.profiles.types import Profile


class Engine(Protocol):
    """Maps the profile kernel over record batches and merges; every engine, the same numbers."""

    def profile(self, reading: Reading, plan: Plan, *, window: Window | None = None) -> Profile:
        """The profile of all rows of one window."""
        ...

    def profile_split(
        self, reading: Reading, plan: Plan, splitter: ByOrder | ByTime
    ) -> list[Profile]:
        """The profiles of a reference's windows, oldest first, in one pass."""
        ...


def engine_of(name: str = "local", options: pydantic.BaseModel | None = None) -> Engine:
    """The engine of that name, with its options (None: its defaults)."""
    plugin = plugins.load("engines", name)
    engine: Engine = plugin(plugin.Options() if options is None else options)
    return engine
