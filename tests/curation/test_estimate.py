from __future__ import annotations

import numpy as np
import pytest

from monitor.curation.estimate import Answers, estimate
from monitor.curation.rows import Candidates, ReferenceRows
from monitor.curation.select import draw_rows, plan

BUDGET, ROWS = 300, 1500


@pytest.fixture(scope="module")
def window():
    """A quarter of the rows drifted; the model errs more there, and its own expectation is off."""
    rng = np.random.default_rng(8)
    features = rng.normal(size=(ROWS, 3))
    drifted = np.arange(ROWS) < ROWS // 4
    features[drifted] += 1
    correct = (rng.random(ROWS) < np.where(drifted, 0.45, 0.9)).astype(float)
    expected = np.clip(0.9 - 0.08 * features[:, 0] + rng.normal(scale=0.05, size=ROWS), 0, 1)
    candidates = Candidates(tuple(range(ROWS)), features, population=ROWS)
    reference = ReferenceRows(rng.normal(size=(1500, 3)))
    return plan(candidates, reference, budget=BUDGET), correct, expected


@pytest.fixture(scope="module")
def draws(window):
    """Draws by their number of seeds, each made once."""
    made: list[np.ndarray] = []

    def first(seeds):
        made.extend(
            draw_rows(window[0], np.random.default_rng(seed)) for seed in range(len(made), seeds)
        )
        return made[:seeds]

    return first


def answers_of(window, rows, share=1.0, *, model=True, sizes=False):
    design, correct, expected = window
    rows = rows[: round(share * len(rows))]
    keys = design.pool[rows]
    return Answers(
        values=correct[keys],
        inclusion_probabilities=design.row_probabilities[rows],
        expected=expected[keys] if model else None,
        expected_mean=float(expected.mean()) if model else None,
        pushed=BUDGET,
        sizes=design.sizes[design.units.of_row[rows]] if sizes else None,
        sizes_mean=float(design.sizes[design.units.of_row].mean()) if sizes else None,
    )


@pytest.mark.parametrize("seeds", [150, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize(
    "known",
    [{}, {"model": False}, {"sizes": True}],
    ids=["by the model", "labels alone", "by the model and the sizes"],
)
def test_the_estimate_is_unbiased_and_its_interval_covers(window, draws, seeds, share, known):
    truth = window[1].mean()
    made = [
        estimate(answers_of(window, rows, share, **known), bounds=(0, 1)) for rows in draws(seeds)
    ]
    values = np.array([one.value for one in made])

    assert abs(values.mean() - truth) < 3 * values.std() / np.sqrt(seeds)
    covered = [low <= truth <= high for low, high in (one.interval for one in made)]
    assert np.mean(covered) > 0.92 - 3 * np.sqrt(0.92 * 0.08 / seeds)


def test_the_plain_mean_of_the_labels_is_off(window, draws):
    plain = np.mean([np.mean(answers_of(window, rows).values) for rows in draws(50)])

    assert window[1].mean() - plain > 0.05


def test_a_model_that_knows_narrows_the_interval():
    rng = np.random.default_rng(1)
    expected = rng.random(5000)
    values = (rng.random(5000) < expected).astype(float)
    rows = rng.choice(5000, 300, replace=False)
    pi = np.full(300, 0.06)

    alone = estimate(Answers(values[rows], pi))
    helped = estimate(Answers(values[rows], pi, expected[rows], float(expected.mean())))

    assert helped.lam > 0.8
    assert helped.standard_error < 0.9 * alone.standard_error


def test_what_rows_weighed_in_the_draw_narrows_the_interval(window, draws):
    def width(sizes):
        made = (answers_of(window, rows, model=False, sizes=sizes) for rows in draws(30))
        return np.mean([estimate(one, bounds=(0, 1)).standard_error for one in made])

    assert width(sizes=True) < 0.98 * width(sizes=False)


def test_a_window_whose_draw_is_not_known_leaves_the_sizes_out():
    rng = np.random.default_rng(3)
    weeks = [
        Answers(rng.random(40), np.full(40, 0.1), sizes=rng.random(40), sizes_mean=mean)
        for mean in (0.5, None)
    ]

    made = estimate(weeks)

    assert made.value == pytest.approx(np.mean([np.mean(one.values) for one in weeks]))


def test_a_model_that_knows_nothing_does_no_harm():
    rng = np.random.default_rng(2)
    values, noise = rng.random(400), rng.random(400)

    made = estimate(Answers(values, np.full(400, 0.1), noise, 0.9))

    assert made.lam < 0.15
    assert made.value == pytest.approx(values.mean(), abs=0.08)


def test_simple_random_sampling_is_the_textbook():
    values = np.arange(50.0)
    made = estimate(Answers(values, np.full(50, 0.25)))

    assert made.value == values.mean()
    assert made.standard_error == pytest.approx(np.sqrt(0.75 * values.var(ddof=1) / 50))
    assert made.n_eff == pytest.approx(50)


def test_few_labels_give_no_interval_and_say_so():
    made = estimate(Answers(np.ones(12), np.full(12, 0.1), np.full(12, 0.7), 0.8))

    assert made.interval is None
    assert made.note == "12 labels (12 effective): too few for an interval, 30 needed."
    # Below 20 labels λ is 1: 0.8 + (1 − 0.7).
    assert (made.lam, made.value) == (1.0, pytest.approx(1.1))
    assert estimate(Answers(np.ones(12), np.full(12, 0.1)), bounds=(0, 1)).value == 1


def test_windows_are_pooled_until_there_are_enough():
    rng = np.random.default_rng(3)
    weeks = [Answers(rng.random(12), np.full(12, 0.1), population=120) for _ in range(4)]

    made = estimate(weeks)

    assert made.interval is not None
    assert (made.n, "of 4 windows" in made.note) == (48, True)


def test_windows_weigh_by_their_rows():
    small = Answers(np.zeros(10), np.full(10, 0.1), np.zeros(10), 0.0, population=100)
    large = Answers(np.ones(10), np.full(10, 10 / 900), np.ones(10), 1.0, population=900)

    assert estimate([small, large]).value == pytest.approx(0.9)


def test_labels_that_all_agree_do_not_claim_certainty():
    made = estimate(Answers(np.ones(60), np.full(60, 0.1)), bounds=(0, 1))

    assert made.interval == (pytest.approx(0.025 ** (1 / 60)), 1.0)


def test_the_interval_of_a_rate_stays_inside_its_bounds_and_is_not_symmetric():
    made = estimate(Answers([0.0] + [1.0] * 39, np.full(40, 0.1)), bounds=(0, 1))

    low, high = made.interval
    assert 0 < low < made.value < high < 1
    assert high - made.value < made.value - low


def test_skipped_rows_stand_beside_the_estimate():
    made = estimate(Answers(np.ones(30), np.full(30, 0.1), pushed=50, skipped=10))

    assert made.share_missing == 0.25
    assert "25% of the rows came back without a label" in made.note


def test_half_a_queue_is_less_certain_about_a_small_window():
    values = np.tile([0.0, 1.0], 20)
    whole = estimate(Answers(values, np.full(40, 0.8), pushed=40))
    half = estimate(Answers(values, np.full(40, 0.8), pushed=80))

    assert half.value == whole.value
    assert half.standard_error > whole.standard_error


def test_answers_that_are_no_numbers_are_left_out():
    values = np.array([1.0, np.nan, 0.0])

    made = estimate(Answers(values, np.full(3, 0.5)))

    assert (made.n, made.share_missing) == (2, pytest.approx(1 / 3))


@pytest.mark.parametrize("none", [Answers([], []), []])
def test_no_labels_say_so(none):
    made = estimate(none)

    assert np.isnan(made.value)
    assert (made.interval, made.note) == (None, "No labels yet.")


def test_one_label_has_a_value_and_no_error():
    made = estimate(Answers([1.0], [0.5]))

    assert (made.value, made.standard_error, made.interval) == (1.0, None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"values": [1, 2], "inclusion_probabilities": [0.5]},
        {"values": [1], "inclusion_probabilities": [0.0]},
        {"values": [1], "inclusion_probabilities": [1.5]},
        {"values": [1], "inclusion_probabilities": [float("nan")]},
        {"values": [1], "inclusion_probabilities": [0.5], "expected": [1, 2]},
        {"values": [1], "inclusion_probabilities": [0.5], "sizes": [1, 2]},
    ],
)
def test_arrays_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match=r"inclusion prob|expectations|sizes"):
        Answers(**wrong)


def test_one_label_of_a_unit_of_copies_speaks_for_all_of_them():
    """A third of the window is three rows that come again and again; their answers are alike."""
    rng = np.random.default_rng(6)
    features = rng.normal(size=(900, 4))
    features[600:] = features[np.repeat([0, 1, 2], 100)] + rng.normal(scale=1e-4, size=(300, 4))
    correct = (rng.random(900) < 0.7).astype(float)
    correct[600:] = correct[np.repeat([0, 1, 2], 100)]
    candidates = Candidates(tuple(range(900)), features, population=900)
    design = plan(candidates, ReferenceRows(rng.normal(size=(900, 4))), budget=150)
    sizes = design.units.sizes[design.units.of_row]

    made, alone = [], []
    for seed in range(150):
        rows = draw_rows(design, np.random.default_rng(seed))
        pi = design.row_probabilities[rows]
        made.append(estimate(Answers(correct[rows], pi, copies=sizes[rows]), bounds=(0, 1)))
        alone.append(estimate(Answers(correct[rows], pi), bounds=(0, 1)))
    truth = correct.mean()

    assert sizes.max() == 101
    values = np.array([one.value for one in made])
    assert abs(values.mean() - truth) < 3 * values.std() / np.sqrt(150)
    assert all(one.interval is not None for one in made)
    covered = np.mean([low <= truth <= high for low, high in (one.interval for one in made)])
    assert covered > 0.92 - 3 * np.sqrt(0.92 * 0.08 / 150)
    assert made[0].n_eff > 2 * alone[0].n_eff
    assert made[0].standard_error < 0.7 * alone[0].standard_error


def test_copies_must_be_as_many_as_values():
    with pytest.raises(ValueError, match="numbers of copies"):
        Answers([1.0, 0.0], [0.5, 0.5], copies=[1])
