"""Labelled rows as a table to train on: the row, its consensus label, weights and provenance."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from monitor.core.window import Window
from monitor.curation.features import FeatureSpace, features
from monitor.curation.given import as_class
from monitor.curation.matrix import comparable
from monitor.curation.rebalance import rebalancing_weights
from monitor.curation.weights import FEWEST, TrainingWeight, training_weight
from monitor.profiles.types import Sample
from monitor.steps.baseline import Baseline
from monitor.steps.consensus import Labelled, settled, usable
from monitor.store.store import Store

#: What the export adds to a row.
ADDED = "driftloop_"
_DEFAULT_LABEL = "label"
_FITTED_ON = 5_000
_STAND_IN = "Chosen with a logistic regression as a stand-in for your model. "


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRows:
    """Labelled rows, and what was left out."""

    table: pa.Table
    label: str  #: the column that holds the label
    rows: tuple[Labelled, ...]  #: of the table, in its order
    weight: TrainingWeight
    rebalancing: Mapping[str, float]  #: class -> weight, for rows of the training set too
    left_out: tuple[tuple[str, str], ...]  #: row id, why

    @property
    def note(self) -> str:
        """How the weight was chosen."""
        return self.weight.note


def training_rows(
    store: Store, monitor: str, baseline: Baseline, found: Sequence[Labelled]
) -> TrainingRows:
    """The settled rows with all their columns, from the samples of their runs.

    A row whose sample is not kept any more has the columns that its queue row carries (no
    embeddings, no images); the column `driftloop_complete` tells.
    """
    wanted, schema = settled(found), baseline.pooled.sample.table.schema
    parts = list(_parts(store, monitor, wanted, schema))
    place = {row_id: at for at, row_id in enumerate(i for ids, _, _ in parts for i in ids)}
    kept = [row for row in wanted if row.row_id in place]
    taken = {row.row_id for row in kept}
    left_out = [(row.row_id, _why_left(row)) for row in found if row.row_id not in taken]
    order = pa.array([place[row.row_id] for row in kept], pa.int64())
    whole = [pa.array([complete] * len(ids), pa.bool_()) for ids, _, complete in parts]
    table = pa.concat_tables([part for _, part, _ in parts] or [schema.empty_table()]).take(order)
    complete = pa.chunked_array(whole, pa.bool_()).take(order)
    label = baseline.plan.roles.label or _DEFAULT_LABEL
    table = _with_label(table, label, kept)
    weight = _weight(baseline, table, kept, label)
    rebalancing = _rebalancing(baseline, kept, label)
    table = _with_facts(table, kept, weight.weight, rebalancing)
    return TrainingRows(
        table=table.append_column(f"{ADDED}complete", complete),
        label=label,
        rows=tuple(kept),
        weight=weight,
        rebalancing=rebalancing,
        left_out=tuple(left_out),
    )


def write_parquet(made: TrainingRows, out: Any, provenance: Mapping[str, Any]) -> None:
    """As Parquet (zstd); the provenance stands in the metadata under `driftloop`."""
    text = json.dumps(
        {
            **provenance,
            "rows": made.table.num_rows,
            "label": made.label,
            "weight": made.weight.weight,
            "weight_note": made.note,
            "rebalancing_weights": dict(made.rebalancing),
            "sources": dict(Counter(row.source for row in made.rows)),
            "left_out": len(made.left_out),
        },
        default=str,
    )
    metadata = {**(made.table.schema.metadata or {}), b"driftloop": text.encode()}
    pq.write_table(made.table.replace_schema_metadata(metadata), out, compression="zstd")


def _why_left(row: Labelled) -> str:
    if not usable(row):
        return row.why or f"it is {row.state.replace('_', ' ')}"
    return "neither its sample nor its queue row is kept"


def _parts(
    store: Store, monitor: str, rows: Sequence[Labelled], schema: pa.Schema
) -> Iterator[tuple[list[str], pa.Table, bool]]:
    """Row ids, their columns, and whether these are whole: one window after another."""
    by_window: dict[Window, list[str]] = defaultdict(list)
    for row in rows:
        by_window[row.window].append(row.row_id)
    rest: list[str] = []
    for window, ids in by_window.items():
        run = store.runs.get(monitor, window)
        if run is None or run.sample is None:
            rest += ids
            continue
        sample = Sample.from_bytes(run.sample)
        places = {str(key): place for place, key in reversed(list(enumerate(sample.keys)))}
        there = [row_id for row_id in ids if row_id in places]
        rest += [row_id for row_id in ids if row_id not in places]
        taken = sample.table.take(pa.array([places[row_id] for row_id in there], pa.int64()))
        columns = [_cast(_column(taken, field.name), field.type) for field in schema]
        yield there, pa.table(columns, schema=schema), True
    yield from _of_queue(store, monitor, set(rest), schema)


def _of_queue(
    store: Store, monitor: str, wanted: set[str], schema: pa.Schema
) -> Iterator[tuple[list[str], pa.Table, bool]]:
    """Of rows without a sample what their queue rows carry; nulls for the rest."""
    rows = store.queue.every(monitor, images=False) if wanted else ()
    found = [row for row in rows if row.row_id in wanted]
    for complete in (True, False):
        part = [row for row in found if (set(schema.names) <= set(row.data)) is complete]
        values = [[row.data.get(field.name) for row in part] for field in schema]
        columns = [_of_json(one, field.type) for one, field in zip(values, schema, strict=True)]
        yield [row.row_id for row in part], pa.table(columns, schema=schema), complete


def _column(rows: pa.Table, name: str) -> pa.Array:
    if name not in rows.column_names:
        return pa.nulls(rows.num_rows)
    column = rows.column(name).combine_chunks()
    dictionary = pa.types.is_dictionary(column.type)
    return column.cast(column.type.value_type) if dictionary else column


def _cast(values: pa.Array, type_: pa.DataType) -> pa.Array:
    try:
        return values.cast(type_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.nulls(len(values), type_)


def _of_json(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Values out of JSON, where times are texts; what does not fit the type is null."""
    try:
        return pa.array(values, type_)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        if len(values) > 1:
            return pa.concat_arrays([_of_json([value], type_) for value in values])
    return _cast(pa.array(values), type_) if isinstance(values[0], str) else pa.nulls(1, type_)


def _with_label(table: pa.Table, label: str, rows: Sequence[Labelled]) -> pa.Table:
    """The consensus in the label column, in the type that the reference has where it fits."""
    texts = pa.array([_text(row.label) for row in rows], pa.string())
    place = table.schema.get_field_index(label)
    if place < 0:
        return table.append_column(label, texts)
    wanted = table.schema.field(place).type
    try:
        values = pc.cast(texts, wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = texts
    return table.set_column(place, label, values)


def _text(value: Any) -> str:
    drawn = isinstance(value, list) and value and isinstance(value[0], Mapping)
    return json.dumps(value) if drawn else as_class(value)


def _with_facts(
    table: pa.Table, rows: Sequence[Labelled], weight: float, rebalancing: Mapping[str, float]
) -> pa.Table:
    """Weights, and where each label comes from."""
    times = pa.timestamp("us", tz="UTC")
    facts: list[tuple[str, list[Any], pa.DataType]] = [
        ("id", [row.row_id for row in rows], pa.string()),
        ("weight", [weight for _ in rows], pa.float64()),
        (
            "rebalancing_weight",
            [rebalancing.get(_text(row.label), 1.0) for row in rows],
            pa.float64(),
        ),
        ("inclusion_probability", [row.inclusion_probability for row in rows], pa.float64()),
        ("confidence", [row.confidence for row in rows], pa.float64()),
        ("agreement", [row.agreement for row in rows], pa.float64()),
        ("answers", [row.answers for row in rows], pa.int64()),
        ("source", [row.source for row in rows], pa.string()),
        ("annotators", [list(row.annotators) for row in rows], pa.list_(pa.string())),
        ("guidelines", [list(row.guidelines) for row in rows], pa.list_(pa.string())),
        ("reason", [row.reason for row in rows], pa.string()),
        ("window_start", [row.window.start for row in rows], times),
        ("window_end", [row.window.end for row in rows], times),
        ("prediction", [_said(row.prediction) for row in rows], pa.string()),
        ("prediction_score", [row.prediction_score for row in rows], pa.float64()),
        ("model_version", [row.model_version for row in rows], pa.string()),
        ("labelled_at", [row.labelled_at for row in rows], times),
    ]
    for name, values, type_ in facts:
        table = table.append_column(f"{ADDED}{name}", pa.array(values, type_))
    return table


def _said(prediction: Any) -> str | None:
    return None if prediction is None else _text(prediction)


def _weight(
    baseline: Baseline, table: pa.Table, rows: Sequence[Labelled], label: str
) -> TrainingWeight:
    """One weight for the drawn rows, by cross-validation with a stand-in for the model."""
    known = baseline.pooled.sample.table
    drawn = [place for place, row in enumerate(rows) if row.inclusion_probability is not None]
    pi = np.array([rows[place].inclusion_probability for place in drawn], dtype=float)
    nothing: tuple[Any, Any] = (np.empty((0, 0)), np.empty(0))
    if len(drawn) < FEWEST:
        few = (np.empty((len(drawn), 0)), np.empty(len(drawn)))
        return training_weight(_stand_in(), nothing, few, pi, rng=np.random.default_rng(0))
    if label not in known.column_names or any(row.type != "class" for row in rows):
        return training_weight(None, nothing, nothing, np.empty(0), rng=np.random.default_rng(0))
    old = known.filter(pc.is_valid(known.column(label))).slice(0, _FITTED_ON)
    classes = [as_class(value) for value in old.column(label).to_pylist()]
    space = FeatureSpace.fit(old, baseline.plan.columns) if old.num_rows else None
    if space is None or len(set(classes)) < 2 or not space.width:
        return training_weight(None, nothing, nothing, np.empty(0), rng=np.random.default_rng(0))
    new = comparable(features(table.take(drawn), space), features(old, space))
    chosen = training_weight(
        _stand_in(),
        (new.reference, np.array(classes)),
        (new.candidates, np.array([_text(rows[place].label) for place in drawn])),
        pi,
        rng=np.random.default_rng(0),
    )
    note = (_STAND_IN if chosen.losses else "") + chosen.note
    return TrainingWeight(chosen.weight, chosen.losses, note)


def _stand_in() -> LogisticRegression:
    return LogisticRegression(max_iter=200, tol=1e-3)


def _rebalancing(baseline: Baseline, rows: Sequence[Labelled], label: str) -> Mapping[str, float]:
    """Class -> weight that makes training set and labels together like production."""
    known = baseline.pooled.sample.table
    old: Counter[str] = Counter()
    if label in known.column_names:
        old.update(as_class(one) for one in known.column(label).to_pylist() if one is not None)
    drawn = [row for row in rows if row.inclusion_probability is not None and row.type == "class"]
    return rebalancing_weights(
        old,
        [_text(row.label) for row in rows if row.type == "class"],
        [(_text(row.label), row.inclusion_probability or 1.0) for row in drawn],
    )


def provenance_of(monitor: str, baseline: Baseline, method: str, at: datetime) -> dict[str, Any]:
    """What an export says about itself."""
    return {
        "monitor": monitor,
        "reference_version": baseline.version,
        "consensus": method,
        "exported_at": at.isoformat(),
    }
