from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from monitor.curation.units import copies, copy_radius


def test_the_radius_is_a_quarter_of_the_one_per_cent_quantile():
    reference = np.random.default_rng(0).normal(size=(500, 3))
    nearest = NearestNeighbors(n_neighbors=2).fit(reference).kneighbors(reference)[0][:, 1]

    assert copy_radius(reference) == pytest.approx(0.25 * np.quantile(nearest, 0.01))


@pytest.mark.parametrize("width", [1, 3, 40])
def test_rows_within_the_radius_are_one_unit_and_others_are_not(width):
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(800, width))
    radius = copy_radius(reference)
    step = np.zeros(width)
    step[0] = radius
    window = np.vstack(
        [np.zeros(width), 0.9 * step, 1.8 * step, 10 * step, 11.1 * step, 10 * step + 1e-9]
    )

    units = copies(window, reference)

    # A chain is one unit; 1.1 radii apart are two; what differs by rounding is one.
    assert units.of_row.tolist() == [0, 0, 0, 1, 2, 1]
    assert units.heads.tolist() == [0, 3, 4]
    assert units.sizes.tolist() == [3, 2, 1]
    assert units.members(1).tolist() == [3, 5]


def test_units_within_four_radii_are_a_crowd():
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(800, 2))
    step = np.array([copy_radius(reference), 0.0])
    # A row and its copy, two that are nearly copies of it, and one far away.
    window = np.vstack([0 * step, 0.5 * step, 2 * step, -3 * step, 50 * step])

    units = copies(window, reference)

    assert units.sizes.tolist() == [2, 1, 1, 1]
    assert units.crowds.tolist() == [3, 2, 2, 1]


def test_rows_of_which_nothing_is_known_are_no_crowd():
    rng = np.random.default_rng(1)
    window = np.zeros((40, 2))

    units = copies(window, rng.normal(size=(300, 2)), apart=np.ones(40, dtype=bool))

    assert units.crowds.tolist() == [1] * 40


def test_a_large_burst_is_one_unit_without_all_its_pairs():
    rng = np.random.default_rng(2)
    window = np.vstack([rng.normal(size=(200, 12)), 3 + rng.normal(scale=1e-4, size=(5000, 12))])

    units = copies(window, rng.normal(size=(2000, 12)))

    assert units.sizes.max() >= 4990
    assert len(units.heads) <= 211


def test_where_twins_are_ordinary_equal_rows_are_no_copies():
    levels = np.random.default_rng(3).integers(0, 3, size=(400, 2)).astype(float)

    assert len(copies(levels[:50], levels[50:]).heads) == 50


def test_some_twins_in_the_reference_do_not_hide_copies():
    rng = np.random.default_rng(4)
    reference = rng.normal(size=(300, 3))
    reference[:20] = reference[20:40]
    window = rng.normal(size=(30, 3))
    window[5] = window[6]

    assert len(copies(window, reference).heads) == 29


def test_without_a_reference_equal_rows_are_copies():
    window = np.array([[1.0], [2.0], [1.0]])

    assert copies(window, np.empty((0, 1))).of_row.tolist() == [0, 1, 0]


def test_rows_of_which_nothing_is_known_are_no_copies():
    window = np.zeros((3, 2))

    units = copies(window, np.empty((0, 2)), apart=np.array([True, False, True]))

    assert len(units.heads) == 3
