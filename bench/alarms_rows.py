"""Rows of a world, counted by the real profile code: the histograms are not taken for granted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats
from scipy.special import ndtr

from bench.alarms_cells import Cell
from monitor.checks.judged import observe, plan_series
from monitor.core.columns import Roles
from monitor.evidence import Reference
from monitor.evidence.types import Observation
from monitor.profiles.blocks import design_effect
from monitor.profiles.infer import infer_columns
from monitor.profiles.kernel import Profiler
from monitor.profiles.learn import learn
from monitor.profiles.plan import Plan
from monitor.profiles.split import merged
from monitor.profiles.types import Profile

Array = npt.NDArray[np.float64]

#: Rows of one cluster, and the correlation of their values: a design effect of 3.
CLUSTER, WITHIN = 5, 0.5
LEVELS = (1.0 / np.arange(1, 31) ** 1.3) / (1.0 / np.arange(1, 31) ** 1.3).sum()
SORTS: tuple[Callable[[Array], npt.NDArray[np.generic]], ...] = (
    stats.norm.ppf,
    lambda u: np.array([f"level {i}" for i in np.searchsorted(np.cumsum(LEVELS[:5]), u)]),
    stats.t(3).ppf,
    stats.poisson(0.5).ppf,
    lambda u: np.array([f"level {i}" for i in np.searchsorted(np.cumsum(LEVELS), u)]),
    lambda u: np.exp(stats.norm.ppf(u)),
    stats.poisson(8).ppf,
    stats.nbinom(1, 0.2).ppf,
)
MISSING = (0.0, 0.0, 0.01, 0.0, 0.08)


def window(cell: Cell, noise: Array, rng: np.random.Generator) -> pa.RecordBatch:
    """Rows of one window; `noise` moves the columns, in their standard deviations."""
    clusters = -(-cell.rows // CLUSTER)
    shape = (cell.columns, clusters, 1)
    shared = np.sqrt(WITHIN) * rng.standard_normal(shape)
    own = np.sqrt(1 - WITHIN) * rng.standard_normal((cell.columns, clusters, CLUSTER))
    latent = (shared + own).reshape(cell.columns, -1)[:, : cell.rows] + noise[:, None]
    arrays = {}
    for index, values in enumerate(latent):
        share = np.clip(ndtr(values), 1e-12, 1 - 1e-12)
        gone = rng.random(cell.rows) < MISSING[index % len(MISSING)]
        made = SORTS[index % len(SORTS)](share)
        arrays[f"{index:03d}"] = pa.array(made, mask=gone)
    return pa.record_batch(arrays)


def profiled(plan: Plan, batch: pa.RecordBatch) -> Profile:
    """One window, counted."""
    profiler = Profiler(plan)
    profiler.update(batch)
    return profiler.result()


def simulated(cell: Cell, rng: np.random.Generator) -> tuple[Reference, list[Observation]]:
    """A reference learned from rows, and the windows after it, with nothing in them."""
    noise = cell.world.tau * rng.standard_normal((cell.reference + cell.windows, cell.columns))
    batches = [window(cell, one, rng) for one in noise]
    past = pa.Table.from_batches(batches[: cell.reference])
    infer = infer_columns(past.schema, past, Roles())
    plan = learn(past, infer, Roles())
    parts = [profiled(plan, one) for one in batches]
    pooled = merged(parts[: cell.reference])
    series, folds = plan_series(plan.every, pooled, plan.codebooks)
    seen = [observe(folds, part) for part in parts]
    names = [one.name for one in series]
    before = parts[: cell.reference]
    reference = Reference.learn(
        series,
        (),
        seen[: cell.reference],
        design_effects={name: _effect(before, name, "blocks") for name in names},
        missing_design_effects={name: _effect(before, name, "missing_blocks") for name in names},
    )
    return reference, seen[cell.reference :]


def _effect(parts: list[Profile], name: str, which: str) -> float:
    moments = [getattr(part.columns[name], which) for part in parts]
    twentieth = sum(part.columns[name].rows for part in parts) // (20 * len(parts))
    return max(design_effect(moments), design_effect(moments, twentieth))
