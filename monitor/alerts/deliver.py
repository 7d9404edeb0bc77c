"""One attempt at one message: what came of it, and when to try again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from monitor.core.errors import DeliveryError, PartlyDeliveredError
from monitor.core.ports import AlertChannel, Message

#: How often a message is tried; with `next_try` that is about four days.
MAX_ATTEMPTS = 24
_FIRST_SECONDS = 30.0
_LONGEST_SECONDS = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to."""

    state: Literal["sent", "retry", "parked"]
    error: str = ""
    remaining: tuple[str, ...] = ()  #: retry: only these recipients; empty: all of them


def attempt(channel: AlertChannel, message: Message) -> Outcome:
    """Send once; never raises, so that one channel cannot stop the others."""
    try:
        channel.send(message)
    except PartlyDeliveredError as error:
        state: Literal["retry", "parked"] = "retry" if error.remaining else "parked"
        return Outcome(state, str(error), error.remaining)
    except DeliveryError as error:
        return Outcome("parked" if error.permanent else "retry", str(error))
    except Exception as error:  # noqa: BLE001 - another package's channel may raise anything
        return Outcome("retry", f"{type(channel).__name__} broke: {error!r}")
    return Outcome("sent")


def next_try(attempts: int, rng: np.random.Generator) -> float:
    """Seconds to wait after so many attempts (>= 1).

    Half a minute, doubled with each attempt up to six hours, of which a random half or more is
    waited, so that many messages to a server that was away do not come back at one moment.
    """
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(attempts - 1, 30))
    return float(longest * rng.uniform(0.5, 1.0))
