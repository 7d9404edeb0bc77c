"""One event out of many alarms: the data set, groups of columns, columns, their segments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.checks.run import SEGMENT, segment_of
from monitor.core.arrow import filled

Level = Literal["dataset", "group", "column", "segment", "figure"]

#: Rank correlation in the reference from which on columns that differ together are one story.
_TOGETHER = 0.6
#: Alarms about the data as a whole: what they say explains much of the rest.
_WHOLE = ("schema", "freshness", "volume:rows", "duplicates")
#: Share of the judged columns from which on it is the data set that differs, and how many at least.
_MOST, _FEWEST = 0.5, 4
_SAMPLED, _FEWEST_ROWS = 5000, 50
_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an alarm stands in its event."""

    level: Level
    parent: str = ""  #: key of the alarm that it belongs to, or name of its group


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The open alarms of a window as one event."""

    places: Mapping[str, Place]
    root: str = ""  #: key of an alarm, or name of a group; "" where there is but one alarm
    level: Level = "column"
    members: tuple[str, ...] = ()  #: columns of a root that is a group, or the data set
    judged: int = 0  #: columns that are judged at all


def event_of(
    keys: Sequence[str],
    *,
    groups: Mapping[str, str],
    sample: pa.Table | None,
    judged: int,
) -> Event:
    """The tree over open alarms.

    Parameters
    ----------
    keys : of the open alarms that surely differ in this window, the oldest first.
    groups : column -> the group that a person declared.
    sample : rows of the reference, to see which columns move together there.
    judged : number of columns that are judged.
    """
    columns = [key.removeprefix("column:") for key in keys if key.startswith("column:")]
    named = {name: groups[name] for name in columns if name in groups}
    free = [name for name in columns if name not in named]
    families = _declared(named) | _moving_together(free, sample)
    places = {key: _place(key, keys, families) for key in keys}
    if len(keys) < 2:
        return Event(places=places, judged=judged)
    whole = next((key for key in _WHOLE if key in keys), None)
    if whole is not None:
        return Event(places=places, root=whole, level="dataset", judged=judged)
    if len(columns) >= max(_FEWEST, _MOST * judged):
        members = tuple(columns)
        return Event(places=places, root="dataset", level="dataset", members=members, judged=judged)
    if families:
        name, members = max(families.items(), key=lambda pair: len(pair[1]))
        return Event(places=places, root=name, level="group", members=members, judged=judged)
    return Event(places=places, root=keys[0], level=places[keys[0]].level, judged=judged)


def named(names: Sequence[str], limit: int = _NAMED) -> str:
    """`a`, `b` and 3 more.

    >>> named(["a"]), named(["a", "b"]), named(list("abcd"), 2)
    ('`a`', '`a` and `b`', '`a`, `b` and 2 more')
    """
    shown = [f"`{name.replace('`', chr(39))}`" for name in names[:limit]]
    left = len(names) - len(shown)
    if left:
        return f"{', '.join(shown)} and {left:,} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _place(key: str, keys: Sequence[str], families: Mapping[str, tuple[str, ...]]) -> Place:
    if key.startswith(SEGMENT):
        parent = f"column:{segment_of(key)[1]}"
        return Place(level="segment", parent=parent if parent in keys else "")
    if key.startswith("column:"):
        name = key.removeprefix("column:")
        group = next((one for one, members in families.items() if name in members), "")
        return Place(level="column", parent=group)
    if key.startswith("performance:") and key.count(":") > 1:
        parent = ":".join(key.split(":")[:2])
        return Place(level="segment", parent=parent if parent in keys else "")
    return Place(level="dataset" if key in _WHOLE else "figure")


def _declared(named: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for column, group in named.items():
        found[group] = (*found.get(group, ()), column)
    return {group: members for group, members in found.items() if len(members) > 1}


def _moving_together(names: Sequence[str], sample: pa.Table | None) -> dict[str, tuple[str, ...]]:
    """Columns that are correlated in the reference, as groups without a name of their own."""
    ranks = {} if sample is None else _ranks(names, sample)
    if len(ranks) < 2:
        return {}
    order = [name for name in names if name in ranks]
    related = np.abs(np.corrcoef(np.stack([ranks[name] for name in order]))) >= _TOGETHER
    group = np.arange(len(order))
    for row, column in zip(*np.nonzero(related), strict=True):
        group[group == group[column]] = group[row]
    found = [
        tuple(name for name, of in zip(order, group, strict=True) if of == one)
        for one in dict.fromkeys(group.tolist())
    ]
    return {members[0]: members for members in found if len(members) > 1}


def _ranks(names: Sequence[str], sample: pa.Table) -> dict[str, npt.NDArray[np.float64]]:
    """Ranks of numeric columns with few missing values; the missing have the middle rank."""
    found = {}
    rows = sample.slice(0, _SAMPLED)
    for name in names if rows.num_rows >= _FEWEST_ROWS else ():
        if name not in rows.column_names:
            continue
        kind = rows.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            continue
        column = rows.column(name).combine_chunks()
        values = filled(pc.cast(column, pa.float64(), safe=False), math.nan)
        there = np.isfinite(values)
        if there.mean() < 0.5 or np.ptp(values[there]) == 0:
            continue
        ranks = np.full(len(values), 0.5)
        ranks[there] = np.argsort(np.argsort(values[there], kind="stable")) / there.sum()
        found[name] = ranks
    return found
