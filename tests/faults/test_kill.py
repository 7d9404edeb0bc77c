"""kill -9 at every commit point, and again while it recovers: the end is that of a quiet run."""

from __future__ import annotations

import random
import signal

import pytest

from .conftest import ALL, outcome
from .zygote import POINTS

#: Between the server's 250 and our commit: the one place where a mail may come twice.
GAP = {("mail sent", "after"), ("mail noted", "before"), ("mail sent", "lie")}
CASES = [(point, when) for point in POINTS for when in ("before", "after")]
LIES = [("effects committed", "lie"), ("mail sent", "lie"), ("windows announced", "lie")]


@pytest.fixture
def quiet(fresh, once, inbox):
    """What an undisturbed run leaves behind, and its mails."""
    config = fresh()
    assert once(config) == 0
    found, mails = outcome(config), dict(inbox.taken)
    assert [state for _, state, _ in found["windows"]] == ["done", "done"]
    assert set(mails.values()) == {1}
    assert len(found["queue"]) == 8
    assert len(found["reports"]) == 2
    inbox.taken.clear()
    return found, mails


def sample(request_id: str) -> list[tuple[str, str]]:
    """All of them by `make faults`; else a few, others on each of the two stores."""
    if ALL:
        return CASES + LIES
    must = [("effects committed", "after"), *LIES[:2]]
    rest = [case for case in CASES if case not in must]
    return must + random.Random(request_id).sample(rest, 2)


def test_a_kill_at_any_point_and_another_in_the_recovery_change_nothing(
    request, fresh, once, inbox, quiet
):
    expected, mails = quiet
    rng = random.Random(7)
    for point, when in sample(request.node.name):
        inbox.taken.clear()
        config = fresh()
        code = once(config, point, when, nth=rng.choice([1, 1, 2]))
        assert code in {0, -signal.SIGKILL}, (point, when)
        second = rng.choice(CASES)
        gaps = {(point, when), second} & GAP
        assert once(config, *second, hours=24) in {0, -signal.SIGKILL}, second
        for again in (2, 3):
            assert once(config, hours=24 * again) == 0

        trail = (point, when, second)
        found = outcome(config)
        assert found == expected, trail
        assert set(inbox.taken) == set(mails), trail
        most = 1 + len(gaps)
        assert max(inbox.taken.values()) <= most, (trail, inbox.taken)


def test_every_point_is_passed_by_a_run(fresh, once):
    """A point that no run comes by would be a test that cannot fail."""
    points = list(POINTS) if ALL else ["effects committed", "mail noted"]
    killed = [point for point in points if once(fresh(), point, "before") == -signal.SIGKILL]
    assert killed == points
