"""The relabel queue of a window: one probability sample, and what people asked for on top."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from monitor.curation.density import DensityRatio, density_ratio
from monitor.curation.draw import inclusion_probabilities, spread, systematic
from monitor.curation.matrix import Matrices, comparable
from monitor.curation.reasons import Reasons
from monitor.curation.rows import (
    Asked,
    Candidates,
    FloatArray,
    IntArray,
    QueueRow,
    ReferenceRows,
    Selection,
)
from monitor.curation.units import Units, copies

#: Training weight until answers are back; see `weights.training_weight`.
WEIGHT = 1.0
_ASKED_TEXT = {
    "similar": "A person asked for rows like this one.",
    "disagreement": "Annotators disagree about this row.",
}


@dataclass(frozen=True)
class Plan:
    """The design of a draw. No chance is in it: the same rows give the same plan."""

    pool: IntArray  #: (n,) candidates that may be drawn, in the order of their ids
    matrices: Matrices
    units: Units
    density: DensityRatio  #: over the units
    sizes: FloatArray  #: (n_units,)
    probabilities: FloatArray  #: (n_units,), Σ = min(budget, n_units)
    trust: float  #: a, how much of the size is drift; 0 is a quiet window
    excess: FloatArray  #: (n_units,) e² / mean(e²)

    @property
    def row_probabilities(self) -> FloatArray:
        """Probability that a row of the pool is drawn from the candidates, (n,)."""
        unit = self.units.of_row
        share: FloatArray = self.probabilities[unit] / self.units.sizes[unit]
        return share


def plan(
    candidates: Candidates,
    reference: ReferenceRows,
    *,
    budget: int,
    exclude: AbstractSet[Hashable] = frozenset(),
    floor: float = 0.2,
) -> Plan:
    """Sizes and inclusion probabilities of the units, before anything is drawn.

    s = (1 − a + a e²/mean(e²)) √(m/c) for a unit of m copies among c units that are nearly
    copies of each other, a = (1 − floor) · trust: as a group of m copies counts √m and not m
    times, so does a crowd. A unit whose rows alone would make it certain in a random sample
    (m k/n >= 1) is drawn in any case: left to chance, one burst would decide what the labels say
    about the whole window.

    Raises
    ------
    ValueError
        When `floor` is not in (0, 1].
    """
    if not 0 < floor <= 1:
        msg = f"the floor must lie in (0, 1], not {floor}"
        raise ValueError(msg)
    pool = _pool(candidates.ids, exclude)
    matrices = comparable(candidates.features[pool], reference.features)
    units = copies(matrices.candidates, matrices.reference, apart=matrices.blank)
    density = density_ratio(matrices.candidates[units.heads], matrices.reference)
    squares = density.unexplained**2
    mean = float(squares.mean()) if len(squares) else 0.0
    trust = (1 - floor) * density.trust if mean > 0 else 0.0
    excess = squares / mean if mean > 0 else np.zeros_like(squares)
    sizes = (1 - trust + trust * excess) * np.sqrt(units.sizes / units.crowds)
    bursts = (units.sizes > 1) & (units.sizes * max(budget, 0) >= len(pool))
    probabilities = inclusion_probabilities(sizes, max(budget, 0), certain=bursts)
    return Plan(pool, matrices, units, density, sizes, probabilities, trust, excess)


def select(
    candidates: Candidates,
    reference: ReferenceRows,
    *,
    budget: int,
    rng: np.random.Generator,
    exclude: AbstractSet[Hashable] = frozenset(),
    floor: float = 0.2,
    asked_for: Sequence[Asked | Hashable] = (),
    asked_limit: int | None = None,
) -> Selection:
    """Rows whose labels both mend the model and measure it (STATS.md part 4).

    Parameters
    ----------
    candidates : Candidates
        A uniform sample of the window.
    reference : ReferenceRows
        The training set; may be empty, then the sample is spread over the candidates.
    budget : int
        k, rows of the sample. Fewer come back only where there are fewer units of copies.
    rng : numpy.random.Generator
        The same state and rows give the same queue, whatever the order of the rows.
    exclude : set of ids
        Rows that are queued or labelled already.
    floor : float, default 0.2
        The part of the budget that is spread over all rows even when everything has drifted.
    asked_for : sequence of `Asked` or ids
        Rows on top of the budget, set aside before the draw; they come first in the push, and
        have no inclusion probability. Estimates from the others speak about the other rows.
    asked_limit : int, optional
        The most rows asked for that are taken, first come first served.

    Returns
    -------
    Selection
        Its rows in push order: those asked for, then the sample in random order, so that its first
        j rows are a sample too.
    """
    asked = _asked(asked_for, exclude, asked_limit)
    set_aside = exclude | {row.id for row in asked}
    design = plan(candidates, reference, budget=budget, exclude=set_aside, floor=floor)
    drawn = draw_rows(design, rng) if budget > 0 else np.empty(0, dtype=np.intp)
    queued = _queued(design, candidates, reference, drawn, first=len(asked))
    expected = candidates.expected
    return Selection(
        rows=(*asked, *queued),
        candidates=len(design.pool),
        size_mean=_mean(design.sizes[design.units.of_row]),
        expected_mean=None if expected is None else _mean(expected[design.pool]),
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _queued(
    design: Plan, candidates: Candidates, reference: ReferenceRows, drawn: IntArray, *, first: int
) -> Iterator[QueueRow]:
    """Drawn rows with their reasons and probabilities, numbered from `first`."""
    reasons = _reasons(design, candidates, reference)
    uniform = min(1.0, len(candidates.ids) / max(candidates.population, 1))
    for order, row in enumerate(drawn, start=first):
        unit = design.units.of_row[row]
        reason, text = reasons.of(int(row), int(design.units.sizes[unit]))
        yield QueueRow(
            id=candidates.ids[design.pool[row]],
            reason=reason,
            reason_text=text,
            score=float(design.sizes[unit]),
            inclusion_probability=float(design.row_probabilities[row] * uniform),
            weight=WEIGHT,
            order=order,
            copies=int(design.units.sizes[unit]),
        )


def _pool(ids: Sequence[Hashable], exclude: AbstractSet[Hashable]) -> IntArray:
    """First row of each id that is free, in the order of the ids."""
    first: dict[Hashable, int] = {}
    for row, key in enumerate(ids):
        if key not in exclude:
            first.setdefault(key, row)
    ordered = sorted(first, key=_sorting_key)
    return np.array([first[key] for key in ordered], dtype=np.intp)


def _sorting_key(key: Hashable) -> tuple[str, float, str]:
    """Numbers by value, all else by its text; never a comparison that Python refuses."""
    if isinstance(key, int | float):
        return "", key, ""
    return type(key).__name__, 0.0, str(key)


def draw_rows(design: Plan, rng: np.random.Generator) -> IntArray:
    """Draw rows of the pool, one for each drawn unit, in random order."""
    heads = design.matrices.candidates[design.units.heads]
    order = spread(heads, design.probabilities, rng)
    units = systematic(design.probabilities, order, rng)
    rows = [int(rng.choice(design.units.members(int(unit)))) for unit in units]
    return rng.permutation(np.array(rows, dtype=np.intp))


def _reasons(design: Plan, candidates: Candidates, reference: ReferenceRows) -> Reasons:
    per_row = DensityRatio(
        log_ratio=design.density.log_ratio[design.units.of_row],
        auc=design.density.auc,
        z=design.density.z,
        coefficients=design.density.coefficients,
        centre=design.density.centre,
    )
    drift = design.trust * design.excess
    mostly = drift > (1 - design.trust + drift) / 2
    return Reasons(
        candidates, reference, design.pool, design.matrices, per_row, mostly[design.units.of_row]
    )


def _asked(
    asked_for: Sequence[Asked | Hashable], exclude: AbstractSet[Hashable], limit: int | None
) -> list[QueueRow]:
    wanted: dict[Hashable, Asked] = {}
    for one in asked_for:
        asked = one if isinstance(one, Asked) else Asked(one)
        if asked.id not in exclude:
            wanted.setdefault(asked.id, asked)
    return [
        QueueRow(
            id=asked.id,
            reason=asked.reason,
            reason_text=asked.note or _ASKED_TEXT[asked.reason],
            score=asked.score,
            inclusion_probability=None,
            weight=WEIGHT,
            order=order,
        )
        for order, asked in enumerate(list(wanted.values())[:limit])
    ]
