"""Learning a plan from a sample of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitor.core.arrow import array_of, filled, values_of
from monitor.core.columns import Column, Kind, Roles
from monitor.profiles import text
from monitor.profiles.casting import numbers_of, plain, to_text, type_name
from monitor.profiles.chunks import simple, whole
from monitor.profiles.codebook import Codebook, learn_codebook
from monitor.profiles.embedding import MAX_NEIGHBOURS, Encoder, fit_encoder, vectors_of
from monitor.profiles.hashing import fitting_half
from monitor.profiles.infer import most_distinct
from monitor.profiles.levels import Levels, encode_levels
from monitor.profiles.plan import CellPlan, Plan, Task
from monitor.profiles.rules import Rule
from monitor.profiles.sample import key_hashes

CODEBOOK_ROWS = 100_000
MAX_FREQUENT = 12
LEAST_FREQUENT = 0.01
KEY_COLUMNS = 4
_POSITIVE = ("1", "true", "yes", "positive", "pos", "y", "t")


def learn(
    sample: pa.Table,
    columns: Sequence[Column],
    roles: Roles,
    *,
    rules: Sequence[Rule] = (),
    sample_size: int = 10_000,
    seed: int = 0,
    encoder_rows: pa.Table | None = None,
) -> Plan:
    """The plan that a reference fixes.

    Parameters
    ----------
    sample : pa.Table
        Rows spread over the reference, about 100,000; more are thinned.
    columns : sequence of Column
        From `infer_columns`.
    encoder_rows : pa.Table, optional
        Rows of the reference to fit encoders on instead of `sample`. Of either only the fitting
        half by key hash is used (see `hashing.fitting_half`); profile the reference with
        `Profiler(plan, half=True)`, which leaves that half out.
    """
    draft = _Draft(sample, tuple(columns), roles, seed)
    draft.physical()
    draft.texts()
    draft.embeddings(sample if encoder_rows is None else encoder_rows)
    return Plan(
        columns=draft.columns,
        derived=tuple(draft.derived),
        features=draft.features,
        roles=roles,
        key=draft.bare.key,
        codebooks=draft.codebooks,
        frequent=draft.frequent,
        encoders=draft.encoders,
        rules=tuple(rules),
        cells=_cells(sample, {column.name: column for column in columns}, roles),
        types=draft.bare.types,
        sample_size=sample_size,
        seed=seed,
    )


@dataclass
class _Draft:
    """What has been learnt so far."""

    sample: pa.Table
    columns: tuple[Column, ...]
    roles: Roles
    seed: int
    derived: list[Column] = field(default_factory=list)
    features: dict[str, str] = field(default_factory=dict)
    codebooks: dict[str, Codebook] = field(default_factory=dict)
    frequent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    encoders: dict[str, Encoder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = (
            (self.roles.id,)
            if self.roles.id is not None
            else most_distinct(self.sample, self.columns, KEY_COLUMNS)
        )
        kinds = {f.name: type_name(f.type) for f in self.sample.schema}
        self.bare = Plan(
            columns=self.columns, derived=(), features={}, roles=self.roles, key=key,
            codebooks={}, frequent={}, encoders={}, rules=(), cells=CellPlan(), types=kinds,
        )  # fmt: skip

    def _values(self, kind: str) -> Iterator[tuple[Column, pa.Array]]:
        for column in self.columns:
            if column.kind == kind and column.role not in {"ignored", "id"}:
                yield column, self._array(column.name)

    def _array(self, name: str) -> pa.Array:
        if name not in self.sample.column_names:
            return pa.nulls(0)
        return whole(_thinned(self.sample.column(name)))

    def physical(self) -> None:
        """Codebooks and frequent levels of the physical columns."""
        for kind in ("numeric", "datetime"):
            for column, array in self._values(kind):
                numbers, _ = numbers_of(array, column.kind)
                self.codebooks[column.name] = _codebook(numbers, times=kind == "datetime")
        for kind in ("categorical", "boolean"):
            for column, array in self._values(kind):
                self.frequent[column.name] = _frequent(encode_levels(array))

    def texts(self) -> None:
        """Columns derived from texts."""
        for column, array in self._values("text"):
            texts = to_text(array)
            length, pattern = (self._derive(column, feature) for feature in text.FEATURES)
            self.codebooks[length] = _codebook(text.lengths(texts))
            self.frequent[pattern] = _frequent(text.patterns(texts))

    def embeddings(self, rows: pa.Table) -> None:
        """Encoders, and the columns derived from embeddings."""
        for column, array in self._values("embedding"):
            dimensions = _dimensions(plain(array))
            if dimensions == 0 or column.name not in rows.column_names:
                continue
            fitting, _ = self._halves(rows, column.name, dimensions)
            _, held = self._halves(self.sample, column.name, dimensions)
            encoder = fit_encoder(fitting, seed=self.seed)
            if encoder is not None:
                self.encoders[column.name] = encoder
                self._encoded(column, encoder, held if len(held) else fitting)

    def _encoded(self, column: Column, encoder: Encoder, held: npt.NDArray[np.float64]) -> None:
        numbers, clusters = encoder.encode(held)
        for at, feature in enumerate(encoder.numeric_features):
            self.codebooks[self._derive(column, feature)] = learn_codebook(numbers[:, at])
        cluster = self._derive(column, "cluster")
        shares = np.bincount(clusters, minlength=1) / max(len(clusters), 1)
        order = np.argsort(-shares, kind="stable")[:MAX_FREQUENT]
        self.frequent[cluster] = tuple(str(at) for at in order if shares[at] >= LEAST_FREQUENT)
        novelty = encoder.novelty(held[:MAX_NEIGHBOURS])
        self.codebooks[self._derive(column, "novelty")] = learn_codebook(novelty)

    def _halves(
        self, rows: pa.Table, name: str, dimensions: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Vectors of the fitting half and of the held-out half."""
        vectors, missing = vectors_of(plain(whole(rows.column(name))), dimensions)
        fitting = fitting_half(key_hashes(rows, self.bare))[~missing]
        return vectors[fitting], vectors[~fitting]

    def _derive(self, parent: Column, feature: str) -> str:
        """Name of a new derived column; one that is taken gets a number."""
        taken = {column.name for column in (*self.columns, *self.derived)}
        name, number = f"{parent.name}.{feature}", 1
        while name in taken:
            number += 1
            name = f"{parent.name}.{feature}~{number}"
        kind: Kind = "categorical" if feature in {"pattern", "cluster"} else "numeric"
        role = "feature" if parent.role in {"id", "timestamp"} else parent.role
        self.derived.append(Column(name, kind, role, parent=parent.name))
        self.features[name] = feature
        return name


def _thinned(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if len(column) <= CODEBOOK_ROWS:
        return column
    at = np.linspace(0, len(column) - 1, CODEBOOK_ROWS).astype(np.int64)
    return simple(column).take(array_of(at))


def _codebook(numbers: pa.Array, *, times: bool = False) -> Codebook:
    values = numbers.drop_null()
    return learn_codebook(values_of(values), times=times)


def _frequent(levels: Levels) -> tuple[str, ...]:
    counts = np.bincount(levels.positions, minlength=len(levels.values) + 1)[:-1]
    order = np.argsort(-counts, kind="stable")[:MAX_FREQUENT]
    present = len(levels.positions) - levels.nulls
    kept = order[counts[order] >= max(1.0, LEAST_FREQUENT * present)]
    return tuple(levels.names(kept)) if len(kept) else ()


def _dimensions(array: pa.Array) -> int:
    """The commonest length of the lists; 0 when there is none."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size)
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return 0
    lengths = values_of(pc.list_value_length(array).drop_null())
    return int(np.bincount(lengths).argmax()) if len(lengths) and lengths.max() > 1 else 0


def _cells(sample: pa.Table, columns: dict[str, Column], roles: Roles) -> CellPlan:
    names = {key: getattr(roles, key) for key in ("label", "prediction")}
    kinds = {columns[name].kind for name in names.values() if name in columns}
    task: Task = "none"
    if kinds & {"categorical", "boolean"}:
        task = "classification"
    elif kinds == {"numeric"} and None not in names.values():
        task = "regression"
    levels = {
        key: _level_names(sample, name)
        for key, name in names.items()
        if name in columns and columns[name].kind in {"categorical", "boolean"}
    }
    segments = [name for name in roles.segments if name in columns]
    return CellPlan(
        task=task,
        segmentations=((), *((name,) for name in segments), *combinations(segments, 2)),
        classes=_classes(sample, columns, roles, levels) if roles.scores else (),
        digits=_mixed(list(levels.values())),
    )


def _level_names(sample: pa.Table, name: str) -> list[str]:
    if name not in sample.column_names:
        return []
    levels = encode_levels(whole(sample.column(name)))
    seen = np.bincount(levels.positions, minlength=len(levels.values) + 1)[:-1] > 0
    return sorted(levels.names(np.flatnonzero(seen)))


def _mixed(sides: list[list[str]]) -> bool:
    """One side says true/false, the other 1/0."""
    words = [bool(side) and set(side) <= {"true", "false"} for side in sides]
    digits = [bool(side) and set(side) <= {"1", "0"} for side in sides]
    return any(words) and any(digits)


def _classes(
    sample: pa.Table, columns: dict[str, Column], roles: Roles, levels: dict[str, list[str]]
) -> tuple[tuple[str, str], ...]:
    """(score column, class that it scores), in the order of the scores."""
    scores = [name for name in roles.scores if name in columns]
    known = sorted({name for side in levels.values() for name in side})
    if _mixed(list(levels.values())):
        known = ["0", "1"]
    if len(scores) == 1:
        return ((scores[0], _positive(sample, scores[0], roles, known)),)
    named = {
        score: next((c for c in sorted(known, key=len, reverse=True) if _ends(score, c)), None)
        for score in scores
    }
    if None not in named.values() and len(set(named.values())) == len(scores):
        return tuple((score, str(named[score])) for score in scores)
    if len(known) == len(scores):
        return tuple(zip(scores, known, strict=True))
    return tuple((score, score) for score in scores)


def _ends(score: str, level: str) -> bool:
    return score == level or any(score.endswith(f"{mark}{level}") for mark in "_.- :/=")


def _positive(sample: pa.Table, score: str, roles: Roles, known: list[str]) -> str:
    """The class of a binary model's score: a customary name, else the one that scores higher."""
    for name in known:
        if name.lower() in _POSITIVE:
            return name
    outcome = roles.label or roles.prediction
    if len(known) != 2 or outcome not in sample.column_names or score not in sample.column_names:
        return known[-1] if known else "1"
    levels = encode_levels(whole(sample.column(outcome)))
    numbers, _ = numbers_of(whole(sample.column(score)), "numeric")
    values = filled(numbers.cast(pa.float64()), np.nan)
    names = [*levels.names(), ""]
    means = {
        name: float(np.nanmean(values[levels.positions == at]))
        for at, name in enumerate(names)
        if name in known and np.isfinite(values[levels.positions == at]).any()
    }
    return max(sorted(means), key=lambda name: means[name]) if means else known[-1]
