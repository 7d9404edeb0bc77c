"""Files that several machines read: each takes a share of their rows, in the order of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import pyarrow as pa

from monitor.core.ports import Spread
from monitor.sources.delivery import Delivery
from monitor.sources.parts import Part
from monitor.sources.readers import BATCH_ROWS
from monitor.sources.tally import Tally, heard

#: A share is not smaller than this unless more are asked for: a task has a fixed cost.
_LEAST_ROWS = BATCH_ROWS
_LEAST_BYTES = 16 << 20
#: As many shares at most, unless more are asked for.
_MOST_SHARES = 200


@dataclass(frozen=True, slots=True)
class Stretch:
    """A file, or row groups of a Parquet file that follow each other."""

    part: int
    groups: tuple[int, int] | None  #: first and end; None: the whole file
    rows: int | None  #: that will be read, when known
    weight: float  #: 1: as much as a share should have at least


def spread_files(
    parts: Sequence[Part], delivery: Delivery, categories: frozenset[str], wanted: int | None
) -> Spread:
    """How a cluster reads these parts; every machine must see the files under the same paths."""
    shares = _shares(_stretches(parts, delivery), wanted)
    column = delivery.clock.column if delivery.clock is not None else None

    def frame(session: Callable[[], Any]) -> Any:
        return session().range(0, len(shares), 1, max(1, len(shares)))

    return Spread(
        frame=frame,
        shares=[_total(share) for share in shares],
        batches=_Reads(tuple(parts), delivery, categories, shares).batches,
        notes=lambda told: heard(told).notes(column),
    )


@dataclass(frozen=True, slots=True)
class _Reads:
    """What travels to the tasks: the files as they were found, and who reads what of them."""

    parts: tuple[Part, ...]
    delivery: Delivery
    categories: frozenset[str]
    shares: tuple[tuple[Stretch, ...], ...]

    def batches(
        self, numbers: Iterator[pa.RecordBatch], told: list[str]
    ) -> Iterator[pa.RecordBatch]:
        """Rows of the shares with these numbers."""
        tally = Tally()
        for some in numbers:
            for number in some.column(0).to_pylist():
                for stretch in self.shares[number]:
                    yield from self._read(stretch, tally)
        told.append(tally.told())

    def _read(self, stretch: Stretch, tally: Tally) -> Iterator[pa.RecordBatch]:
        part, delivery = self.parts[stretch.part], self.delivery
        request = replace(delivery.request(part, self.categories), groups=stretch.groups)
        found = delivery.windowed(part, part.batches(request, tally), tally)
        return delivery.fitted(part, found, tally)


def _stretches(parts: Sequence[Part], delivery: Delivery) -> list[Stretch]:
    """All that can be read by itself, in the order of the rows."""
    whole = delivery.window is None
    found = []
    for number, part in enumerate(parts):
        groups = part.reader.groups(delivery.clock, delivery.window)
        if groups is None:
            size = part.place.size or _LEAST_BYTES
            rows = part.reader.rows if whole else None
            found.append(Stretch(number, None, rows, size / _LEAST_BYTES))
            continue
        for at, rows in enumerate(groups):
            known = rows if whole else None
            found.append(Stretch(number, (at, at + 1), known, rows / _LEAST_ROWS))
    return found


def _shares(stretches: Sequence[Stretch], wanted: int | None) -> tuple[tuple[Stretch, ...], ...]:
    """Stretches that follow each other, gathered to shares of about equal weight."""
    weights = [stretch.weight for stretch in stretches]
    count = wanted or min(_MOST_SHARES, int(sum(weights)))
    count = max(1, min(count, len(stretches)))
    target = sum(weights) / count or 1.0
    found: dict[int, list[Stretch]] = {}
    for stretch, end in zip(stretches, accumulate(weights), strict=True):
        share = min(int((end - stretch.weight / 2) / target), count - 1)
        found.setdefault(share, []).append(stretch)
    return tuple(tuple(_joined(share)) for share in found.values())


def _joined(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Row groups that follow each other in one file as one stretch."""
    held = stretches[0]
    for following in stretches[1:]:
        if held.part == following.part and held.groups and following.groups:
            groups = (held.groups[0], following.groups[1])
            weight = held.weight + following.weight
            held = Stretch(held.part, groups, _total([held, following]), weight)
        else:
            yield held
            held = following
    yield held


def _total(share: Sequence[Stretch]) -> int | None:
    rows = [stretch.rows for stretch in share if stretch.rows is not None]
    return sum(rows) if len(rows) == len(share) else None
