"""One event out of many alarms."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from monitor.steps.hierarchy import event_of


def sample() -> pa.Table:
    rng = np.random.default_rng(1)
    temp = rng.normal(0, 1, 500)
    return pa.table(
        {
            "temp": temp,
            "dewp": -temp + rng.normal(0, 0.3, 500),
            "wind": rng.normal(0, 1, 500),
            "name": ["x"] * 500,
            "few": pa.array([1.0] * 100 + [None] * 400),
        }
    )


def event(*keys: str, groups=None, judged: int = 20):
    return event_of(keys, groups=groups or {}, sample=sample(), judged=judged)


def test_columns_that_are_correlated_are_one_group():
    found = event("column:wind", "column:dewp", "column:temp", "column:name", "column:few")

    assert (found.level, found.members) == ("group", ("dewp", "temp"))
    assert found.places["column:temp"].parent == found.places["column:dewp"].parent == "dewp"
    assert found.places["column:wind"].parent == ""


def test_a_declared_group_has_its_name_and_needs_two():
    groups = {"wind": "weather", "temp": "weather", "few": "alone"}
    found = event("column:wind", "column:temp", "column:few", groups=groups)

    assert (found.root, found.members) == ("weather", ("wind", "temp"))
    assert found.places["column:few"].parent == ""


def test_half_of_the_columns_are_the_data_set():
    found = event(*(f"column:{n}" for n in range(5)), judged=10)

    assert (found.level, len(found.members)) == ("dataset", 5)


@pytest.mark.parametrize("key", ["schema", "volume:rows", "freshness"])
def test_what_is_about_all_rows_is_the_root(key):
    found = event("column:wind", key, "column:temp", "column:dewp")

    assert (found.root, found.level) == (key, "dataset")


def test_a_group_of_rows_stands_below_its_column_or_alone():
    both = event("column:wind", "segment:carrier=UA/wind", "performance:accuracy:carrier=UA")
    alone = event("segment:carrier=UA/wind", "performance:accuracy")

    assert both.places["segment:carrier=UA/wind"].parent == "column:wind"
    assert both.places["performance:accuracy:carrier=UA"].parent == ""
    assert (alone.root, alone.level) == ("segment:carrier=UA/wind", "segment")


def test_one_alarm_needs_no_root():
    assert event("column:wind").root == ""
    assert event().root == ""
