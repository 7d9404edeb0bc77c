"""How much of a change is another mix of groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from monitor.core.columns import Roles

from .scene import findings, scene

ROLES = Roles(segments=("carrier", "origin"))


def flights(seed: int, share: float, *, shift: float = 0.0, missing: float = 0.0) -> pa.Table:
    """Carrier A is three sd later than B; `share` of the flights are its."""
    rng = np.random.default_rng(seed)
    a = rng.random(3000) < share
    delay = rng.normal(0, 1, 3000) + 3 * a + shift
    delay[rng.random(3000) < missing * a] = np.nan
    return pa.table(
        {
            "carrier": np.where(a, "A", "B"),
            "origin": rng.choice(["JFK", "LGA"], 3000),
            "delay": delay,
            "late": pa.array(delay > 2),
        }
    )


def mix(reference: pa.Table, current: pa.Table) -> dict:
    found = findings(scene(reference, current, ROLES), "drift.mix")
    return {finding.column: finding for finding in found}


def test_a_carrier_that_flies_more_is_all_of_the_change():
    found = mix(flights(1, 0.2), flights(2, 0.6))

    delay = found["delay"]
    assert delay.interval[0] < delay.value < delay.interval[1]
    assert delay.value > 0.9
    assert "mix of carrier" in delay.message
    assert "of the share of" in found["late"].message
    assert not delay.drifted


def test_delays_that_grow_in_every_group_are_no_mix():
    found = mix(flights(1, 0.2), flights(2, 0.2, shift=1.0))

    assert abs(found["delay"].value) < 0.1
    assert "does not explain the change of the mean" in found["delay"].message


def test_both_at_once_are_told_apart():
    found = mix(flights(1, 0.2), flights(2, 0.4, shift=0.6))["delay"]

    assert 0.4 < found.value < 0.6
    assert found.interval[0] < found.value < found.interval[1]
    assert "within its groups it is +0." in found.message


def test_missing_values_of_one_carrier_are_mix_where_it_flies_more():
    found = mix(flights(1, 0.2, missing=0.3), flights(2, 0.7, missing=0.3))

    assert "carrier" not in found  # it is the mix itself
    assert found["delay"].value > 0.8


def test_nothing_is_said_without_segments_and_too_few_rows_are_said():
    reference, current = flights(1, 0.2), flights(2, 0.6)
    (few,) = findings(scene(reference, current.slice(0, 150), ROLES), "drift.mix")

    assert findings(scene(reference, current), "drift.mix") == []
    assert few.statistic == "rows"
    assert few.message.endswith("150 rows, 200 needed.")
