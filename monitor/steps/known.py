"""What named events explain of a window, and windows without what they explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.core.window import Window
from monitor.evidence.types import Observation
from monitor.profiles.plan import Plan
from monitor.steps.baseline import days_of
from monitor.steps.observations import Seen
from monitor.steps.occasions import Occasion, explained, meeting, without
from monitor.steps.setup import Setup


@dataclass(frozen=True, slots=True)
class Known:
    """What a person knows of certain times, held against the columns of a monitor."""

    setup: Setup
    plan: Plan

    def meeting(self, window: Window) -> tuple[Occasion, ...]:
        """Events that meet a window."""
        return meeting(self.setup.occasions, window)

    def blanked(self, seen: Seen, window: Window) -> Seen:
        """A window without what is explained, so that later windows do not add it up.

        Where it is judged by its days, only the days of the event say nothing.
        """
        if not self.meeting(window):
            return seen
        spans = [window]
        if len(seen.parts) > 1 and self.setup.cadence is not None:
            spans = list(days_of(window, self.setup.cadence))
        if len(spans) != len(seen.parts):
            spans = [window] * len(seen.parts)
        return replace(
            seen,
            parts=tuple(
                without(part, self._names(part, span))
                for part, span in zip(seen.parts, spans, strict=True)
            ),
            whole=without(seen.whole, self._names(seen.whole, window)),
        )

    def expected(self, seen: Seen, window: Window) -> dict[str, Occasion]:
        """Series and figures of which an event explains all that the window says."""
        blank = self.blanked(seen, window)
        left = {name for part in blank.parts for name in part.counts} | set(blank.whole.scalars)
        there = {name for part in seen.parts for name in part.counts} | set(seen.whole.scalars)
        by = explained(there - left, self._owners(), self.meeting(window), self.plan.roles)
        return {name: by[name] for name in sorted(by)}

    def judged(self, seen: Seen, window: Window, expected: Mapping[str, Occasion]) -> Seen:
        """What is judged: the days without an event, and what is expected as it is."""
        blank = self.blanked(seen, window)
        if blank is seen:
            return seen
        return replace(
            seen,
            parts=tuple(
                _with(part, whole, expected)
                for part, whole in zip(blank.parts, seen.parts, strict=True)
            ),
            whole=_with(blank.whole, seen.whole, expected),
        )

    def _names(self, seen: Observation, span: Window) -> dict[str, Occasion]:
        names = [*seen.counts, *seen.scalars]
        return explained(names, self._owners(), self.meeting(span), self.plan.roles)

    def _owners(self) -> dict[str, str]:
        return {column.name: column.owner for column in self.plan.every}


def _with(blank: Observation, whole: Observation, names: Mapping[str, Occasion]) -> Observation:
    kept = {*blank.counts, *blank.scalars, *names}
    return without(whole, {*whole.counts, *whole.scalars} - kept)
