"""Why a row was drawn, in a word and in a sentence. Reasons describe; they do not select."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.neighbors import NearestNeighbors

from monitor.curation.cells import Cell, cells_of, count_cells, lacking, shown
from monitor.curation.density import DensityRatio
from monitor.curation.matrix import Matrices
from monitor.curation.rows import BoolArray, Candidates, FloatArray, IntArray, Reason, ReferenceRows

NEIGHBOUR, NOVEL_QUANTILE = 5, 0.99
MAX_REFERENCE, MAX_QUERIES = 4_000, 1_000
#: Two best classes nearer than this are a toss-up for the model.
AMBIGUOUS_MARGIN = 0.2
_NAMED_COLUMNS = 2


@dataclass(frozen=True)
class Reasons:
    """Answers "why this row" for the rows of one draw."""

    candidates: Candidates
    reference: ReferenceRows
    pool: IntArray  #: rows of `matrices.candidates` within the candidates
    matrices: Matrices
    density: DensityRatio  #: over the rows of `matrices.candidates`
    drifted: BoolArray  #: most of the row's size is drift

    def of(self, row: int, unit_size: int) -> tuple[Reason, str]:
        """Reason and sentence for one row of the pool."""
        reason, text = self._first(row)
        if unit_size > 1:
            text += f" It stands for {unit_size} rows that are copies of each other."
        return reason, text

    def _first(self, row: int) -> tuple[Reason, str]:
        if self.drifted[row]:
            return self._novel(row) or ("drifted", self._drifted_text(row))
        return self._ambiguous(row) or self._underrepresented(row) or self._random()

    def _drifted_text(self, row: int) -> str:
        ratio = float(np.exp(self.density.log_ratio[row]))
        return (
            f"Rows like this are {ratio:.1f} times as frequent in this window as in the "
            f"training set{self._columns_behind(row)}."
        )

    def _columns_behind(self, row: int) -> str:
        names = self.candidates.names
        if not names:
            return ""
        parts = self.density.contributions(self.matrices.candidates[row])
        sums: dict[str, float] = {}
        for source, part in zip(self.matrices.source, parts, strict=True):
            sums[names[source]] = sums.get(names[source], 0.0) + float(part)
        ranked = sorted((name for name in sums if sums[name] > 0), key=lambda name: -sums[name])
        behind = " and ".join(shown(name) for name in ranked[:_NAMED_COLUMNS])
        return f", mostly for their {behind}" if behind and len(sums) > 1 else ""

    def _novel(self, row: int) -> tuple[Reason, str] | None:
        if self._neighbours is None:
            return None
        limit = self._neighbours[1]
        distance = float(self._distances[row])
        if distance <= limit:
            return None
        ratio = float(np.exp(self.density.log_ratio[row]))
        return "novel", (
            f"Farther from the training set than {NOVEL_QUANTILE:.0%} of its own rows "
            f"(distance {distance:.2f}, their mark is {limit:.2f}), and {ratio:.1f} times as "
            f"frequent in this window{self._columns_behind(row)}."
        )

    @cached_property
    def _distances(self) -> FloatArray:
        """Distance of each drifted row to its neighbours in the reference, in one search."""
        distances = np.zeros(len(self.drifted))
        if self._neighbours is not None and self.drifted.any():
            rows = self.matrices.candidates[self.drifted]
            distances[self.drifted] = self._neighbours[0].kneighbors(rows)[0][:, -1]
        return distances

    @cached_property
    def _neighbours(self) -> tuple[NearestNeighbors, float] | None:
        """Search over the reference, and the 99 % mark of its rows' own distances."""
        reference = self.matrices.reference
        reference = reference[:: -(-len(reference) // MAX_REFERENCE) or 1]
        if len(reference) <= NEIGHBOUR or reference.shape[1] == 0:
            return None
        search = NearestNeighbors(n_neighbors=NEIGHBOUR).fit(reference)
        queries = reference[:: -(-len(reference) // MAX_QUERIES)]
        own: FloatArray = search.kneighbors(queries, n_neighbors=NEIGHBOUR + 1)[0][:, -1]
        return search, float(np.quantile(own, NOVEL_QUANTILE))

    def _ambiguous(self, row: int) -> tuple[Reason, str] | None:
        scores = self.candidates.scores
        best = None if scores is None else two_best(scores[self.pool[row]])
        if best is None or best[0] - best[1] >= AMBIGUOUS_MARGIN:
            return None
        return "ambiguous", (
            f"The model hesitates: its two best classes have {best[0]:.2f} and {best[1]:.2f}, "
            f"a margin of {best[0] - best[1]:.2f}."
        )

    def _underrepresented(self, row: int) -> tuple[Reason, str] | None:
        window, training = self._counts
        total, trained = len(self.candidates.ids), len(self.reference.features)
        cells = cells_of(int(self.pool[row]), self._classes, self._segments)
        lacks = [
            cell for cell in cells if lacking(window[cell], total, training.get(cell, 0.0), trained)
        ]
        if not lacks:
            return None
        worst = max(lacks, key=lambda cell: window[cell] / (training.get(cell, 0.0) + 0.5))
        return "underrepresented", (
            f"{worst} makes up {_percent(window[worst] / total)} of this window and "
            f"{_percent(training.get(worst, 0.0) / trained)} of the training set."
        )

    @property
    def _classes(self) -> tuple[object, ...] | None:
        return self.candidates.predictions if self.reference.classes is not None else None

    @cached_property
    def _segments(self) -> dict[str, tuple[str, ...]]:
        shared = set(self.candidates.segments) & set(self.reference.segments)
        return {name: tuple(self.candidates.segments[name]) for name in sorted(shared)}

    @cached_property
    def _counts(self) -> tuple[dict[Cell, float], dict[Cell, float]]:
        trained = {name: self.reference.segments[name] for name in self._segments}
        return (
            count_cells(len(self.candidates.ids), self._classes, self._segments),
            count_cells(len(self.reference.features), self.reference.classes, trained),
        )

    def _random(self) -> tuple[Reason, str]:
        return "random", (
            f"Drawn by chance, as one of {len(self.candidates.ids)} rows that represent the "
            f"{self.candidates.population} of this window."
        )


def two_best(scores: FloatArray) -> tuple[float, float] | None:
    """The two largest probabilities of a row; one score p of a binary model means (p, 1 − p)."""
    if not np.isfinite(scores).all():
        return None
    if len(scores) == 1:
        scores = np.array([scores[0], 1 - scores[0]])
    first, second = np.sort(scores)[::-1][:2]
    return float(first), float(second)


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0 else "less than 0.1%"
