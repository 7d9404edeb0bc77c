"""Where the rows of a monitor, and of its reference, come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pydantic

from monitor.core import plugins
from monitor.core.ports import Pinned, Source
from monitor.core.window import Window
from monitor.steps.ahead import Ahead

if TYPE_CHECKING:  # a comparison without a config need not wait for its models
    from monitor.config import MonitorConfig, PluginConfig
    from monitor.steps.shared import SharedRows


def source_of(kind: str, options: pydantic.BaseModel, base: Path) -> Source:
    """A source plug-in, built."""
    source: Source = plugins.load("sources", kind)(options, base)
    return source


@dataclass(slots=True)
class Places:
    """Sources by monitor; those of one `for_each` block share what they read."""

    base: Path  #: relative paths start here
    _shared: dict[tuple[str, bool], SharedRows] = field(default_factory=dict)
    _ahead: dict[str, Source] = field(default_factory=dict)

    def source(self, monitor: MonitorConfig) -> Source:
        """Where the monitor's rows come from."""
        if monitor.name in self._ahead:
            return self._ahead[monitor.name]
        return self._of(monitor, monitor.source, reference=False)

    @contextmanager
    def ahead(self, monitor: MonitorConfig, windows: Sequence[Window]) -> Iterator[None]:
        """These windows, asked for one after the other, are read in few passes.

        Not those of versioned tables, of which each window has its own version, nor those that a
        cluster reads.
        """
        source = self.source(monitor)
        if monitor.engine == "local" and not isinstance(source, Pinned):
            self._ahead[monitor.name] = Ahead(source, windows)
        try:
            yield
        finally:
            self._ahead.pop(monitor.name, None)

    def reference(self, monitor: MonitorConfig) -> Source:
        """Where the reference's rows come from: the monitor's own source, or another one."""
        if monitor.reference is None or monitor.reference.kind is None:
            return self.source(monitor)
        from monitor.config import PluginConfig  # noqa: PLC0415 - see above

        place = PluginConfig(kind=monitor.reference.kind, options=monitor.reference.options)
        return self._of(monitor, place, reference=True)

    def look_again(self) -> None:
        """What blocks share is compared with what is there now."""
        for shared in self._shared.values():
            shared.look_again()

    def _of(self, monitor: MonitorConfig, place: PluginConfig, *, reference: bool) -> Source:
        if monitor.family == monitor.name:
            return source_of(place.kind, place.options, self.base)
        from monitor.config import FOR_EACH_FILE, MemberConfig  # noqa: PLC0415 - see above
        from monitor.steps.clustered import ClusterMember  # noqa: PLC0415
        from monitor.steps.shared import MemberSource, SharedRows  # noqa: PLC0415

        assert isinstance(monitor, MemberConfig)
        if monitor.for_each in {None, FOR_EACH_FILE}:
            return source_of(place.kind, place.options, self.base)
        key = (monitor.block, reference)
        if key not in self._shared:
            source = source_of(place.kind, place.options, self.base)
            self._shared[key] = SharedRows(source, monitor.for_each or "")
        kind = MemberSource if monitor.engine == "local" else ClusterMember
        return kind(self._shared[key], monitor.value)
