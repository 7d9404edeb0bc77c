from __future__ import annotations

import numpy as np
import pytest

from monitor.curation.similar import similar


def test_the_nearest_rows_come_first_whatever_their_length():
    rows = np.array([[0.0, 1.0], [5.0, 0.1], [1.0, 1.0], [-1.0, 0.0]])

    found = similar([1.0, 0.0], rows, 3)

    assert [one.row for one in found] == [1, 2, 0]
    assert found[1].similarity == pytest.approx(np.sqrt(0.5))


def test_each_row_counts_by_the_query_it_is_nearest_to():
    found = similar(np.eye(3), np.array([[0, 0, 2.0], [3.0, 0.1, 0]]), 2)

    assert [(one.row, one.query) for one in found] == [(0, 2), (1, 0)]


def test_rows_without_a_direction_and_rows_left_out_do_not_come():
    rows = np.array([[np.nan, 1], [0, 0], [np.inf, 1], [1e-320, 0], [1e308, 1e308], [1, 1]])

    assert [one.row for one in similar([1, 1], rows, 10, exclude={5, 99})] == [4, 3]


def test_a_query_without_a_direction_finds_nothing():
    assert similar([0.0, np.nan], np.ones((3, 2)), 2) == []
    assert similar(np.empty((0, 2)), np.ones((3, 2)), 2) == []


def test_many_rows_are_searched_in_parts():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20_000, 8))
    cosine = rows @ rows[0] / np.linalg.norm(rows, axis=1) / np.linalg.norm(rows[0])

    found = similar(rows[0], rows, 5, exclude={0})

    assert [one.row for one in found] == list(np.argsort(-cosine)[1:6])


def test_dimensions_must_agree():
    with pytest.raises(ValueError, match="do not fit"):
        similar([1.0, 2.0], np.ones((3, 3)), 1)
