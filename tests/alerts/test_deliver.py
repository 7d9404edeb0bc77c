from __future__ import annotations

import numpy as np
import pytest

from monitor.alerts.deliver import MAX_ATTEMPTS, Outcome, attempt, next_try
from monitor.core.errors import DeliveryError, PartlyDeliveredError
from monitor.core.ports import Message

MESSAGE = Message("<1@driftloop>", "s", "t", "h")


class Channel:
    def __init__(self, error=None):
        self.error = error
        self.got = []

    def send(self, message):
        if self.error is not None:
            raise self.error
        self.got.append(message)


def test_what_is_sent_was_given_to_the_channel():
    channel = Channel()

    assert attempt(channel, MESSAGE) == Outcome("sent")
    assert channel.got == [MESSAGE]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DeliveryError("away"), Outcome("retry", "away")),
        (DeliveryError("no", permanent=True), Outcome("parked", "no")),
        (PartlyDeliveredError("b later", ["b"]), Outcome("retry", "b later", ("b",))),
        (PartlyDeliveredError("b never", []), Outcome("parked", "b never")),
        (KeyError("x"), Outcome("retry", "Channel broke: KeyError('x')")),
    ],
)
def test_an_error_says_what_to_do_next_and_is_not_raised(error, outcome):
    assert attempt(Channel(error), MESSAGE) == outcome


def test_waiting_grows_with_each_attempt_up_to_six_hours():
    rng = np.random.default_rng(1)
    waits = np.array([[next_try(n, rng) for n in range(1, MAX_ATTEMPTS)] for _ in range(200)])

    assert waits[:, 0].min() >= 15
    assert waits[:, 0].max() <= 30
    assert (waits[:, -1] >= 3 * 3600).all()
    assert waits.max() <= 6 * 3600
    assert (np.diff(waits.mean(axis=0)[:9]) > 0).all()
    assert len(np.unique(waits[:, 0])) > 190  # no two come back at one moment
    assert 2 < waits.sum(axis=1).mean() / 86400 < 5


def test_a_huge_number_of_attempts_is_no_overflow():
    assert next_try(10_000, np.random.default_rng(1)) <= 6 * 3600
