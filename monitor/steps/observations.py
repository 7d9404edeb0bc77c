"""What evidence keeps of a window, as bytes for the store."""

from __future__ import annotations

from monitor.core.errors import ProfileError
from monitor.evidence.types import Observation
from monitor.profiles import packing


def to_bytes(observation: Observation) -> bytes:
    """Counts and scalars; no pickle."""
    return packing.pack(observation)


def from_bytes(data: bytes) -> Observation:
    """What `to_bytes` wrote. Raises `ProfileError`."""
    observation = packing.unpack(data, {"Observation": Observation})
    if not isinstance(observation, Observation):
        msg = f"These bytes hold a {type(observation).__name__}, not an Observation."
        raise ProfileError(msg)
    return observation
