"""Many windows one after the other, read in few passes: a backfill reads each row once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from monitor.core.errors import DriftloopError
from monitor.core.ports import Reading, Source
from monitor.core.window import Window
from monitor.profiles.split import Cutter

#: Decoded rows of coming windows that are kept.
KEPT_BYTES = 256 << 20
#: Windows of the first pass, when nobody knows how large they are; and of any.
_FIRST, _MOST = 16, 4096
#: Windows differ in size: so much of the room is planned for.
_PLANNED = 0.8


@dataclass(slots=True)
class Ahead:
    """A source that reads the windows to come in one pass, as many as fit into memory.

    Row groups are often longer than windows, and text files have no groups at all: read window by
    window, they would be decoded once for each. Windows of which the source has something to say
    (types that differ, rows without a time) are read one by one, so that it is said of the right
    one.
    """

    source: Source
    windows: Sequence[Window]  #: those that will be asked for, oldest first
    room: int = KEPT_BYTES
    many: int = _FIRST  #: windows of the next pass
    _asked: tuple[str, tuple[str, ...]] | None = None  #: timestamp and columns of what is kept
    _schema: pa.Schema | None = None
    _delivered: pa.Schema | None = None  #: of what is kept
    _kept: dict[Window, list[pa.RecordBatch]] = field(default_factory=dict)
    _alone: set[Window] = field(default_factory=set)

    def describe(self) -> str:
        """What a person calls it."""
        return self.source.describe()

    def schema(self) -> pa.Schema:
        """The source's."""
        if self._schema is None:
            self._schema = self.source.schema()
        return self._schema

    def sample(
        self, rows: int, *, window: Window | None = None, timestamp: str | None = None
    ) -> pa.Table:
        """The source's."""
        return self.source.sample(rows, window=window, timestamp=timestamp)

    def extent(self, timestamp: str) -> tuple[Window | None, int]:
        """The source's."""
        return self.source.extent(timestamp)

    def open(
        self,
        window: Window | None = None,
        *,
        timestamp: str | None = None,
        columns: Sequence[str] | None = None,
    ) -> Reading:
        """The rows of a window: what was kept of them, or read now with those that follow."""
        if window is None or timestamp is None:
            return self.source.open(window, timestamp=timestamp, columns=columns)
        names = tuple(self.schema().names if columns is None else columns)
        if self._asked != (timestamp, names):
            self._asked, self._kept = (timestamp, names), {}
        if window not in self._kept and window not in self._alone and window in self.windows:
            self._read_on(window, timestamp, names)
        self._kept = {known: rows for known, rows in self._kept.items() if known >= window}
        kept = self._kept.pop(window, None)
        if kept is None or self._delivered is None:
            return self.source.open(window, timestamp=timestamp, columns=names)
        batches = [batch.select(list(names)) for batch in kept]
        schema = pa.schema([self._delivered.field(name) for name in names])
        rows = sum(batch.num_rows for batch in batches)
        return Reading(batches[0].schema if batches else schema, iter(batches), [], rows)

    def _read_on(self, window: Window, timestamp: str, names: tuple[str, ...]) -> None:
        """Keep rows of this window and of those after it."""
        first = self.windows.index(window)
        stretch = list(self.windows[first : first + self.many])
        if len(stretch) < 2:
            return
        whole = Window(stretch[0].start, stretch[-1].end)
        columns = list(dict.fromkeys((*names, timestamp)))
        keeping = _Keeping(stretch, timestamp, self.room)
        try:
            reading = self.source.open(whole, timestamp=timestamp, columns=columns)
            for batch in reading.batches:
                keeping.add(batch)
        except DriftloopError:  # of whichever window it is: that one will say so itself
            self._alone.update(stretch)
            return
        if reading.notes:
            self._alone.update(stretch)
            return
        if not keeping.kept:  # one window alone is too large
            self.many = 1
            return
        self._delivered, self._kept = reading.schema, keeping.kept
        largest = max(keeping.sizes.values(), default=0.0)
        room = _PLANNED * self.room / max(largest, 1.0)
        self.many = int(min(max(room, 2), _MOST, 4 * self.many))


class _Keeping:
    """Rows by window while they fit; the latest windows are given up first."""

    def __init__(self, windows: Sequence[Window], timestamp: str, room: int) -> None:
        self.windows, self.room = list(windows), room
        self.cutter = Cutter(windows, timestamp)
        self.kept: dict[Window, list[pa.RecordBatch]] = {window: [] for window in windows}
        self.sizes: dict[Window, float] = dict.fromkeys(windows, 0.0)
        self.total = 0.0

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep the rows of the windows that are not given up."""
        each = batch.nbytes / max(batch.num_rows, 1)  # slices count their dictionaries whole
        for number, piece in self.cutter.cut(batch):
            if number >= 0 and self.windows[number] in self.kept:
                window = self.windows[number]
                self.kept[window].append(piece)
                self.sizes[window] += each * piece.num_rows
                self.total += each * piece.num_rows
        while self.total > self.room and self.kept:
            last = next(reversed(self.kept))
            del self.kept[last]
            self.total -= self.sizes[last]
