"""What evidence keeps of a window, and its bytes for the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.core.errors import ProfileError
from monitor.evidence.types import Observation
from monitor.profiles import packing


@dataclass(frozen=True, slots=True)
class Seen:
    """One window as evidence reads it.

    `parts` are the stretches that its columns are judged by, oldest first: the window itself, or
    its days where the reference has too few weeks to learn from. `whole` has the figures too.
    """

    parts: tuple[Observation, ...]
    whole: Observation
    aside: bool = False  #: a holiday of which the reference knows nothing: it is not judged

    def spoken(self) -> Seen:
        """What is judged of it: nothing at all where it stands aside."""
        if not self.aside:
            return self
        return Seen(tuple(_nothing(one) for one in self.parts), _nothing(self.whole), aside=True)


def _nothing(one: Observation) -> Observation:
    return Observation({}, {}, one.calendar)


def to_bytes(seen: Seen) -> bytes:
    """Counts and figures; no pickle."""
    return packing.pack(seen)


def from_bytes(data: bytes) -> Seen:
    """What `to_bytes` wrote. Raises `ProfileError`."""
    seen = packing.unpack(data, {"Observation": Observation, "Seen": Seen})
    if not isinstance(seen, Seen):
        msg = f"These bytes hold a {type(seen).__name__}, not an observation."
        raise ProfileError(msg)
    return Seen(tuple(seen.parts), seen.whole, seen.aside)


def parts_of(windows: Sequence[Seen]) -> list[Observation]:
    """The parts of all windows, one after the other."""
    return [part for window in windows for part in window.parts]
