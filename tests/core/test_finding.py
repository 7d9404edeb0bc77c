import json
import math

import pytest

from monitor.core.finding import Alarm, Finding


def test_json_knows_no_nan_and_no_infinity():
    finding = Finding(
        check="bias.ratio",
        statistic="selection_rate_ratio",
        value=math.inf,
        message="…",
        interval=(0.5, math.inf),
        p_value=math.nan,
    )

    document = json.loads(json.dumps(finding.to_dict(), allow_nan=False))

    assert document["value"] is None
    assert document["interval"] == [0.5, None]
    assert document["p_value"] is None


def test_at_most_twenty_rows_travel_with_a_finding():
    finding = Finding(
        check="quality.range", statistic="n", value=50.0, message="…", rows=tuple(range(50))
    )

    assert finding.to_dict()["rows"] == list(range(20))


def test_the_keys_of_the_contract_are_all_there_and_no_other():
    finding = Finding(check="drift.numeric", statistic="location", value=0.1, message="…")
    alarm = Alarm(key="column:temp", state="opened", title="…", findings=(0,))

    assert list(finding.to_dict()) == [
        "check", "column", "segment", "statistic", "value", "interval", "p_value", "effect",
        "threshold", "n_reference", "n_current", "severity", "drifted", "message", "rows",
    ]  # fmt: skip
    assert list(alarm.to_dict()) == ["key", "state", "title", "findings"]


def test_an_interval_without_meaning_is_null():
    finding = Finding(
        check="drift.numeric", statistic="ks", value=0.1, message="…", interval=(math.nan, 1.0)
    )

    assert finding.to_dict()["interval"] is None


@pytest.mark.parametrize("value", [0.0, -1.5, 1e300])
def test_finite_values_pass_through(value):
    finding = Finding(check="drift.numeric", statistic="ks", value=value, message="…")

    assert finding.to_dict()["value"] == value
