"""A monitor with a model and segments in years in which nothing happens: all of its branches.

Rows go the way of a run: read, counted, judged by columns, columns in groups and figures (volume,
gaps between groups, performance), followed with the facts of the checks; only the store is left
out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa
from scipy.special import ndtr

from bench.alarms_cells import Cell
from bench.alarms_rows import CLUSTER, WITHIN, Array, window
from monitor.config import Cadence
from monitor.core.columns import Roles
from monitor.core.window import Window
from monitor.evidence import States
from monitor.sources.frame import Frame
from monitor.steps import alarms as events
from monitor.steps.baseline import Baseline, build, open_window, read
from monitor.steps.engine import Engine, engine_of
from monitor.steps.judge import judge_window
from monitor.steps.observations import Seen
from monitor.steps.setup import Setup
from monitor.steps.telling import judged_names

ROLES = Roles(
    timestamp="ts", label="bought", prediction="offered", scores=("score",), segments=("site",)
)
SITES, SHARES = np.array(["north", "south", "east", "west"]), (0.4, 0.3, 0.2, 0.1)
#: What wanders beside the features: who buys, how well it is foreseen.
MORE = 2
#: Windows until an event that is still open is mailed once more, as for weeks.
REMINDED = 4


def rows_of(cell: Cell, place: Window, noise: Array, rng: np.random.Generator) -> pa.Table:
    """Features, a segment, and a model that foresees most of what people do, in order of time."""
    features = window(cell, noise[:-MORE], rng)
    clusters = -(-cell.rows // CLUSTER)
    shared = np.repeat(np.sqrt(WITHIN) * rng.standard_normal(clusters), CLUSTER)[: cell.rows]
    taste = shared + np.sqrt(1 - WITHIN) * rng.standard_normal(cell.rows) + noise[-2]
    foreseen = ndtr(taste + 0.7 * rng.standard_normal(cell.rows) + noise[-1] - 0.6)
    step = (place.end - place.start) / cell.rows
    more = {
        "ts": pa.array([place.start + step * i for i in range(cell.rows)]),
        "site": pa.array(rng.choice(SITES, cell.rows, p=SHARES)),
        "bought": pa.array(taste > 0.6),
        "offered": pa.array(foreseen > 0.5),
        "score": pa.array(foreseen),
    }
    arrays = {name: features.column(name) for name in features.schema.names}
    return pa.table({**arrays, **more})


@dataclass(slots=True)
class Run:
    """A monitor whose windows are read, judged and followed, one after the other."""

    cell: Cell
    setup: Setup
    baseline: Baseline
    engine: Engine
    states: States = field(default_factory=States)
    recent: list[Seen] = field(default_factory=list)
    position: int = 0

    def look(self, table: pa.Table, place: Window) -> tuple[bool, tuple[str, ...]]:
        """Whether a mail is sent about this window, and the alarms in it."""
        self.position += 1
        reading = open_window(Frame(table), self.baseline.plan, place, None)
        profile, parts = read(self.engine, reading, self.baseline, place, self.setup)
        judged = judge_window(
            self.baseline,
            self.setup,
            profile,
            self.baseline.observe(profile, parts),
            recent=self.recent,
            position=self.position,
            budget=self.cell.budget,
            window=place,
            now=place.end + timedelta(hours=1),
        )
        self.recent = [*self.recent, judged.seen][-max(self.cell.budget.scales) :]
        told = events.follow(
            self.states,
            judged.verdicts,
            judged.findings,
            self.baseline.plan.every,
            position=self.position,
            escalation_windows=REMINDED,
            judged=judged_names(self.baseline),
        )
        self.states = told.states
        return bool(told.mail), told.mailed if told.mail else ()


def whole_stretch(cell: Cell, seed: int) -> tuple[int, list[str]]:
    """Mails of one simulated stretch in which nothing happens, with the alarms behind them."""
    rng = np.random.default_rng([20240612, seed])
    places = cell.places()
    noise = cell.world.tau * rng.standard_normal((len(places), cell.columns + MORE))
    made = [rows_of(cell, at, own, rng) for at, own in zip(places, noise, strict=True)]
    before = made[: cell.reference]
    past = Window(places[0].start, places[cell.reference - 1].end)
    setup = Setup(roles=ROLES, cadence=Cadence.parse("7d"), reference_window=past)
    engine = engine_of()
    run = Run(cell, setup, build(Frame(pa.concat_tables(before)), setup, engine), engine)
    later = zip(made[cell.reference :], places[cell.reference :], strict=True)
    told = [run.look(table, place) for table, place in later]
    return sum(mail for mail, _ in told), [name for _, names in told for name in names]
