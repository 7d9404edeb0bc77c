"""More like these: rows of the stored samples that are nearest to some rows, for the queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from monitor.config import MonitorConfig
from monitor.core.errors import UsageError
from monitor.core.window import Window
from monitor.curation.features import FeatureSpace, features
from monitor.curation.rows import FloatArray, QueueRow
from monitor.curation.similar import similar
from monitor.profiles.types import Sample
from monitor.steps.baseline import Baseline
from monitor.steps.queue import stored
from monitor.steps.references import References
from monitor.steps.setup import of_monitor
from monitor.store.records import NewQueueRow
from monitor.store.store import Store

#: Cosine from which two rows are copies of each other: one label serves for both.
_COPY = 1 - 1e-9
#: How many more neighbours are looked at than asked for, to pass over copies.
_SPARE = 5
#: Windows, the newest first, in which a named row is looked for.
_SEARCHED = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A row that is like one that was named."""

    window: Window
    like: str  #: id of the named row
    similarity: float  #: cosine, −1 … 1
    row: NewQueueRow


def search(
    store: Store,
    references: References,
    monitor: MonitorConfig,
    ids: Sequence[str],
    *,
    count: int,
    windows: int,
) -> tuple[list[Found], int]:
    """Rows of the newest windows that are like the named ones; see `find`.

    At most as many of each window as `similar_limit` leaves; how many that left out.

    Raises
    ------
    UsageError
        The monitor was not run yet, or no sample has one of these ids.
    """
    summaries = store.runs.summaries(monitor.name, limit=_SEARCHED)
    if not summaries:
        msg = f"No window of {monitor.name!r} was run yet; `driftloop run {monitor.name}` does."
        raise UsageError(msg)
    version = summaries[0].reference_version or 0
    baseline = references.version(monitor, version, of_monitor(monitor))
    newest = [one.window for one in summaries[:windows]]
    samples = list(_samples(store, monitor.name, newest))
    known = {str(key) for _, sample in samples for key in sample.keys}
    known |= {str(key) for key in baseline.pooled.sample.keys}
    older = [one.window for one in summaries[windows:]]
    found = find(
        baseline,
        samples,
        ids,
        count,
        elsewhere=_rows_of(store, monitor.name, older, set(ids) - known),
        exclude=store.queue.ids(
            monitor.name, among=(str(key) for _, sample in samples for key in sample.keys)
        ),
        first_order=monitor.queue.budget,
    )
    limit = monitor.queue.similar_limit
    room = {
        window: limit - store.queue.asked_for(monitor.name, window, "similar") for window in newest
    }
    return within(found, room)


def _samples(
    store: Store, monitor: str, windows: Iterable[Window]
) -> Iterator[tuple[Window, Sample]]:
    for window in windows:
        run = store.runs.get(monitor, window)
        if run is not None and run.sample is not None:
            yield window, Sample.from_bytes(run.sample)


def _rows_of(
    store: Store, monitor: str, windows: Iterable[Window], ids: set[str]
) -> dict[str, pa.Table]:
    """Named rows that are in older samples only, each as a table of one row."""
    found: dict[str, pa.Table] = {}
    for _, sample in _samples(store, monitor, windows) if ids else ():
        for row, key in enumerate(sample.keys):
            if str(key) in ids:
                found.setdefault(str(key), sample.table.slice(row, 1))
        if len(found) == len(ids):
            break
    return found


def ask_for(store: Store, monitor: str, found: Sequence[Found]) -> int:
    """Put rows that a person asked for into the queue; how many are new."""
    added = 0
    for window in dict.fromkeys(one.window for one in found):
        rows = [one.row for one in found if one.window == window]
        added += store.queue.add(monitor, window, rows, by="similar")
    return added


def find(
    baseline: Baseline,
    samples: Sequence[tuple[Window, Sample]],
    ids: Sequence[str],
    n: int,
    *,
    elsewhere: Mapping[str, pa.Table] | None = None,
    exclude: AbstractSet[str] = frozenset(),
    first_order: int = 0,
) -> list[Found]:
    """The n rows of the samples that are nearest to any of the named ones.

    Near by the cosine of the embeddings where the monitor has some, else of its standardised
    features (a gap counts as the mean). Copies are taken once.

    Parameters
    ----------
    samples : windows with their stored samples, newest first.
    ids : of rows in any of the samples, or in that of the reference.
    elsewhere : rows by id that are in none of these samples.
    exclude : ids that must not come back; the named ones never do.
    first_order : int
        Place of the first of them in the order in which a window's rows are pushed.

    Raises
    ------
    UsageError
        None of the samples has one of these ids.
    """
    space = FeatureSpace.fit(baseline.pooled.sample.table, baseline.plan.columns)
    tables = [sample.table for _, sample in samples]
    parts = [_vectors(table, baseline, space) for table in tables]
    owners = [(place, row) for place, part in enumerate(parts) for row in range(len(part))]
    keys = [str(key) for _, sample in samples for key in sample.keys]
    vectors = np.concatenate(parts) if parts else np.empty((0, 0))
    queries = _queries(
        baseline, space, keys=keys, vectors=vectors, ids=ids, elsewhere=elsewhere or {}
    )
    unwanted = {row for row, key in enumerate(keys) if key in exclude or key in set(ids)}
    unwanted |= _seen_before(keys)
    nearest = similar(queries, vectors, n * _SPARE + len(ids), exclude=unwanted)
    chosen = _apart([(one.row, one.query, one.similarity) for one in nearest], vectors, n)
    found = []
    for order, (row, query, similarity) in enumerate(chosen):
        place, position = owners[row]
        found.append(
            Found(
                samples[place][0],
                ids[query],
                similarity,
                stored(
                    _reason(keys[row], ids[query], similarity, first_order + order),
                    tables[place].slice(position, 1).to_pylist()[0],
                    baseline.plan.columns,
                    baseline.plan.roles,
                ),
            )
        )
    return found


def within(found: Sequence[Found], room: Mapping[Window, int]) -> tuple[list[Found], int]:
    """Those for which their window has room, the nearest first; how many are left out."""
    left = dict(room)
    kept = []
    for one in found:
        if left.get(one.window, 0) > 0:
            left[one.window] -= 1
            kept.append(one)
    return kept, len(found) - len(kept)


def _queries(
    baseline: Baseline,
    space: FeatureSpace,
    *,
    keys: Sequence[str],
    vectors: FloatArray,
    ids: Sequence[str],
    elsewhere: Mapping[str, pa.Table],
) -> FloatArray:
    """Vectors of the named rows, shape (q, d)."""
    places = {key: row for row, key in reversed(list(enumerate(keys)))}
    known = baseline.pooled.sample
    older = {str(key): row for row, key in enumerate(known.keys)}
    found, lacking = [], []
    for one in ids:
        if one in places:
            found.append(vectors[places[one]])
        elif one in elsewhere:
            found.append(_vectors(elsewhere[one], baseline, space)[0])
        elif one in older:
            table = known.table.slice(older[one], 1)
            found.append(_vectors(table, baseline, space)[0])
        else:
            lacking.append(one)
    if lacking:
        msg = (
            f"No stored sample has a row {lacking[0]!r}"
            + (f" (nor {len(lacking) - 1} more of them)" if len(lacking) > 1 else "")
            + ". Samples keep up to 10,000 rows a window: name a row of the queue or of a report."
        )
        raise UsageError(msg)
    return np.stack(found)


def _vectors(table: pa.Table, baseline: Baseline, space: FeatureSpace) -> FloatArray:
    """Rows as directions, shape (n, d): embeddings, each brought to length 1, or features."""
    names = [name for name in baseline.plan.roles.embeddings if name in table.schema.names]
    if not names:
        return np.nan_to_num(features(table, space))
    whole = FeatureSpace(tuple(one for one in space.encoders if one[0] in names))
    return features(table, whole) if whole.width else np.nan_to_num(features(table, space))


def _apart(
    nearest: Sequence[tuple[int, int, float]], vectors: FloatArray, n: int
) -> list[tuple[int, int, float]]:
    """The first n that are no copies of one before."""
    kept: list[tuple[int, int, float]] = []
    for row, query, similarity in nearest:
        if len(kept) == n:
            break
        before = [vectors[other] for other, _, _ in kept]
        same = similar(np.stack(before), vectors[row][None, :], 1) if before else []
        if not same or same[0].similarity < _COPY:
            kept.append((row, query, similarity))
    return kept


def _seen_before(keys: Sequence[str]) -> set[int]:
    """Rows whose key came already in a newer window."""
    seen: set[str] = set()
    again = set()
    for row, key in enumerate(keys):
        if key in seen:
            again.add(row)
        seen.add(key)
    return again


def _reason(key: str, like: str, similarity: float, order: int) -> QueueRow:
    return QueueRow(
        id=key,
        reason="similar",
        reason_text=f"Like row {like[:60]} (cosine {similarity:.2f}), which somebody asked for.",
        score=max(similarity, 0.0),
        inclusion_probability=None,
        weight=1.0,
        order=order,
    )
