"""Reading a source, and again from its start where it broke off: whole, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from monitor.core.errors import SourceInterruptedError
from monitor.core.ports import Note, Pinned, Source
from monitor.core.window import Window
from monitor.profiles.types import Profile
from monitor.steps.baseline import Baseline, open_window, read
from monitor.steps.engine import Engine
from monitor.steps.labels import Labels
from monitor.steps.setup import Setup
from monitor.store.ledger import Ledger
from monitor.store.records import Lease

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Whole:
    """All that one pass over a window gave."""

    profile: Profile
    parts: list[Profile]
    notes: list[Note]
    provenance: dict[str, Any]  #: see `provenance`


#: Seconds before each further attempt. What lasts longer fails the window, which is taken again.
WAITS: Sequence[float] = (1.0, 5.0, 20.0)


def read_window(
    source: Callable[[], Source],
    engine: Engine,
    baseline: Baseline,
    window: Window,
    setup: Setup,
    *,
    labels: Labels | None,
    say: Callable[[str], None],
) -> Whole:
    """Open a window and read it to its end; `source` makes a source for each attempt.

    Raises
    ------
    SourceError
        It cannot be read: there is nothing of it.
    """

    def once() -> Whole:
        opened = source()
        reading = open_window(opened, baseline.plan, window, labels)
        profile, parts = read(engine, reading, baseline, window, setup)
        return Whole(profile, parts, reading.notes, provenance(opened))

    whole, broken = persistently(once, say=say)
    return replace(whole, notes=[*whole.notes, *broken])


def persistently(
    read: Callable[[], T],
    *,
    say: Callable[[str], None],
    wait: Callable[[float], None] | None = None,
) -> tuple[T, list[Note]]:
    """The result of `read`, and a note when it took several attempts.

    `read` opens the source itself, so that each attempt begins anew.

    Raises
    ------
    SourceInterruptedError
        It broke off each time; the error of the last attempt.
    """
    broken: list[SourceInterruptedError] = []
    for seconds in (*WAITS, None):
        try:
            result = read()
        except SourceInterruptedError as error:
            if seconds is None:
                raise
            broken.append(error)
            say(f"{error} Trying again in {seconds:g} s.")
            (wait or time.sleep)(seconds)
        else:
            break
    return result, [_note(broken)] if broken else []


def _note(broken: Sequence[SourceInterruptedError]) -> Note:
    times = "once" if len(broken) == 1 else f"{len(broken)} times"
    message = f"The source broke off {times} and was read again from its start: {broken[-1]}"
    return Note("source_interrupted", message, count=len(broken))


def failed_before(lease: Lease, ledger: Ledger) -> list[Note]:
    """A note for a window that could not be run before."""
    entry = ledger.entry(lease.monitor, lease.window)
    if lease.attempt < 2 or entry is None or not entry.last_error:
        return []
    message = f"This window could not be run before: {entry.last_error}"
    return [Note("window_failed", message, count=1)]


def provenance(source: Source) -> dict[str, Any]:
    """What a run's record says of the source: its name, and the version that was read."""
    return {"source": source.describe(), **(source.pinned() if isinstance(source, Pinned) else {})}
