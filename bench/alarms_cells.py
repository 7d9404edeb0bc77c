"""The cells of bench/alarms.py: worlds in which nothing happens, for each length of reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.worlds import World
from monitor.core.window import Window
from monitor.evidence.types import Budget

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
WEEKDAYS = World("weekdays differ by 0.4 sd, tau 0.03", tau=0.03, phi=0.3, season="week")
HOURS = World("hours and weekdays, tau 0.03", tau=0.03, phi=0.5, season="day and week")
#: The first window of all; a Monday.
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the table of clean years."""

    world: World
    reference: int = 13
    rows: int = 2000
    columns: int = 30
    budget: Budget = WEEKLY
    windows: int = 104  #: how long a simulated stretch is, in observations
    calendar: bool = False  #: the reference learns its hours and weekdays
    through: bool = False  #: rows, counted by the real profile code
    whole: bool = False  #: rows through all of a run: groups, a model, figures and facts too
    main: bool = True

    @property
    def title(self) -> str:
        """What stands in the first column of the table."""
        every = {52: "weekly", 365: "daily", 8766: "hourly"}[int(self.budget.windows_per_year)]
        days = " as 7 days" if self.budget.step > 1 else ""
        how = " by rows" if self.through else ", segments and a model" if self.whole else ""
        sizes = f"H {self.reference} | {self.rows:,} rows{days} | {self.columns} columns"
        return f"{self.world.name}{how} | {every} | {sizes}"

    @property
    def years(self) -> float:
        """Length of a simulated stretch."""
        return self.windows / self.budget.step / self.budget.windows_per_year

    def places(self) -> list[Window]:
        """When the windows are, those of the reference first."""
        step = timedelta(days=365.25) / self.budget.windows_per_year / self.budget.step
        if self.budget != HOURLY:
            step = timedelta(days=round(step / timedelta(days=1)))
        else:
            step = timedelta(hours=1)
        count = self.reference + self.windows
        return [Window(START + step * i, START + step * (i + 1)) for i in range(count)]


def _daily(world: World, **more: object) -> Cell:
    return Cell(world, reference=56, budget=DAILY, windows=365, **more)  # type: ignore[arg-type]


def _hourly(world: World, **more: object) -> Cell:
    return Cell(world, rows=500, budget=HOURLY, main=False, **more)  # type: ignore[arg-type]


CELLS = [
    *(Cell(one) for one in (IID, CLUSTERED, WANDERING, AR5, AR8, COMMON, MIXED, UNEQUAL, ROWS)),
    *(Cell(CLUSTERED, reference=windows) for windows in (6, 26)),
    *(Cell(AR8, reference=windows) for windows in (6, 52)),
    Cell(UNEQUAL, reference=52),
    *(Cell(IID, rows=rows) for rows in (500, 20_000)),
    *(Cell(CLUSTERED, rows=rows) for rows in (500, 20_000, 200_000)),
    *(Cell(UNEQUAL, rows=rows) for rows in (500, 20_000, 200_000)),
    *(Cell(one, columns=300) for one in (CLUSTERED, UNEQUAL, ROWS)),
    *(Cell(one, reference=56, rows=286, budget=BY_DAYS, windows=728) for one in (CLUSTERED, AR8)),
    _daily(AR5),
    _daily(WEEKDAYS, calendar=True),
    _hourly(AR8, reference=336, windows=1461),
    _hourly(HOURS, reference=672, windows=1461, calendar=True),
    Cell(CLUSTERED, through=True, main=False),
    Cell(CLUSTERED, columns=10, whole=True, main=False),
]
