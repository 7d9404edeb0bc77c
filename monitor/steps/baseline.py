"""The reference, learned once: what to count, what is usual, and how much windows vary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from monitor.checks.judged import Fold, observe, plan_series
from monitor.checks.scalars import ScalarPlan, plan_scalars
from monitor.core.columns import Roles
from monitor.core.errors import ColumnNotFoundError, EmptySourceError, ReferenceDataError
from monitor.core.ports import Reading, Source
from monitor.core.window import Window
from monitor.evidence import Reference
from monitor.evidence.reference import FEWEST_WINDOWS
from monitor.evidence.types import Series
from monitor.profiles.blocks import design_effect
from monitor.profiles.infer import infer_columns
from monitor.profiles.learn import learn
from monitor.profiles.plan import Plan
from monitor.profiles.split import ByOrder, ByTime, merged
from monitor.profiles.types import Profile
from monitor.steps import labels as later
from monitor.steps.engine import Engine
from monitor.steps.exclusions import Parts
from monitor.steps.observations import Seen
from monitor.steps.season import Seasons, dated, whole_of
from monitor.steps.segments import Groups, plan_groups
from monitor.steps.setup import Setup

if TYPE_CHECKING:
    from monitor.config import Cadence

#: Rows that codebooks, levels and encoders are learned from.
LEARNING_ROWS = 100_000
#: From so many windows on the reference shows by itself how they vary.
GOOD_WINDOWS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """One version of a reference, ready to judge windows by."""

    plan: Plan
    pooled: Profile  #: all windows of the reference together
    windows: int
    step: int  #: parts of a window that its columns are judged by: 7 for a week seen by days
    by_time: bool  #: False: blocks in file order stand in for windows
    evidence: Reference  #: how the columns vary from part to part
    figures: Reference  #: how volume, gaps and performance vary from window to window
    series: Mapping[str, Series]
    folds: Mapping[str, Fold]
    scalars: ScalarPlan
    version: int | None = None
    groups: Groups | None = None  #: the columns once more in the largest groups
    branches: Reference | None = None  #: how these vary
    seasons: Seasons | None = None  #: what is known of windows beforehand
    first_windows: int = 0  #: of a learning period; 0: the config names the reference
    labelled: bytes | None = None  #: rows that annotators labelled (steps.training)
    apart: frozenset[str] = frozenset()  #: columns with a reference of their own (steps.versions)

    def observe(self, whole: Profile, parts: Sequence[Profile]) -> Seen:
        """A window as evidence reads it."""
        seen = [observe(self.folds, part) for part in parts]
        if self.groups is not None:
            pairs = zip(seen, parts, strict=True)
            seen = [self.groups.added(one, part.sample) for one, part in pairs]
        return Seen(
            parts=tuple(seen),
            whole=observe(self.folds, whole, self.scalars.values(whole)),
        )

    def dated(self, seen: Seen, window: Window) -> Seen:
        """A window that knows its place in the calendar of the reference."""
        return seen if self.seasons is None else self.seasons.dated(seen, window)


def build(
    source: Source, setup: Setup, engine: Engine, labels: later.Labels | None = None
) -> Baseline:
    """Learn the reference from its rows: a sample first, then one pass over all of them.

    Raises
    ------
    ColumnNotFoundError
        A role names a column that is not there.
    ReferenceDataError, EmptySourceError
        There are no rows in the reference.
    """
    schema = check_roles(source, setup.roles, labels)
    timestamp, window = setup.roles.timestamp, setup.reference_window
    sample = source.sample(LEARNING_ROWS, window=window, timestamp=timestamp)
    if labels is not None:
        sample = _with_labels(sample, labels)
    if sample.num_rows == 0:
        _refuse_empty(source, window)
    columns = infer_columns(schema, sample, setup.roles)
    plan = learn(sample, columns, setup.roles, rules=setup.rules, sample_size=setup.sample_size)
    reading = open_window(source, plan, window, labels)
    splitter, step = _splitter(source, setup)
    parts = engine.profile_split(reading, plan, splitter)
    if not any(part.rows for part in parts):
        _refuse_empty(source, window)
    times = splitter.windows if isinstance(splitter, ByTime) else None
    return _learned(plan, parts, setup, step=step, times=times)


def learned_from(plan: Plan, windows: Sequence[Profile], setup: Setup) -> Baseline:
    """A reference made of windows that were profiled before; no row is read."""
    return replace(_learned(plan, windows, setup, step=1, times=()), by_time=True)


def restore(
    plan: Plan,
    pooled: Profile,
    evidence: Reference,
    figures: Reference,
    branches: Reference | None,
    *,
    windows: int,
    step: int,
    by_time: bool,
    effects: Mapping[str, float],
    seasons: Seasons | None,
    setup: Setup,
) -> Baseline:
    """A stored reference: bins and scalars follow from the pooled profile."""
    series, folds, scalars = _judged(plan, pooled, setup, [], by_time=by_time)
    parts = windows * step if branches is not None and by_time else 0
    groups = _groups(plan, pooled, series, folds, setup, parts=parts)
    if groups is None or branches is None or not groups.fits(branches):
        groups = branches = None
    return Baseline(
        plan=plan,
        pooled=pooled,
        windows=windows,
        step=step,
        by_time=by_time,
        evidence=evidence,
        figures=figures,
        groups=groups,
        branches=branches,
        seasons=seasons,
        series={one.name: one for one in series},
        folds=folds,
        scalars=replace(
            scalars,
            design_effect=effects["design_effect"],
            agreement_effect=effects["agreement_effect"],
        ),
    )


def check_roles(source: Source, roles: Roles, labels: later.Labels | None = None) -> pa.Schema:
    """The schema that runs see, labels included. Raises `ColumnNotFoundError`."""
    schema = source.schema()
    if labels is not None and schema.get_field_index(labels.name) < 0:
        schema = schema.append(pa.field(labels.name, labels.values.type))
    for key, column in roles.named():
        if column not in schema.names:
            raise ColumnNotFoundError(column, source.describe(), schema.names, f"columns.{key}")
    return schema


def open_window(
    source: Source, plan: Plan, window: Window | None, labels: later.Labels | None
) -> Reading:
    """One pass over the planned columns of a window, late labels joined."""
    there = source.schema().names
    elsewhere = labels.name if labels is not None else None
    wanted = {name for name in plan.wanted if name != elsewhere}
    known = {column.name for column in plan.columns}
    columns = [name for name in there if name in wanted or name not in known]
    reading = source.open(window, timestamp=plan.timestamp, columns=columns)
    return reading if labels is None else later.join(reading, labels)


def _with_labels(sample: pa.Table, labels: later.Labels) -> pa.Table:
    reading = later.join(Reading(sample.schema, iter(sample.to_batches())), labels)
    return pa.Table.from_batches(list(reading.batches), schema=reading.schema)


def _refuse_empty(source: Source, window: Window | None) -> None:
    if window is None:
        msg = f"There is not one row in {source.describe()}, which is to be the reference."
        raise EmptySourceError(msg)
    msg = (
        f"No row of {source.describe()} lies in the reference {window}. "
        "Correct `start` and `end` under [monitors.reference]."
    )
    raise ReferenceDataError(msg)


def _splitter(source: Source, setup: Setup) -> tuple[ByOrder | ByTime, int]:
    """Windows like those to come; blocks in file order where time does not give enough.

    Few weeks say little about how weeks vary, but each has seven days: they are learned from
    instead, and the second value says how many parts make up a window.
    """
    if setup.blocks is not None:
        return ByOrder(lo=setup.blocks, hi=setup.blocks), 1
    timestamp, cadence = setup.roles.timestamp, setup.cadence
    if cadence is None or timestamp is None:
        return ByOrder(), 1
    extent = setup.reference_window or source.extent(timestamp)[0]
    windows = [] if extent is None else _backwards(cadence, extent)
    if len(windows) < GOOD_WINDOWS and cadence.unit == "d" and cadence.count > 1 and windows:
        days = list(days_of(Window(windows[0].start, windows[-1].end), cadence))
        if len(days) == len(windows) * cadence.count >= FEWEST_WINDOWS:
            return ByTime(days, timestamp), cadence.count
    return (ByTime(windows, timestamp) if len(windows) >= FEWEST_WINDOWS else ByOrder()), 1


def days_of(window: Window, cadence: Cadence) -> Iterator[Window]:
    """The days of a window, in the zone of its monitor."""
    start = window.start.astimezone(cadence.zone).replace(tzinfo=None)
    return replace(cadence, count=1, unit="d", anchor=start).tile(window.start, window.end)


def _backwards(cadence: Cadence, extent: Window) -> list[Window]:
    """Whole windows up to the end of the reference, oldest first.

    Those of weeks end where the reference ends, so that no week is lost for starting on another
    day; shorter ones keep their place in the day.
    """
    if cadence.unit == "d" and cadence.count > 1:
        end = extent.end.astimezone(cadence.zone).replace(tzinfo=None)
        cadence = replace(cadence, anchor=end)
    return list(cadence.tile(extent.start, extent.end))


def _learned(
    plan: Plan,
    parts: Sequence[Profile],
    setup: Setup,
    *,
    step: int,
    times: Sequence[Window] | None,
) -> Baseline:
    """`times` are those of the parts; empty: not known, None: they are no stretches of time."""
    by_time = times is not None
    seasons = Seasons.covered_by(times or (), step, setup)
    spared = Parts.of(parts, plan, setup.occasions, step)
    pooled, whole, parts = spared.pooled(), spared.windows(), spared.kept
    series, folds, scalars = _judged(plan, pooled, setup, whole, by_time=by_time)
    names = [one.name for one in series]
    groups = _groups(plan, pooled, series, folds, setup, parts=len(whole) * step if by_time else 0)
    observed, values = spared.observe(folds, groups), spared.figures(scalars, plan)
    if seasons is not None:
        observed = dated(seasons.parts, observed, times or ())
        values = dated(seasons.whole, values, whole_of(times or (), step))
    effects = {
        "design_effects": {name: _clustering(parts, name, "blocks") for name in names},
        "missing_design_effects": {
            name: _clustering(parts, name, "missing_blocks") for name in names
        },
    }
    evidence = Reference.learn(series, (), observed, **effects)
    return Baseline(
        plan=plan,
        pooled=pooled,
        windows=len(whole),
        step=step,
        by_time=by_time,
        evidence=evidence,
        figures=Reference.learn((), scalars.specs, values, design_effects={}),
        groups=groups,
        branches=None if groups is None else groups.learn(observed, **effects),
        seasons=seasons,
        series={one.name: one for one in series},
        folds=folds,
        scalars=scalars,
    )


def read(
    engine: Engine, reading: Reading, baseline: Baseline, window: Window, setup: Setup
) -> tuple[Profile, list[Profile]]:
    """The profile of a window, and of the parts that its columns are judged by, in one pass."""
    timestamp = baseline.plan.timestamp
    if baseline.step > 1 and timestamp is not None and setup.cadence is not None:
        days = list(days_of(window, setup.cadence))
        if days and days[-1].end == window.end:
            parts = engine.profile_split(
                reading, baseline.plan, ByTime(days, timestamp, half=False)
            )
            return merged(parts), parts
    whole = engine.profile(reading, baseline.plan, window=window)
    return whole, [whole]


def _clustering(parts: Sequence[Profile], name: str, which: str) -> float:
    """Design effect inside of windows: of short batches or of twentieths, the larger one."""
    columns = [part.columns[name] for part in parts if name in part.columns]
    moments = [getattr(column, which) for column in columns]
    twentieth = sum(column.rows for column in columns) // max(1, 20 * len(columns))
    return max(design_effect(moments), design_effect(moments, twentieth))


def _groups(
    plan: Plan,
    pooled: Profile,
    series: Sequence[Series],
    folds: Mapping[str, Fold],
    setup: Setup,
    *,
    parts: int,
) -> Groups | None:
    """The groups that are judged; none in a comparison, or where the check is switched off."""
    off = {"drift", "drift.segment"} & set(setup.disabled)
    return None if off or not parts else plan_groups(plan, pooled, series, folds, parts)


def _judged(
    plan: Plan, pooled: Profile, setup: Setup, parts: Sequence[Profile], *, by_time: bool
) -> tuple[list[Series], dict[str, Fold], ScalarPlan]:
    series, folds = plan_series(plan.every, pooled, plan.codebooks, setup.overrides)
    scalars = plan_scalars(pooled, plan.roles, parts, timed=by_time)
    return series, folds, replace(scalars, specs=setup.figures(scalars.specs))
