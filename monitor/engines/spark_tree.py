"""Partial profiles merged in a tree on the executors, so that one of each part comes back."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from monitor.profiles.split import merged
from monitor.profiles.types import Profile

#: Rows that tasks give: the number of the part, that of the share, and a packed profile.
SCHEMA = "part int, share int, body binary"
#: Stands for a part whose bodies are JSON lists: what the tasks saw.
ACCOUNT = -1

_ARROW = pa.schema([("part", pa.int32()), ("share", pa.int32()), ("body", pa.binary())])
_MOST_TASKS = 32


def row(part: int, share: int, body: bytes) -> pa.RecordBatch:
    """One row that a task gives."""
    return pa.RecordBatch.from_pylist([{"part": part, "share": share, "body": body}], _ARROW)


def gathered(rows: Any, *, parts: int, shares: int | None, fan_in: int) -> dict[int, bytes]:
    """One body of each part, by its number.

    Parameters
    ----------
    rows : DataFrame of `SCHEMA`
    parts : int
        How many parts there are, the accounts apart.
    shares : int or None
        How many there are at most; where nobody knows, the tree has three levels.
    fan_in : int
        How many bodies one task merges, at most (on the last level more when `shares` is None
        and there are more than `fan_in` cubed).
    """
    for width in _widths(shares, fan_in):
        rows = _level(rows, width, tasks=min(_MOST_TASKS, width * parts))
    return {int(found["part"]): bytes(found["body"]) for found in rows.collect()}


def _widths(shares: int | None, fan_in: int) -> list[int]:
    """How many bodies of a part each level leaves."""
    if shares is None:
        return [fan_in * fan_in, fan_in, 1]
    widths = []
    while shares > 1:
        shares = -(-shares // fan_in)
        widths.append(shares)
    return widths


def _level(rows: Any, width: int, *, tasks: int) -> Any:
    from pyspark.sql import functions  # noqa: PLC0415 - an extra

    group = (functions.col("share") % width).alias("into")
    keyed = rows.select("part", "share", "body", group)
    spread = keyed.repartition(tasks, "part", "into")
    return spread.groupBy("part", "into").applyInArrow(_merge, SCHEMA)


def _merge(table: pa.Table) -> pa.Table:
    """Rows of one part and group as one row; in the order of the shares, so that sums repeat."""
    table = table.sort_by("share")
    part, share = table.column("part")[0].as_py(), table.column("into")[0].as_py()
    bodies = table.column("body").to_pylist()
    if len(bodies) == 1:
        body = bodies[0]
    elif part == ACCOUNT:
        body = json.dumps([account for one in bodies for account in json.loads(one)]).encode()
    else:
        body = merged([Profile.from_bytes(one) for one in bodies]).to_bytes(sample=True)
    return pa.Table.from_batches([row(part, share, body)])
