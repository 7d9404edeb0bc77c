"""What is old is thinned: hourly profiles become days, days weeks; samples and reports go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from monitor.config import Config, MonitorConfig
from monitor.config.cadence import Cadence
from monitor.core.errors import ProfileError
from monitor.core.window import Window
from monitor.steps.inboxes import prune_inboxes
from monitor.store.periods import Part, Period, Scale
from monitor.store.store import Store

#: So many profiles are merged before the next look at the time.
_BATCH = 400
_GIGABYTE = 1e9
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What one round let go."""

    profiles: int = 0  #: merged into longer ones
    samples: int = 0
    reports: int = 0
    batches: int = 0  #: of inboxes

    def __bool__(self) -> bool:
        return any((self.profiles, self.samples, self.reports, self.batches))


def prune(store: Store, config: Config, now: datetime, say: Callable[[str], None]) -> Pruned:
    """Let go of what is older than `[retention]` says; findings and documents are kept for ever.

    Raises `StoreError`; what was done until then stands.
    """
    kept = config.retention
    profiles = sum(_thin(store, config, monitor, now, say) for monitor in config.monitors)
    samples = store.periods.drop_samples(before=now - kept.samples)
    samples += store.periods.drop_old_revisions(before=now - kept.hourly_profiles)
    reports = _prune_files(
        config.report.folder, "**/*.html", now, older=kept.reports, most=kept.reports_gb
    )
    batches = prune_inboxes(store, config, now, say)
    done = Pruned(profiles=profiles, samples=samples, reports=reports, batches=batches)
    if done:
        say(
            f"retention: {profiles} profiles merged, {samples} samples, {reports} reports and "
            f"{batches} posted batches let go"
        )
    return done


def _thin(
    store: Store, config: Config, monitor: MonitorConfig, now: datetime, say: Callable[[str], None]
) -> int:
    kept, count = config.retention, 0
    day = Cadence.parse("1d", timezone=monitor.timezone)
    week = Cadence.parse("7d", timezone=monitor.timezone)
    # A day is merged only when all of it is old, so that it is merged once.
    days_before = day.window(now - kept.hourly_profiles).start
    weeks_before = week.window(now - kept.daily_profiles).start
    try:
        if monitor.cadence.length < _DAY:
            parts = store.periods.short_runs(monitor.name, before=days_before, limit=_BATCH)
            count += _merge(store, monitor.name, "day", day, _whole(parts, day, _BATCH))
        if monitor.cadence.length < _WEEK:
            if monitor.cadence.length < _DAY:
                parts = store.periods.days(monitor.name, before=weeks_before, limit=_BATCH)
            else:
                parts = store.periods.short_runs(monitor.name, before=weeks_before, limit=_BATCH)
            count += _merge(store, monitor.name, "week", week, _whole(parts, week, _BATCH))
    except ProfileError as error:
        say(f"retention: {monitor.name}: profiles of an older release stay as they are: {error}")
    return count


def _whole(parts: Sequence[Part], cadence: Cadence, limit: int) -> Sequence[Part]:
    """Without those of the last period, where there may be more of it."""
    if len(parts) < limit:
        return parts
    last = cadence.window(parts[-1].window.start)
    return [part for part in parts if cadence.window(part.window.start) != last] or parts


def _merge(
    store: Store, monitor: str, scale: Scale, cadence: Cadence, parts: Sequence[Part]
) -> int:
    if not parts:
        return 0
    known = {
        (one.window.start, one.reference_version): one for one in store.periods.get(monitor, scale)
    }
    count = 0
    for window, version, group in _periods(parts, cadence):
        there = known.get((window.start, version))
        period = _merged(window, version, group, there)
        before = there.windows if there is not None else 0
        if store.periods.replace(monitor, scale, period, group, before):
            count += len(group)
    return count


def _periods(parts: Sequence[Part], cadence: Cadence) -> Iterator[tuple[Window, int, list[Part]]]:
    def key(part: Part) -> tuple[datetime, int]:
        return cadence.window(part.window.start).start, part.reference_version

    for (start, version), group in groupby(sorted(parts, key=key), key=key):
        yield cadence.window(start), version, list(group)


def _merged(window: Window, version: int, group: list[Part], there: Period | None) -> Period:
    from monitor.profiles.split import merged  # noqa: PLC0415 - the service is idle without it
    from monitor.profiles.types import Profile  # noqa: PLC0415

    profiles = [Profile.from_bytes(part.profile) for part in group]
    windows, rows = sum(part.windows for part in group), sum(part.rows for part in group)
    if there is not None:
        profiles.insert(0, Profile.from_bytes(there.profile))
        windows, rows = windows + there.windows, rows + there.rows
    return Period(
        window=window,
        reference_version=version,
        windows=windows,
        rows=rows,
        profile=merged(profiles).to_bytes(),
    )


def _prune_files(
    folder: Path, pattern: str, now: datetime, *, older: timedelta, most: float
) -> int:
    """Delete files that are too old, then the oldest until the others fit; how many."""
    if not folder.is_dir():
        return 0
    files = []
    for path in folder.glob(pattern):
        if path.is_file() and not path.is_symlink():
            found = path.stat()
            files.append((found.st_mtime, found.st_size, path))
    limit = (now - older).timestamp()
    size, count = sum(bytes_ for _, bytes_, _ in files), 0
    for changed, bytes_, path in sorted(files):
        if changed >= limit and size <= most * _GIGABYTE:
            break
        path.unlink(missing_ok=True)
        size -= bytes_
        count += 1
    return count
