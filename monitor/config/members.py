"""Many monitors from one block: `for_each` gives one for each value of a column, or each file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from monitor.config.models import FOR_EACH_FILE, Config, MonitorConfig, ReferenceConfig

#: So many characters of a value stand in a name.
_SHOWN = 60
_CUT = 40
#: Windows that the reference of a value has that came after the reference of its block.
FIRST_WINDOWS = 13


class MemberConfig(MonitorConfig):
    """One monitor of a block; made by `member_of`, never read from a file."""

    block: str
    value: str
    share: float

    @property
    def family(self) -> str:
        """The block."""
        return self.block

    @property
    def part(self) -> float:
        """Its share of the block's budget."""
        return self.share

    @property
    def folder(self) -> str:
        """Where its reports lie, below the folder of reports: no value can lead out of it."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.value.lower()).strip("-")[:_CUT]
        return f"{self.block}/{slug or 'value'}-{_digest(self.value)[:12]}"


def member_name(block: str, value: str) -> str:
    """What the monitor of one value is called.

    Values of letters, digits and `_.:+@ -` stand there as they are; of others, and of long ones,
    what can be shown and eight digits of a hash, after a `~` that no shown value has.

    >>> member_name("flights", "EV"), member_name("flights", "../etc")
    ('flights[EV]', 'flights[.._etc~f7f9121f]')
    """
    if len(value) <= _SHOWN and value == value.strip() and value and _clean(value) == value:
        return f"{block}[{value}]"
    return f"{block}[{_clean(value)[:_CUT].strip()}~{_digest(value)[:8]}]"


def member_of(
    block: MonitorConfig, value: str, *, name: str, begins: datetime | None, members: int
) -> MemberConfig:
    """The monitor of one value of a block with so many.

    Parameters
    ----------
    begins : datetime, optional
        The value came after the block's reference: its own begins there, and is as long as the
        block's (`FIRST_WINDOWS` windows where that one has no times).
    """
    values: dict[str, Any] = {key: getattr(block, key) for key in MonitorConfig.model_fields}
    values |= {"name": name, "block": block.name, "value": value, "share": 1 / max(members, 1)}
    values["weight"] = block.weight / max(members, 1)
    if begins is not None:
        own = block.reference_window
        length = own.end - own.start if own else FIRST_WINDOWS * block.cadence.length
        values["reference"] = ReferenceConfig(start=begins, end=begins + length)
    if block.for_each == FOR_EACH_FILE:
        values["source"] = _of_file(block.source, value)
    return MemberConfig.model_construct(**values)


def expanded(config: Config, members: Mapping[str, Iterable[Any]]) -> Config:
    """The config with each block replaced by its monitors, in the order of the file.

    `members`: of each block its values, each with `value`, `name` and `begins`.
    """
    monitors: list[MonitorConfig] = []
    for monitor in config.monitors:
        if monitor.for_each is None or isinstance(monitor, MemberConfig):
            monitors.append(monitor)
            continue
        there = list(members.get(monitor.name, ()))[: monitor.for_each_limit]
        monitors += [
            member_of(monitor, one.value, name=one.name, begins=one.begins, members=len(there))
            for one in there
        ]
    return config.model_copy(update={"monitors": tuple(monitors)})


def _of_file(source: Any, path: str) -> Any:
    options = source.options.model_copy(update={"path": (path,)})
    return source.model_copy(update={"options": options})


def _clean(value: str) -> str:
    return "".join(c if c.isalnum() or c in "_.:+@ -" else "_" for c in value)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
