"""Whether what was trained on, and what goes to annotation, is like production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from monitor.curation.cells import Cell, lacking, share_interval

Counts = Mapping[Cell, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShare:
    """One cell in the three populations; shares are of all rows of each."""

    cell: Cell
    training: float
    production: float
    production_interval: tuple[float, float]  #: 95 %, Wilson
    queue: float | None  #: None where nothing is queued
    training_lacks: bool
    queue_lacks: bool


@dataclass(frozen=True)
class Representativeness:
    """Cells of the three populations, those that the training set lacks most first."""

    cells: tuple[CellShare, ...]
    training_rows: float
    production_rows: float
    queue_rows: float

    @property
    def training_lacks(self) -> tuple[CellShare, ...]:
        """Cells that production has and the training set has too little of."""
        return tuple(cell for cell in self.cells if cell.training_lacks)

    @property
    def queue_lacks(self) -> tuple[CellShare, ...]:
        """Cells that production has and the queue has too little of."""
        return tuple(cell for cell in self.cells if cell.queue_lacks)

    def distance(
        self, segment: str | None = None, *, of: Literal["training", "queue"] = "training"
    ) -> float:
        """Share of rows that would have to move for a segment (None: the classes) to be alike.

        Total variation distance between production and `of` ("training" or "queue"), 0 … 1.
        """
        chosen = [
            share
            for share in self.cells
            if share.cell.segment == segment and (segment is None) != (share.cell.label is None)
        ]
        shares = [one.training if of == "training" else one.queue or 0.0 for one in chosen]
        moved = zip(shares, chosen, strict=True)
        return sum(abs(share - one.production) for share, one in moved) / 2


def representativeness(
    training: Counts,
    production: Counts,
    queue: Counts | None = None,
    *,
    rows: tuple[float, float, float],
) -> Representativeness:
    """Compare the training set and the queue with production, cell by cell.

    A cell is lacking where production has it at least twice as often and the 95 % intervals of
    the two shares do not meet. A queue that lacks nothing is not a queue like production: it is
    drawn with known probabilities that favour what the training set lacks.

    Parameters
    ----------
    training, production, queue : mapping of `cells.Cell` to rows
        As from `cells.count_cells`, or from the co-counts of a profile.
    rows : (training, production, queue)
        Rows of each population; a row lies in several cells, so cells do not add up to it.
    """
    in_training, in_production, in_queue = rows
    queued = queue or {}
    shares = [
        CellShare(
            cell=cell,
            training=_share(training.get(cell, 0.0), in_training),
            production=_share(production.get(cell, 0.0), in_production),
            production_interval=share_interval(production.get(cell, 0.0), in_production),
            queue=_share(queued.get(cell, 0.0), in_queue) if in_queue else None,
            training_lacks=lacking(
                production.get(cell, 0.0), in_production, training.get(cell, 0.0), in_training
            ),
            queue_lacks=lacking(
                production.get(cell, 0.0), in_production, queued.get(cell, 0.0), in_queue
            ),
        )
        for cell in {**training, **production, **queued}
    ]
    shares.sort(
        key=lambda one: (not one.training_lacks, one.training - one.production, str(one.cell))
    )
    return Representativeness(tuple(shares), in_training, in_production, in_queue)


def _share(count: float, total: float) -> float:
    return count / total if total else 0.0
