"""False mails a year in worlds where nothing happens, and windows until a real change is mailed.

    OMP_NUM_THREADS=1 python -m bench.alarms --quick
    OMP_NUM_THREADS=1 python -m bench.alarms --years 200 --jobs 2

Prints two tables: clean years (30 columns, reference of 13 weeks, 2,000 rows unless the line says
otherwise), and power.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from bench.worlds import Change, World, columns, simulate
from monitor.evidence import Reference, States, advance
from monitor.evidence.assessment import assess, calm
from monitor.evidence.types import Budget, Observation

WEEKLY = Budget()
DAILY = Budget(windows_per_year=365.25, scales=(1, 2, 7, 28))
HOURLY = Budget(windows_per_year=8766, scales=(1, 4, 24, 168))
BY_DAYS = Budget(step=7)

IID = World("iid")
CLUSTERED = World("clustered (design effect 3, tau 0.02)", tau=0.02, design_effect=3)
WANDERING = World("tau 0.05", tau=0.05)
AR5 = World("tau 0.05, AR 0.5", tau=0.05, phi=0.5)
AR8 = World("tau 0.05, AR 0.8", tau=0.05, phi=0.8)
COMMON = World("tau 0.05, common factor", tau=0.05, common=0.5)
MIXED = World("mixed: half tau 0.05 AR 0.8", tau=0.05, phi=0.8, half=True)
UNEQUAL = World("tau 0.005-0.3 by column", unequal=True)
ROWS = World("unequal rows, tau 0.02", tau=0.02, design_effect=2, rows_spread=0.6)


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table of clean years."""

    world: World
    reference: int = 13
    rows: int = 2000
    columns: int = 30
    budget: Budget = WEEKLY
    windows: int = 52  #: how long a simulated stretch is, in observations
    main: bool = True

    @property
    def title(self) -> str:
        days = f" in {self.budget.step} parts" if self.budget.step > 1 else ""
        sizes = f"H {self.reference} | {self.rows} rows{days} | {self.columns} columns"
        return f"{self.world.name} | {sizes}"

    @property
    def years(self) -> float:
        """Length of a simulated stretch."""
        return self.windows / self.budget.step / self.budget.windows_per_year


CELLS = [
    *(Cell(one) for one in (IID, CLUSTERED, WANDERING, AR5, AR8, COMMON, MIXED, UNEQUAL, ROWS)),
    Cell(UNEQUAL, reference=52),
    Cell(CLUSTERED, reference=6),
    Cell(AR8, reference=6),
    Cell(AR8, reference=56, rows=286, budget=BY_DAYS, windows=364),
    Cell(CLUSTERED, reference=56, rows=286, budget=BY_DAYS, windows=364, main=False),
    Cell(CLUSTERED, rows=500, main=False),
    Cell(CLUSTERED, rows=20_000, main=False),
    Cell(UNEQUAL, rows=200_000, main=False),
    Cell(CLUSTERED, reference=26, main=False),
    Cell(CLUSTERED, columns=300, main=False),
    Cell(AR5, reference=56, budget=DAILY, windows=365, main=False),
    Cell(AR8, reference=336, rows=500, budget=HOURLY, windows=1461, main=False),
]


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


def learn(cell: Cell, windows: Sequence[Observation], rng: np.random.Generator) -> Reference:
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


def clean_years(cell: Cell, seed: int) -> tuple[int, list[str]]:
    """Mails of one simulated stretch in which nothing happens, with what was behind them."""
    rng = np.random.default_rng([20240611, seed])
    made = columns(cell.columns)
    windows, _ = simulate(cell.world, made, cell.reference + cell.windows, cell.rows, rng)
    monitor = Monitor(learn(cell, windows[: cell.reference], rng), cell.budget)
    mails, names = 0, []
    step = cell.budget.step
    longest = max(cell.budget.scales) * step
    after = windows[cell.reference :]
    for end in range(step, len(after) + 1, step):
        mail, fired = monitor.look(after[max(0, end - longest) : end], end // step)
        mails += mail
        if mail:
            names += fired
    return mails, names


def clean_table(cells: Sequence[Cell], years: int, run: Callable[..., object], seed: int) -> None:
    print(f"{'clean years':72} years  mails/year  upper 95 %   s")
    for cell in cells:
        length = cell.years
        stretches = max(2, round(years / length)) if cell.main or years > 60 else max(2, years // 4)
        started = time.perf_counter()
        results = list(run(partial(clean_years, cell), range(seed, seed + stretches)))  # type: ignore[call-overload]
        mails = np.array([one for one, _ in results])
        mean, upper = mails.sum() / (stretches * length), bound(mails, length)
        names = sorted({name for _, some in results for name in some})
        print(
            f"{cell.title:72} {stretches * length:5.0f}  {mean:10.2f}  {upper:10.2f} "
            f"{time.perf_counter() - started:5.0f}  {' '.join(names[:6])}",
            flush=True,
        )


def bound(mails: npt.NDArray[np.int64], length: float) -> float:
    """One-sided upper 95 % bound of mails a year: Poisson, or by the scatter of years."""
    poisson = float(chi2.ppf(0.95, 2 * (mails.sum() + 1)) / 2 / len(mails))
    scatter = float(mails.mean() + 1.645 * mails.std(ddof=1) / len(mails) ** 0.5)
    return max(poisson, scatter) / length


def changes() -> tuple[Change, ...]:
    """The planted changes; 000 is normal, 001 has five levels, 002 has 1 % missing."""
    return (
        Change("mean + 0.25 sd", "000", location=lambda _: 0.25),
        Change("mean + 0.1 sd", "000", location=lambda _: 0.1),
        Change("variance x 1.3", "000", log_scale=float(np.log(1.3) / 2)),
        Change("new level at 2 %", "001", other=0.02),
        Change("nulls + 3 points", "002", missing=0.03),
        Change("5 % at one value", "000", at_one_value=0.05),
        Change("ramp to 0.5 sd in 8", "000", location=lambda t: 0.5 * min(1.0, t / 8)),
        Change("5 % into both tails", "000", both_tails=0.05),
    )


def delays(cell: Cell, seed: int) -> list[int]:
    """Windows until each planted column fires, after 8 quiet windows; a large number if never."""
    rng = np.random.default_rng([77, seed])
    every = changes()
    quiet, longest = 8, max(cell.budget.scales)
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
    reference = learn(cell, altered[0][: cell.reference], rng)
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


POWER = [
    (Cell(IID), (1, 2, 1, 1, 1, 1, 2, 0)),
    (Cell(CLUSTERED, reference=26), (1, 7, 3, 1, 1, 2, 3, 0)),
]


def power_table(replicates: int, run: Callable[..., object]) -> None:
    for cell, targets in POWER:
        found = np.array(list(run(partial(delays, cell), range(replicates))))  # type: ignore[call-overload]
        print(f"\nwindows until the mail, median (90 %): {cell.title}")
        for change, own, target in zip(changes(), found.T, targets, strict=True):
            wanted = f"target {target}" if target else ""
            print(
                f"  {change.name:24} {np.median(own):4.0f} ({np.quantile(own, 0.9):3.0f}) {wanted}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 2 minutes on one core")
    parser.add_argument("--years", type=int, default=200, help="clean years in each main cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="cells whose title holds this")
    parser.add_argument("--no-power", action="store_true")
    options = parser.parse_args()
    cells = [one for one in CELLS if options.only in one.title]
    years, replicates = options.years, 100
    if options.quick:
        cells, years, replicates = [one for one in cells if one.main], 12, 15
    with ProcessPoolExecutor(options.jobs) as pool:
        run = map if options.jobs == 1 else partial(pool.map, chunksize=2)
        clean_table(cells, years, run, options.seed)
        if not options.no_power:
            power_table(replicates, run)


if __name__ == "__main__":
    main()
