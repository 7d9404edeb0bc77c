from __future__ import annotations

import datetime as dt
import decimal
import enum
import json
import uuid

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.labeling.values import data_uri, plain


class Colour(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (np.float32("nan"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.datetime64("2024-01-02"), "2024-01-02"),
        (pd.NaT, None),
        (pd.NA, "<NA>"),
        (pa.scalar(5), 5),
        (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), "2024-01-02T00:00:00+00:00"),
        (dt.date(2024, 1, 2), "2024-01-02"),
        (dt.time(1, 2), "01:02:00"),
        (dt.timedelta(minutes=2), 120.0),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal("2.00"), 2),
        (decimal.Decimal("0.1000000000000000000001"), "0.1000000000000000000001"),
        (decimal.Decimal("sNaN"), None),
        (decimal.Decimal("1e999999"), "1E+999999"),
        (b"\x00\xff", "AP8="),
        (Colour.RED, 3),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (
            {
                "a": {
                    1,
                },
                2: (None, "x"),
            },
            {"a": [1], "2": [None, "x"]},
        ),
        ("\ud800", "?"),
        (object, "<class 'object'>"),
    ],
)
def test_values_become_plain(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
    | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(anything)
def test_whatever_comes_in_is_json_and_stays_what_it_is(value):
    made = plain(value)

    assert json.loads(json.dumps(made, allow_nan=False).encode()) == made
    assert plain(made) == made


def test_a_bottomless_value_ends():
    loop: list = []
    loop.append(loop)

    json.dumps(plain(loop))


@pytest.mark.parametrize(
    ("head", "media"),
    [
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"<svg", "application/octet-stream"),
    ],
)
def test_an_image_says_what_it_is(head, media):
    assert data_uri(head).startswith(f"data:{media};base64,")
