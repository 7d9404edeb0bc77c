"""From when to when a backfill goes."""

from __future__ import annotations

from datetime import datetime

from monitor.cli.run_command import time_of
from monitor.config import MonitorConfig
from monitor.core.errors import UsageError
from monitor.pipeline import Pipeline


def span_of(
    pipeline: Pipeline, monitor: MonitorConfig, start: str | None, end: str | None
) -> tuple[datetime, datetime]:
    """Times of the command line; what is left out follows from reference and data.

    Raises
    ------
    UsageError
        A time cannot be read, or is not given where nothing says what it could be.
    """
    first = _time("--from", start, monitor) if start else _first(pipeline, monitor)
    last = _time("--to", end, monitor) if end else _last(pipeline, monitor)
    return first, last


def _time(option: str, text: str, monitor: MonitorConfig) -> datetime:
    try:
        moment: datetime = time_of(text, monitor.zone)
    except ValueError:
        msg = f"{option} {text!r} is no time; write it as 2024-01-31 or 2024-01-31T06:00."
        raise UsageError(msg) from None
    return moment


def _first(pipeline: Pipeline, monitor: MonitorConfig) -> datetime:
    own = monitor.reference_window
    if own is not None:
        return own.end
    timestamp = monitor.columns.timestamp
    extent = pipeline.source(monitor).extent(timestamp)[0] if timestamp else None
    if extent is None:
        msg = f"Say with --from where to begin: nothing in {monitor.name!r} tells it."
        raise UsageError(msg)
    return monitor.first_judged(extent.start)


def _last(pipeline: Pipeline, monitor: MonitorConfig) -> datetime:
    """The end of the newest window that is over."""
    return pipeline.newest_window(monitor).end
