"""The profile kernel: record batches in, one mergeable profile out, in one pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitor.core.arrow import array_of, filled
from monitor.core.finding import MAX_ROWS
from monitor.core.window import Window
from monitor.profiles import sample as sampling
from monitor.profiles.casting import numbers_of, plain, to_micros, type_name
from monitor.profiles.cells import CellCounter, Outcomes
from monitor.profiles.chunks import simple_batch, whole
from monitor.profiles.crew import Crew
from monitor.profiles.feeds import EmbeddingFeed, Feed, LevelFeed, feed_of, novelty_columns
from monitor.profiles.hashing import fitting_half
from monitor.profiles.levels import Levels
from monitor.profiles.plan import Plan
from monitor.profiles.rules import RuleCounter
from monitor.profiles.types import (
    CategoricalProfile,
    ColumnProfile,
    NumericProfile,
    Profile,
)

BUFFER_ROWS = 262_144  #: much smaller batches are gathered: each column has a fixed cost
BUFFER_BYTES = 64 << 20  #: with embeddings or images fewer rows are enough
_ENOUGH = BUFFER_ROWS // 2  #: gathering more would cost the copy of a batch
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Profiler:
    """Profiles rows of one window.

    Parameters
    ----------
    plan : Plan
    window : Window, optional
        Rows outside of it, or without a time, are counted in `Profile.late` and not profiled.
    half : bool
        For the reference: the rows that encoders were fitted on (see `hashing.fitting_half`)
        are left out of the columns derived from embeddings, from their row counts too.
    ceiling : Ceiling, optional
        Shared by the parts of one reference: their samples together are that of the whole, and
        each is the smaller.
    crew : Crew, optional
        Threads that count the columns of a buffer side by side. They change nothing but the time.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        window: Window | None = None,
        half: bool = False,
        ceiling: sampling.Ceiling | None = None,
        crew: Crew | None = None,
    ) -> None:
        self.plan, self.window, self.half = plan, window, half
        self.crew = Crew() if crew is None else crew
        self.pending: list[pa.RecordBatch] = []
        self.pending_rows = self.pending_bytes = self.rows = self.late = 0
        self.columns = {c.name: c for c in plan.columns if c.role != "ignored"}
        self.feeds: dict[str, Feed] = {n: feed_of(c, plan) for n, c in self.columns.items()}
        self.rules = {rule.name: RuleCounter(rule, plan.roles.id) for rule in plan.rules}
        self.cells = CellCounter(plan.cells)
        self.sample = sampling.SampleCounter(plan, ceiling)
        self.errors: dict[str, str] = {}
        self.seen: pa.Schema | None = None
        self.extra: dict[str, str] = {}
        self.types: dict[str, set[str]] = {}

    def see(self, schema: pa.Schema) -> None:
        """Take note of the columns and types of data, even of no rows."""
        planned = {column.name for column in self.plan.columns}
        for field in schema:
            name = type_name(field.type)
            if field.name in planned:
                self.types.setdefault(field.name, set()).add(name)
            else:
                self.extra[field.name] = name

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows. Data never raise: what cannot be profiled becomes a note."""
        if self.seen is not batch.schema:
            self.see(batch.schema)
            self.seen = batch.schema
        batch = simple_batch(batch)
        if self.window is not None and self.plan.timestamp is not None:
            batch = self._inside(batch, self.window, self.plan.timestamp)
        if batch.num_rows == 0:
            return
        if self.pending and self.pending[-1].schema != batch.schema:
            self.flush()
        self.pending.append(batch)
        self.pending_rows += batch.num_rows
        self.pending_bytes += batch.nbytes
        if self.pending_rows >= _ENOUGH or self.pending_bytes >= BUFFER_BYTES:
            self.flush()

    def _inside(self, batch: pa.RecordBatch, window: Window, timestamp: str) -> pa.RecordBatch:
        at = batch.schema.get_field_index(timestamp)
        if at < 0:
            self.late += batch.num_rows
            return batch.slice(0, 0)
        micros, _ = to_micros(plain(batch.column(at)))
        values = filled(micros, np.iinfo(np.int64).min)
        low, high = (micros_of(end) for end in (window.start, window.end))
        inside = (values >= low) & (values < high)
        kept = int(np.count_nonzero(inside))
        self.late += batch.num_rows - kept
        return batch if kept == batch.num_rows else batch.filter(array_of(inside))

    def flush(self) -> None:
        """Run the kernel on what was gathered."""
        batches, self.pending = self.pending, []
        self.pending_rows = self.pending_bytes = 0
        if not batches:
            return
        table = pa.Table.from_batches(batches)
        for at in range(0, table.num_rows, BUFFER_ROWS):
            rest = table.num_rows - at
            # A short rest goes with the last full buffer.
            if rest < 2 * BUFFER_ROWS:
                self._count(table.slice(at))
                return
            self._count(table.slice(at, BUFFER_ROWS))

    def _count(self, table: pa.Table) -> None:
        # Of columns with one name the first counts.
        columns = dict(zip(reversed(table.column_names), reversed(table.columns), strict=True))
        names = list(dict.fromkeys(table.column_names))
        table = pa.table([whole(columns[name]) for name in names], names)
        self.rows += table.num_rows
        arrays = dict(zip(names, (column.chunk(0) for column in table.columns), strict=True))
        hashes = sampling.key_hashes(table, self.plan)
        held = ~fitting_half(hashes) if self.half and self.plan.encoders else None
        self.crew.run(
            task
            for name, feed in self.feeds.items()
            if isinstance(feed, EmbeddingFeed) and name in arrays
            for task in feed.tasks(arrays[name], held)
        )
        self.crew.run(
            [
                partial(self.sample.add, table, hashes),
                *(
                    partial(self._feed, name, feed, arrays.get(name), table.num_rows, held)
                    for name, feed in self.feeds.items()
                ),
            ]
        )
        self._rest(table, hashes)

    def _feed(
        self,
        name: str,
        feed: Feed,
        array: pa.Array | None,
        rows: int,
        held: npt.NDArray[np.bool_] | None,
    ) -> None:
        try:
            if array is not None:
                feed.add(array, held)
            else:
                feed.add_missing(rows)
        except Exception as error:  # noqa: BLE001 - one broken column must not cost the others
            del self.feeds[name]
            self.errors[name] = _sentence(name, error)

    def _rest(self, table: pa.Table, hashes: npt.NDArray[np.uint64]) -> None:
        """Rules and cells."""
        for rule in self.rules.values():
            rule.add(table, hashes)
        try:
            segments = {name: self._levels(name) for name in self.plan.roles.segments}
            known = {name: levels for name, levels in segments.items() if levels is not None}
            self.cells.add(table.num_rows, known, self._outcomes(table))
        except Exception as error:  # noqa: BLE001 - the columns' own profiles do not need them
            name = self.plan.roles.label or self.plan.roles.prediction or ""
            self.errors.setdefault(name, f"Its co-counts are missing: {error}")

    def _levels(self, name: str | None) -> Levels | None:
        feed = self.feeds.get(name) if name is not None else None
        return feed.levels if isinstance(feed, LevelFeed) else None

    def _outcomes(self, table: pa.Table) -> Outcomes:
        roles, regression = self.plan.roles, self.plan.cells.task == "regression"
        return Outcomes(
            label=self._levels(roles.label),
            prediction=self._levels(roles.prediction),
            label_values=_floats(table, roles.label) if regression else None,
            prediction_values=_floats(table, roles.prediction) if regression else None,
            scores={
                name: values
                for name, _ in self.plan.cells.classes
                if (values := _floats(table, name)) is not None
            },
        )

    def result(self) -> Profile:
        """The profile of all rows so far; more may be added."""
        return completed(self.partial(), self.plan, half=self.half)

    def partial(self) -> Profile:
        """A part that is to be merged with others first; `completed` completes the whole."""
        self.flush()
        sample = self.sample.result()
        columns: dict[str, ColumnProfile] = {}
        for feed in self.feeds.values():
            columns |= feed.results()
        first, last = _times(columns.get(self.plan.timestamp or ""))
        version = columns.get(self.plan.roles.model_version or "")
        notes = {name: feed.note for name, feed in self.feeds.items() if feed.note}
        return Profile(
            plan_id=self.plan.id,
            rows=self.rows,
            first=first,
            last=last,
            columns=columns,
            cells=self.cells.result(),
            rules={name: counter.result() for name, counter in self.rules.items()},
            sample=sample,
            errors={**notes, **self.errors},
            absent=frozenset(self.columns) - frozenset(self.types),
            extra=dict(sorted(self.extra.items())),
            types={name: tuple(sorted(seen)) for name, seen in sorted(self.types.items())},
            late=self.late,
            versions=dict(version.levels) if isinstance(version, CategoricalProfile) else {},
        )


def completed(profile: Profile, plan: Plan, *, half: bool) -> Profile:
    """The profile of a whole, with what only the sample of all its rows shows.

    These are the `novelty` columns, and the keys that break a rule of a unique id.
    """
    held = ~fitting_half(profile.sample.hashes) if half else None
    novelty = novelty_columns(plan, profile.sample, held)
    keys = [rule for rule in plan.rules if rule.kind == "unique" and rule.column == plan.roles.id]
    if not novelty and not keys:
        return profile
    twice = sampling.duplicate_keys(profile.sample).examples[:MAX_ROWS] if keys else ()
    rules = {
        rule.name: replace(count, rows=() if count.error else twice)
        for rule in keys
        if (count := profile.rules.get(rule.name)) is not None
    }
    return replace(
        profile, columns={**profile.columns, **novelty}, rules={**profile.rules, **rules}
    )


def micros_of(time: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (time - _EPOCH) // timedelta(microseconds=1)


def _floats(table: pa.Table, name: str | None) -> npt.NDArray[np.float64] | None:
    if name is None or name not in table.column_names:
        return None
    numbers, _ = numbers_of(table.column(name).chunk(0), "numeric")
    floats = numbers.cast(pa.float64(), safe=False)
    return filled(floats, np.nan)


def _times(column: object) -> tuple[datetime | None, datetime | None]:
    if not isinstance(column, NumericProfile) or not column.finite:
        return None, None
    try:
        return tuple(  # type: ignore[return-value]
            _EPOCH + timedelta(microseconds=micros) for micros in (column.minimum, column.maximum)
        )
    except OverflowError:
        return None, None


def _sentence(name: str, error: Exception) -> str:
    reason = (str(error).splitlines() or [""])[0][:200]
    return f"Column {name[:80]!r} could not be profiled: {type(error).__name__}: {reason}"
