"""Which rows of the window the annotators should see, as rows of the store's queue."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.core.columns import Column, Roles
from monitor.core.window import Window
from monitor.curation.cells import shown
from monitor.curation.features import FeatureSpace, features
from monitor.curation.rows import Candidates, FloatArray, QueueRow, ReferenceRows
from monitor.curation.select import select
from monitor.labeling.values import plain
from monitor.profiles.types import Sample
from monitor.steps.baseline import Baseline
from monitor.steps.tables import from_bytes
from monitor.steps.thumbnails import thumbnail
from monitor.store.records import Draw, NewQueueRow

#: Longest text of one value that travels with a queue row; the rest is cut.
_MAX_TEXT = 2_000
#: Columns that are named when they take no part.
_MAX_DROPPED = 8


@dataclass(frozen=True, slots=True)
class Proposed:
    """The queue of a window."""

    rows: tuple[NewQueueRow, ...]
    draw: Draw | None  #: what it was drawn from; None: nothing was drawn


def propose(
    baseline: Baseline,
    sample: Sample,
    *,
    budget: int,
    exclude: AbstractSet[str],
    seed: tuple[str, Window],
) -> Proposed:
    """A budgeted probability sample of the window (STATS.md part 4), each row with its reason.

    `seed` is (monitor, window): the same rows again when the window is run again.
    """
    if budget <= 0 or sample.table.num_rows == 0:
        return Proposed((), None)
    plan, roles = baseline.plan, baseline.plan.roles
    space = FeatureSpace.fit(baseline.pooled.sample.table, plan.columns)
    candidates = Candidates(
        ids=tuple(str(key) for key in sample.keys),
        features=features(sample.table, space),
        population=sample.population,
        scores=_scores(sample.table, roles),
        predictions=_values(sample.table, roles.prediction),
        segments=_segments(sample.table, roles),
        names=space.names,
    )
    chosen = select(
        candidates,
        _reference(baseline, space, roles),
        budget=budget,
        rng=np.random.default_rng(_seed(*seed)),
        exclude=exclude,
    )
    place = {key: index for index, key in reversed(list(enumerate(candidates.ids)))}
    rows = sample.table.take([place[str(row.id)] for row in chosen.rows])
    pairs = zip(chosen.rows, rows.to_pylist(), strict=True)
    size = chosen.size_mean
    return Proposed(
        rows=tuple(stored(row, values, plan.columns, roles) for row, values in pairs),
        draw=Draw(
            candidates=chosen.candidates,
            population=sample.population,
            size_mean=size if math.isfinite(size) else None,
            expected_mean=chosen.expected_mean,
        ),
    )


def dropped(baseline: Baseline) -> str:
    """A sentence about the columns that take no part in the choice; empty without any."""
    space = FeatureSpace.fit(baseline.pooled.sample.table, baseline.plan.columns)
    told = [f"{shown(one.column)} ({one.reason})" for one in space.dropped[:_MAX_DROPPED]]
    more = len(space.dropped) - len(told)
    if not told:
        return ""
    rest = f" and {more} more" if more else ""
    return f"Not used to choose these rows: {', '.join(told)}{rest}."


def _seed(monitor: str, window: Window) -> int:
    return zlib.crc32(f"{monitor} {window}".encode())


def _reference(baseline: Baseline, space: FeatureSpace, roles: Roles) -> ReferenceRows:
    table = baseline.pooled.sample.table
    if baseline.labelled is not None:
        # Labels that joined the reference are part of the training set.
        joined = from_bytes(baseline.labelled)
        names = [name for name in table.column_names if name in joined.column_names]
        table = pa.concat_tables([table, joined.select(names)], promote_options="permissive")
    return ReferenceRows(
        features=features(table, space),
        segments=_segments(table, roles),
        predictions=_values(table, roles.prediction),
        labels=_values(table, roles.label),
    )


def _values(table: pa.Table, name: str | None) -> tuple[Any, ...] | None:
    if name is None or name not in table.schema.names:
        return None
    return tuple(table.column(name).to_pylist())


def _segments(table: pa.Table, roles: Roles) -> Mapping[str, Sequence[str]]:
    found = {name: _values(table, name) for name in roles.segments}
    return {
        name: ["" if value is None else str(value) for value in values]
        for name, values in found.items()
        if values is not None
    }


def _scores(table: pa.Table, roles: Roles) -> FloatArray | None:
    """Class probabilities, shape (n, n_scores); None where a score is missing or no number."""
    columns = [_values(table, name) for name in roles.scores]
    if not columns or any(values is None for values in columns):
        return None
    try:
        return np.array(columns, dtype=np.float64).T
    except (TypeError, ValueError):
        return None


def stored(
    row: QueueRow, values: Mapping[str, Any], columns: Sequence[Column], roles: Roles
) -> NewQueueRow:
    """A chosen row with its values, as the store's queue keeps it."""
    # Who labels must not see the label, nor the model's opinion twice.
    hidden = {column.name for column in columns if column.kind == "embedding"}
    hidden |= {*roles.images, *roles.scores, roles.label or "", roles.prediction or ""}
    shown = {name: _short(plain(value)) for name, value in values.items() if name not in hidden}
    prediction = values.get(roles.prediction) if roles.prediction else None
    return NewQueueRow(
        row_id=str(row.id),
        reason=row.reason,
        reason_text=row.reason_text,
        score=row.score,
        inclusion_probability=row.inclusion_probability,
        weight=row.weight,
        push_order=row.order,
        copies=row.copies if row.copies > 1 else None,
        data=shown,
        prediction=None if prediction is None else _short(plain(prediction)),
        prediction_score=top_score(values, roles),
        model_version=_text(values.get(roles.model_version) if roles.model_version else None),
        image=_image(values, roles),
    )


def _short(value: Any) -> Any:
    return value[:_MAX_TEXT] if isinstance(value, str) else value


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def top_score(values: Mapping[str, Any], roles: Roles) -> float | None:
    """The score of the predicted class: of a binary model its one score, turned where it is low."""
    scores = [values.get(name) for name in roles.scores]
    known = [float(score) for score in scores if isinstance(score, int | float)]
    if not known or not all(0 <= score <= 1 for score in known):
        return None
    return max(known) if len(known) > 1 else max(known[0], 1 - known[0])


def _image(values: Mapping[str, Any], roles: Roles) -> bytes | None:
    for name in roles.images:
        value = values.get(name)
        if isinstance(value, bytes):
            return thumbnail(value)
    return None
