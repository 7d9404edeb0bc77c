"""From two tables to a context by the real kernel and the real evidence, as a run does it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

from monitor.checks.context import Context
from monitor.checks.judged import observe, plan_series
from monitor.checks.scalars import plan_scalars
from monitor.core import plugins
from monitor.core.columns import Roles
from monitor.core.finding import Finding
from monitor.evidence import Reference, judge, judge_once
from monitor.evidence.types import Budget
from monitor.profiles.blocks import design_effect
from monitor.profiles.infer import infer_columns
from monitor.profiles.kernel import Profiler
from monitor.profiles.learn import learn
from monitor.profiles.plan import Plan
from monitor.profiles.split import merged
from monitor.profiles.types import Profile


def profile(plan: Plan, table: pa.Table, *, half: bool = False) -> Profile:
    """The profile of a table."""
    profiler = Profiler(plan, half=half)
    profiler.see(table.schema)
    for batch in table.to_batches():
        profiler.update(batch)
    return profiler.result()


def scene(
    reference: pa.Table,
    current: pa.Table,
    roles: Roles | None = None,
    *,
    windows: int = 10,
    timed: bool = False,
    rules=(),
    overrides=None,
    **more,
) -> Context:
    """One window beside a reference that is cut into windows in file order."""
    roles = roles or Roles()
    columns = infer_columns(reference.schema, reference, roles)
    plan = learn(reference, columns, roles, rules=rules)
    ends = np.linspace(0, reference.num_rows, windows + 1).astype(int)
    parts = [
        profile(plan, reference.slice(a, b - a), half=True) for a, b in pairwise(ends.tolist())
    ]
    pooled, now = merged(parts), profile(plan, current)
    series, folds = plan_series(plan.every, pooled, plan.codebooks, overrides)
    scalars = plan_scalars(pooled, roles, parts, timed=timed)
    watched = [observe(folds, part, scalars.values(part)) for part in parts]
    newest = observe(folds, now, scalars.values(now))
    own = [one.name for one in series]
    learned = Reference.learn(
        series,
        scalars.specs,
        watched,
        design_effects={
            name: design_effect([part.columns[name].blocks for part in parts]) for name in own
        },
        missing_design_effects={
            name: design_effect([part.columns[name].missing_blocks for part in parts])
            for name in own
        },
    )
    verdicts = (
        judge(learned, [newest], position=0, budget=Budget())
        if timed
        else judge_once(learned, newest)
    )
    return Context(
        columns=plan.every,
        roles=roles,
        reference=pooled,
        current=now,
        reference_windows=windows,
        series={one.name: one for one in series},
        scalars=scalars,
        reference_counts={name: fold.fold(pooled.columns[name]) for name, fold in folds.items()},
        current_counts=newest.counts,
        verdicts=verdicts,
        codebooks=plan.codebooks,
        one_window=not timed,
        rules=tuple(rules),
        **more,
    )


def findings(context: Context, check: str, **options) -> list[Finding]:
    """What one check says."""
    plugin = plugins.load("checks", check)
    return list(plugin(plugin.Options(**options)).findings(context))


def only(context: Context, check: str, statistic: str | None = None, **fields) -> Finding:
    """The one finding of a check that fits."""
    found = [
        one
        for one in findings(context, check)
        if (statistic is None or one.statistic == statistic)
        and all(getattr(one, name) == value for name, value in fields.items())
    ]
    assert len(found) == 1, found
    return found[0]


def without(table: pa.Table, *names: str) -> pa.Table:
    """The table without some columns."""
    return table.drop_columns(list(names))


def with_column(table: pa.Table, name: str, values) -> pa.Table:
    """The table with a column set or added."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, array)
    return table.append_column(name, array)
