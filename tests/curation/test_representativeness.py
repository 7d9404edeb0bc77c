from __future__ import annotations

import pytest

from monitor.curation.cells import Cell, count_cells, share_interval
from monitor.curation.representativeness import representativeness


def compare():
    training = count_cells(1000, ["late"] * 200 + ["on time"] * 800, {"origin": ["JFK"] * 1000})
    production = count_cells(
        500, ["late"] * 100 + ["on time"] * 400, {"origin": (["JFK"] * 4 + ["EWR"]) * 100}
    )
    queue = count_cells(50, ["late"] * 50, {"origin": ["EWR"] * 50})
    return representativeness(training, production, queue, rows=(1000, 500, 50))


def test_cells_that_production_has_and_the_others_lack_are_named():
    made = compare()

    assert {str(one.cell) for one in made.training_lacks} == {
        "origin=EWR",
        "origin=EWR and class late",
        "origin=EWR and class on time",
    }
    assert "class on time" in {str(one.cell) for one in made.queue_lacks}
    assert "class late" not in {str(one.cell) for one in made.queue_lacks}


def test_shares_are_of_all_rows():
    [cell] = [one for one in compare().cells if one.cell == Cell("origin", "EWR", "late")]

    assert (cell.training, cell.production, cell.queue) == (0, 0.04, 1.0)
    low, high = cell.production_interval
    assert low < 0.04 < high


def test_the_distance_is_the_share_of_rows_that_would_have_to_move():
    made = compare()

    assert made.distance("origin") == pytest.approx(0.2)
    assert made.distance() == pytest.approx(0)
    assert made.distance("origin", of="queue") == pytest.approx(0.8)


def test_few_rows_accuse_nobody():
    training = count_cells(300, None, {"origin": ["JFK"] * 300})
    production = count_cells(20, None, {"origin": ["JFK"] * 19 + ["EWR"]})

    assert representativeness(training, production, rows=(300, 20, 0)).training_lacks == ()


def test_nothing_at_all_is_no_error():
    made = representativeness({}, {}, rows=(0, 0, 0))

    assert (made.cells, made.distance("origin")) == ((), 0)


def test_weights_undo_the_draw():
    counts = count_cells(2, ["a", "b"], {}, [10.0, 30.0])

    assert counts == {Cell(label="a"): 10.0, Cell(label="b"): 30.0}


def test_the_interval_is_wilsons():
    # statsmodels.stats.proportion.proportion_confint(15, 100, method="wilson")
    assert share_interval(15, 100) == pytest.approx((0.0931, 0.2328), abs=1e-4)
    assert share_interval(0, 0) == (0.0, 1.0)


def test_hostile_levels_stay_on_one_line_and_short():
    text = str(Cell("se\ngment", "\x1b[31m" + "x" * 500, None))

    assert text.isprintable()
    assert len(text) < 100
