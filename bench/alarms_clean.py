"""Years in which nothing happens: the mails that a monitor sends all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from bench.alarms_cells import Cell
from bench.alarms_rows import simulated
from bench.worlds import columns, simulate
from monitor.evidence import Reference, States, advance
from monitor.evidence.assessment import assess, calm
from monitor.evidence.calendar import Calendar
from monitor.evidence.types import Budget, Observation


@dataclass(frozen=True, slots=True)
class Told:
    """What `advance` needs of a verdict."""

    fired: bool
    calm: bool


@dataclass(slots=True)
class Monitor:
    """A reference and its states, run without building verdicts."""

    reference: Reference
    budget: Budget
    states: States = field(default_factory=States)

    def look(self, recent: Sequence[Observation], position: int) -> tuple[bool, list[str]]:
        """Whether a mail is sent in this window, and what it says has fired."""
        busy = bool(self.states.open_names)
        found = assess(
            self.reference, recent, position=position, budget=self.budget, only_due=not busy
        )
        fired = np.zeros(len(self.reference.judged), dtype=np.bool_)
        np.logical_or.at(fired, self.reference.contrasts.column, found.fired.any(axis=0))
        if not busy and not fired.any():
            return False, []
        still = calm(self.reference, found) if busy else fired & False
        names = [one.name for one in self.reference.judged]
        told = {
            name: Told(bool(one), bool(rest))
            for name, one, rest in zip(names, fired, still, strict=True)
        }
        change = advance(self.states, told, position)
        self.states = change.states
        return change.mail, [name for name, one in told.items() if one.fired]


def learned(cell: Cell, windows: Sequence[Observation], rng: np.random.Generator) -> Reference:
    """A reference whose design effects are known as well as 260 batches tell them."""
    made = columns(cell.columns)
    names = [one.series.name for one in made]

    def effects() -> dict[str, float]:
        error = rng.chisquare(260, len(names)) / 260
        return dict(zip(names, np.maximum(1, cell.world.design_effect * error), strict=True))

    return Reference.learn(
        [one.series for one in made],
        [],
        windows,
        design_effects=effects(),
        missing_design_effects=effects(),
    )


def clean_stretch(cell: Cell, seed: int) -> tuple[int, list[str]]:
    """Mails of one simulated stretch in which nothing happens, with what was behind them."""
    if cell.whole:
        from bench.alarms_whole import whole_stretch  # noqa: PLC0415 - it wants the whole product

        return whole_stretch(cell, seed)
    rng = np.random.default_rng([20240611, seed])
    if cell.through:
        reference, after = simulated(cell, rng)
    else:
        made = columns(cell.columns)
        windows, _ = simulate(cell.world, made, cell.reference + cell.windows, cell.rows, rng)
        windows = dated_windows(cell, windows)
        reference = learned(cell, windows[: cell.reference], rng)
        after = windows[cell.reference :]
    monitor = Monitor(reference, cell.budget)
    mails, names = 0, []
    step = cell.budget.step
    longest = max(cell.budget.scales) * step
    for end in range(step, len(after) + 1, step):
        mail, fired = monitor.look(after[max(0, end - longest) : end], end // step)
        mails += mail
        if mail:
            names += fired
    return mails, names


def dated_windows(cell: Cell, windows: list[Observation]) -> list[Observation]:
    """The windows with their hours and weekdays, where the cell's reference learns them."""
    if not cell.calendar:
        return windows
    places = cell.places()[: len(windows)]
    calendar = Calendar.covered_by(places[: cell.reference])
    rows = calendar.rows(places)
    return [
        replace(one, calendar=tuple(row.tolist())) for one, row in zip(windows, rows, strict=True)
    ]


def upper_bound(mails: npt.NDArray[np.int64], length: float) -> float:
    """One-sided upper 95 % bound of mails a year: Poisson, or by the scatter of stretches."""
    poisson = float(chi2.ppf(0.95, 2 * (mails.sum() + 1)) / 2 / len(mails))
    scatter = float(mails.mean() + 1.645 * mails.std(ddof=1) / len(mails) ** 0.5)
    return max(poisson, scatter) / length
