"""Windows until a change in one of 30 columns is mailed."""

from __future__ import annotations

import numpy as np

from bench.alarms_cells import AR8, CLUSTERED, HOURLY, IID, Cell
from bench.alarms_clean import learned
from bench.worlds import Change, columns, simulate
from monitor.evidence.assessment import assess

#: Windows before the change, so that long scales hold some of each: its place among those that
#: the longer scales are due at differs from year to year.
QUIET = 8


def weekly_changes() -> tuple[Change, ...]:
    """The planted changes; 000 is normal, 001 has five levels, 002 has 1 % missing."""
    return (
        Change("mean + 0.5 sd", "000", location=lambda _: 0.5),
        Change("mean + 0.25 sd", "000", location=lambda _: 0.25),
        Change("mean + 0.1 sd", "000", location=lambda _: 0.1),
        Change("variance x 1.3", "000", log_scale=float(np.log(1.3) / 2)),
        Change("new level at 2 %", "001", other=0.02),
        Change("nulls + 3 points", "002", missing=0.03),
        Change("5 % at one value", "000", at_one_value=0.05),
        Change("ramp to 0.5 sd in 8", "000", location=lambda t: 0.5 * min(1.0, t / 8)),
        Change("5 % into both tails", "000", both_tails=0.05),
    )


def hourly_changes() -> tuple[Change, ...]:
    """Shifts of the mean that hours find by days and weeks."""
    return tuple(
        Change(f"mean + {size} sd", "000", location=lambda _, size=size: size)  # type: ignore[misc]
        for size in (0.5, 0.25, 0.1)
    )


#: Cells with the medians that STATS part 1 wants; 0: none is named.
POWER: tuple[tuple[Cell, tuple[int, ...]], ...] = (
    (Cell(IID), (1, 1, 2, 1, 1, 1, 1, 2, 0)),
    (Cell(CLUSTERED, reference=26), (1, 1, 7, 3, 1, 1, 2, 3, 0)),
    (Cell(CLUSTERED), (0,) * 9),
    (Cell(AR8, reference=336, rows=500, budget=HOURLY, windows=500), (1, 13, 158)),
)


def changes_of(cell: Cell) -> tuple[Change, ...]:
    """What is planted into a cell."""
    return hourly_changes() if cell.budget == HOURLY else weekly_changes()


def delays(cell: Cell, seed: int) -> list[int]:
    """Windows until each planted column fires; one more than there are windows if it never does."""
    rng = np.random.default_rng([77, seed])
    every = changes_of(cell)
    quiet, longest = QUIET + seed % 4, max(cell.budget.scales)
    start = cell.reference + quiet
    _, altered = simulate(
        cell.world,
        columns(cell.columns),
        start + cell.windows,
        cell.rows,
        rng,
        changes=every,
        start=start,
    )
    reference = learned(cell, altered[0][: cell.reference], rng)
    result = []
    for change, windows in zip(every, altered, strict=True):
        after = windows[cell.reference :]
        result.append(cell.windows + 1)
        column = [one.name for one in reference.judged].index(change.column)
        for position in range(quiet + 1, len(after) + 1):
            found = assess(
                reference,
                after[max(0, position - longest) : position],
                position=position,
                budget=cell.budget,
                only_due=True,
            )
            if found.fired[:, reference.contrasts.column == column].any():
                result[-1] = position - quiet
                break
    return result
