from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.spatial.distance
import scipy.stats

from monitor.checks.judged import Override
from monitor.checks.run import run_checks
from monitor.core.columns import Roles
from monitor.evidence.types import Gate
from tests.checks.scene import findings, only, scene, with_column, without
from tests.checks.tables import ROLES, flights

REFERENCE = flights(5000, seed=1)
CLEAN = flights(2000, seed=2)


@pytest.fixture(scope="module")
def clean():
    return scene(REFERENCE, CLEAN, ROLES)


@pytest.fixture(scope="module")
def moved():
    rng = np.random.default_rng(5)
    table = flights(2000, seed=3, shift=4.0)
    ports = rng.choice(["JFK", "LGA", "EWR", "SWF"], 2000, p=[0.4, 0.3, 0.2, 0.1])
    return scene(REFERENCE, with_column(table, "port", ports), ROLES)


def test_nothing_drifts_where_nothing_changed(clean):
    assert [one for one in run_checks(clean) if one.drifted] == []
    assert {one.severity for one in run_checks(clean)} == {"info"}


def test_the_reference_against_itself_finds_nothing():
    context = scene(REFERENCE, REFERENCE, ROLES)

    assert [one for one in run_checks(context) if one.drifted] == []


def test_a_moved_mean_is_one_sentence_with_its_numbers(moved):
    found = only(moved, "drift.numeric", "location", column="temp")

    assert found.drifted
    assert found.severity in {"warning", "critical"}
    assert found.value == pytest.approx(0.4, abs=0.1)
    assert found.interval[0] < 0.4 < found.interval[1]
    assert found.p_value < found.threshold
    assert (found.n_reference, found.n_current) == (5000, 2000)
    assert found.message.startswith("Mean moved up by 0.4")
    assert "→ 6" in found.message


def test_only_the_column_that_moved_drifts(moved):
    drifted = {one.column for one in run_checks(moved) if one.drifted}

    assert drifted == {"temp", "port"}


def test_a_new_level_is_named_with_rows(moved):
    verdict = only(moved, "drift.categorical", "level_share", column="port")
    named = only(moved, "quality.categories", "new_levels", column="port")

    assert verdict.drifted
    assert "'SWF'" in verdict.message or "'JFK'" in verdict.message
    assert named.drifted
    assert "'SWF'" in named.message
    assert 0 < len(named.rows) <= 20
    ports = dict(zip(*(moved.current.sample.table[c].to_pylist() for c in ("id", "port")),
                     strict=True))  # fmt: skip
    assert {ports[key] for key in named.rows} == {"SWF"}


def test_a_vanished_level_is_named():
    gone = CLEAN.filter(pa.compute.not_equal(CLEAN["port"], "EWR"))
    found = only(scene(REFERENCE, gone, ROLES), "quality.categories", "vanished_levels")

    assert found.column == "port"
    assert found.drifted
    assert "'EWR'" in found.message


def test_customary_distances_stand_beside_each_column_and_never_decide(moved):
    every = run_checks(moved)
    for column, statistics in {
        "temp": {"psi", "js", "ks", "wasserstein"},
        "wait": {"psi", "js", "ks", "wasserstein"},
        "score": {"psi", "js", "ks", "wasserstein"},
        "port": {"psi", "js", "chi2"},
        "sex": {"psi", "js", "chi2"},
        "late": {"psi", "js", "chi2"},
        "pred": {"psi", "js", "chi2"},
    }.items():
        own = [one for one in every if one.column == column and one.check.startswith("drift.")]
        found = {one.statistic: one for one in own if one.statistic in statistics}
        assert set(found) == statistics
        assert not any(one.drifted or one.severity != "info" for one in found.values())
        assert all(one.n_reference == 5000 and one.n_current == 2000 for one in found.values())


def test_ks_and_wasserstein_are_scipys_on_the_raw_values(moved):
    now = flights(2000, seed=3, shift=4.0)["temp"].to_numpy()
    old = REFERENCE["temp"].to_numpy()
    ks = only(moved, "drift.numeric", "ks", column="temp")
    earth = only(moved, "drift.numeric", "wasserstein", column="temp")

    assert ks.value == pytest.approx(scipy.stats.ks_2samp(old, now).statistic, abs=0.002)
    assert earth.value == pytest.approx(
        scipy.stats.wasserstein_distance(old, now) / old.std(ddof=1), rel=0.007
    )


def test_js_of_categories_is_scipys_with_the_bias_taken_out(moved):
    levels = ["EWR", "JFK", "LGA", "SWF"]
    old, new = (moved.reference.columns["port"].levels, moved.current.columns["port"].levels)
    raw = scipy.spatial.distance.jensenshannon(
        [old.get(one, 0) for one in levels], [new.get(one, 0) for one in levels]
    )
    delta = moved.verdicts["port"].design_effect
    bias = 3 * delta * (1 / 5000 + 1 / 2000) / 8

    assert only(moved, "drift.categorical", "js", column="port").value == pytest.approx(
        np.sqrt(raw**2 - bias)
    )


def test_few_rows_are_no_verdict():
    context = scene(REFERENCE, flights(3, seed=4, shift=30), ROLES)
    found = only(context, "drift.numeric", "rows", column="temp")

    assert not found.drifted
    assert found.severity == "info"
    assert found.value == 3
    assert "3 rows" in found.message
    assert "needed" in found.message
    assert not any(one.drifted for one in run_checks(context))


def test_labels_and_predictions_have_their_verdict_under_balance():
    rng = np.random.default_rng(6)
    table = with_column(CLEAN, "late", (rng.random(2000) < 0.5).astype(int))
    context = scene(REFERENCE, table, ROLES)
    verdict = only(context, "balance.label", "level_share")
    shares = [one for one in findings(context, "balance.label") if one.statistic == "class_share"]

    assert verdict.drifted
    assert verdict.column == "late"
    assert {one.segment for one in shares} == {"late=0", "late=1"}
    assert sum(one.value for one in shares) == pytest.approx(1)
    assert all(one.interval[0] < one.value < one.interval[1] for one in shares)
    assert not any(one.drifted for one in findings(context, "balance.prediction"))
    assert not any(
        one.drifted for one in findings(context, "drift.categorical") if one.column == "late"
    )


def test_drift_of_the_data_set_needs_half_of_the_columns(moved):
    found = only(moved, "drift.dataset")

    assert found.column is None
    assert found.value == pytest.approx(2 / 7)
    assert not found.drifted
    assert "'temp'" in found.message
    assert only(moved, "drift.dataset").threshold == 0.5
    assert findings(moved, "drift.dataset", min_share=0.2)[0].drifted


def test_a_person_can_widen_the_gate_or_switch_a_column_off():
    table = flights(2000, seed=3, shift=4.0)
    wide = scene(REFERENCE, table, ROLES, overrides={"temp": Override(gate=Gate(location=1.0))})
    off = scene(REFERENCE, table, ROLES, overrides={"temp": Override(judged=False)})

    assert only(wide, "drift.numeric", column="temp", drifted=False, segment=None,
                statistic="location").severity == "info"  # fmt: skip
    assert "temp" not in off.verdicts


def test_embedding_and_text_speak_under_their_own_names():
    rng = np.random.default_rng(7)

    def table(rows, seed, centre=0.0, word="hello "):
        r = np.random.default_rng(seed)
        vectors = r.normal(size=(rows, 16)) * np.linspace(3, 0.5, 16)
        vectors[:, 0] += centre
        words = [f"{word * int(k)}{i}" for i, k in enumerate(r.integers(1, 30, rows))]
        return pa.table(
            {
                "emb": pa.FixedSizeListArray.from_arrays(vectors.ravel().astype("f4"), 16),
                "note": words,
                "x": rng.normal(size=rows),
            }
        )

    roles = Roles(embeddings=("emb",), texts=("note",))
    context = scene(table(6000, 1), table(2000, 2, centre=3.0, word="HELLO! "), roles)
    emb = [one for one in findings(context, "drift.embedding") if one.drifted]
    note = [one for one in findings(context, "drift.text") if one.drifted]

    assert [(one.column, one.statistic) for one in emb] == [("emb", "pc0")]
    assert [one.column for one in note] == ["note"]
    assert note[0].statistic in {"length", "pattern"}
    assert emb[0].message.startswith(
        "Embedding 'emb' differs from the reference, most clearly in pc0: mean moved"
    )
    assert {"psi", "js"} <= {one.statistic for one in findings(context, "drift.embedding")}
    assert not any(one.column in {"emb.pc0", "note.length"} for one in run_checks(context))


def test_times_are_not_judged_for_where_they_lie():
    def table(rows, start):
        times = np.datetime64(start, "s") + np.arange(rows).astype("m8[s]")
        return pa.table({"when": times, "x": np.random.default_rng(rows).normal(size=rows)})

    context = scene(table(3000, "2024-01-01"), table(1000, "2025-01-01"))

    assert not any(one.drifted for one in run_checks(context))
    assert "when" in context.verdicts


def test_values_that_hardly_repeat_are_judged_for_presence_only():
    def table(rows, seed):
        rng = np.random.default_rng(seed)
        return pa.table(
            {
                "hash": [f"{v:016x}" for v in rng.integers(0, 2**60, rows)],
                "x": rng.normal(size=rows),
            }
        )

    roles = Roles(kinds=(("hash", "categorical"),))
    context = scene(table(3000, 1), table(1000, 2), roles)

    assert context.series["hash"].labels == ("any value",)
    assert not any(one.drifted for one in run_checks(context))


def test_a_column_absent_from_the_window_is_left_to_the_schema(clean):
    context = scene(REFERENCE, without(CLEAN, "temp"), ROLES)
    drifted = [one for one in run_checks(context) if one.drifted]

    assert [one.check for one in drifted] == ["quality.schema"]
    assert "'temp'" in drifted[0].message
    assert "temp" in clean.verdicts
    assert "temp" not in context.verdicts


def test_a_column_called_like_a_scalar_is_the_one_that_is_judged():
    names = ["volume", "volume:rows", "performance:accuracy"]

    def table(seed):
        base = flights(2000, seed)
        for name in names:
            base = with_column(base, name, np.random.default_rng(seed).normal(size=2000))
        return base

    context = scene(table(1), table(2), ROLES, timed=True)

    assert {context.series[name].name for name in names} == set(names)
    assert not {spec.name for spec in context.scalars.specs} & set(names)
    assert not any(one.statistic == "check_failed" for one in run_checks(context))
