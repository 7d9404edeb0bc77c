"""Evidently as a second opinion: its own answers, whatever the data, and its own report."""

from __future__ import annotations

import decimal
import json
import math
import os
import re
import socket
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import cramervonmises_2samp, ks_2samp, ttest_ind

from monitor.core.columns import Column
from monitor.core.errors import PluginError, UsageError
from monitor.core.window import Window
from monitor.external import evidently_report
from monitor.external.evidently import AT_MOST, P_VALUES, Evidently

ROWS = 400
WEEK = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC))
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
COLUMNS = (
    Column("moved", "numeric"),
    Column("same", "numeric"),
    Column("kind", "categorical"),
    Column('odd name."', "boolean"),
    Column("words", "text"),
    Column("when", "datetime"),
)


@pytest.fixture(scope="module")
def tables() -> tuple[pa.Table, pa.Table]:
    rng = np.random.default_rng(3)
    vocabulary = np.array([f"word{n}" for n in range(500)])

    def table(shift: float) -> pa.Table:
        same = rng.normal(0, 1, ROWS)
        same[:3] = [np.inf, -np.inf, np.nan]
        return pa.table(
            {
                "moved": rng.normal(shift, 1, ROWS),
                "same": pa.array([None, *same[:-1]], from_pandas=False),
                "kind": rng.choice(["a", "b"], ROWS),
                'odd name."': rng.choice([True, False], ROWS),
                "words": [" ".join(rng.choice(vocabulary, 20)) for _ in range(ROWS)],
                "when": pa.array([WEEK.start] * ROWS),
            }
        )

    return table(0.0), table(1.0)


def opinions(names, tables, columns=COLUMNS):
    found = Evidently().judge(names, *tables, columns)
    return {(one.test, one.column): one for one in found}


def test_every_test_that_it_has_answers_on_what_it_is_made_for(tables):
    tool = Evidently()
    assert set(AT_MOST) | P_VALUES <= set(tool.tests())

    found = opinions(tool.tests(), tables)

    assert {test for test, _ in found} == set(tool.tests())
    assert {one.column for one in found.values()} == {c.name for c in COLUMNS} - {"when"}
    assert [one for one in found.values() if one.error] == []
    for (test, column), one in found.items():
        assert math.isfinite(one.score)
        assert (one.p_value == one.score) if test in P_VALUES else one.p_value is None
        if column == "moved":
            assert one.differs
        if test in P_VALUES:
            assert 0 <= one.score <= 1
            assert one.differs == (one.score < one.threshold)


def test_scores_are_those_of_scipy_on_the_finite_values(tables):
    found = opinions(["ks", "t_test", "cramer_von_mises"], tables)
    values = [table["same"].to_numpy() for table in tables]
    old, new = (column[np.isfinite(column)] for column in values)

    assert found["ks", "same"].p_value == pytest.approx(ks_2samp(old, new).pvalue)
    assert found["t_test", "same"].p_value == pytest.approx(ttest_ind(old, new).pvalue)
    expected = cramervonmises_2samp(old, new, method="asymptotic").pvalue
    assert found["cramer_von_mises", "same"].p_value == pytest.approx(expected, rel=1e-6)
    assert found["ks", "same"].n_reference == len(old) == ROWS - 4


def test_permutation_tests_say_the_same_again_and_leave_numpy_as_it_was(tables):
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002

    first, again = (opinions(["empirical_mmd"], tables, COLUMNS[1:2]) for _ in range(2))

    assert first == again
    assert np.random.random() == expected  # noqa: NPY002


def test_costly_tests_look_at_a_bounded_number_of_rows():
    rng = np.random.default_rng(0)
    tables = [pa.table({"x": rng.normal(size=3_000)}) for _ in range(2)]

    found = opinions(["empirical_mmd", "ks"], tables, (Column("x", "numeric"),))

    assert found["empirical_mmd", "x"].n_current == AT_MOST["empirical_mmd"]
    assert found["ks", "x"].n_current == 3_000


def test_fisher_takes_samples_of_two_sizes(tables):
    reference, current = tables

    one = opinions(["fisher_exact"], (reference, current.slice(0, 100)))["fisher_exact", "kind"]

    assert not one.error
    assert (one.n_reference, one.n_current) == (100, 100)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["1", "2.5", "many", None] * 25), "numeric"),
        (pa.array([decimal.Decimal("1.10"), decimal.Decimal("2.20")] * 50), "numeric"),
        (pa.array([True, False] * 50), "numeric"),
        (pa.array([1, 2**63] * 50, pa.uint64()), "numeric"),
        (pa.array(["a", "b"] * 50).dictionary_encode(), "categorical"),
        (pa.array([1, 2] * 50), "categorical"),
        (pa.array([b"\xff", b"a"] * 50), "categorical"),
        (pa.array([["a"], ["b"]] * 50), "categorical"),
    ],
)
def test_any_type_is_taken(values, kind):
    table = pa.table({"x": values})

    found = opinions(["psi"], (table, table), (Column("x", kind),))["psi", "x"]

    assert not found.error
    assert found.score == pytest.approx(0)


def test_whole_numbers_and_floats_are_the_same_levels():
    tables = pa.table({"x": [1, 2] * 50}), pa.table({"x": [1.0, 2.0, None, 1.0, 2.0] * 20})

    found = opinions(["jensenshannon"], tables, (Column("x", "categorical"),))

    assert found["jensenshannon", "x"].score == pytest.approx(0)


@pytest.mark.parametrize(
    ("name", "there"), [("gone", "window"), ("new", "reference"), ("void", "reference")]
)
def test_a_column_without_values_is_said_and_costs_no_other(name, there):
    rows = {"fine": np.arange(50.0), "void": pa.nulls(50)}
    tables = pa.table({**rows, "gone": rows["fine"]}), pa.table({**rows, "new": rows["fine"]})
    columns = (Column(name, "numeric"), Column("fine", "numeric"))

    found = opinions(["ks"], tables, columns)

    assert f"of the {there} holds no value" in found["ks", name].error
    assert math.isnan(found["ks", name].score)
    assert found["ks", "fine"].score == 1


def test_a_test_that_breaks_is_an_error_of_its_own():
    table = pa.table({"x": ["a", "b", "c"] * 20, "y": ["a", "b"] * 30})

    found = opinions(
        ["fisher_exact", "chisquare"],
        (table, table),
        (Column("x", "categorical"), Column("y", "categorical")),
    )

    assert "binary" in found["fisher_exact", "x"].error
    assert {key for key, one in found.items() if one.error} == {("fisher_exact", "x")}


def test_its_telemetry_is_off_and_its_warnings_and_words_stay_away(tables, capfd, monkeypatch):
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    before = list(warnings.filters)

    opinions(["anderson"], tables)  # scipy warns twice in there; here warnings are errors

    from evidently.telemetry import event_logger  # noqa: PLC0415 - its import is what is tried

    assert not event_logger.is_enabled()
    assert os.environ["DO_NOT_TRACK"] == "1"
    assert warnings.filters == before
    assert capfd.readouterr() == ("", "")


def test_an_unknown_test_is_refused(tables):
    with pytest.raises(PluginError, match="no column test 'nope'"):
        Evidently().judge(["nope"], *tables, COLUMNS)


def test_when_it_does_not_import_the_mend_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "evidently.legacy.calculations.stattests", None)

    with pytest.raises(PluginError, match="pip install"):
        Evidently().tests()


def hostile(shift: float) -> pa.Table:
    rng = np.random.default_rng(8)
    return pa.table(
        {
            ATTACK: rng.choice(["a", ATTACK], ROWS),
            ATTACK.replace("<", "‹").replace(">", "›"): rng.choice(["a", "b"], ROWS),
            "Index": rng.normal(shift, 1, ROWS),
            "void": pa.nulls(ROWS, pa.float64()),
            "when": pa.array([WEEK.start] * ROWS),
        }
    )


HOSTILE = tuple(
    Column(name, kind)
    for name, kind in zip(
        hostile(0).column_names,
        ("categorical", "categorical", "numeric", "numeric", "datetime"),
        strict=True,
    )
)


@pytest.fixture(scope="module")
def drawn():
    return evidently_report.draw(hostile(0), hostile(1), HOSTILE, monitor="shop", window=WEEK)


def test_its_report_is_one_page_in_which_no_value_runs(drawn, tmp_path):
    path = tmp_path / "new" / "evidently.html"

    evidently_report.save(drawn, path)

    page = path.read_text(encoding="utf-8")
    assert len(page) > 1_000_000
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert json.dumps("‹script›alert(1)")[1:-1] in page
    assert not re.search(r"<(script|link|img)[^<>]*(src|href)=.https?:", page)
    assert drawn.left_out == ("void", "when")


def test_a_page_that_cannot_be_written_is_a_clear_error(drawn, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match="cannot be written"):
        evidently_report.save(drawn, tmp_path / "file" / "evidently.html")


def test_a_column_that_it_breaks_on_is_left_out():
    rng = np.random.default_rng(1)
    # Every word is a stop word: its text classifier has nothing left to learn from.
    table = pa.table({"x": rng.normal(size=60), "words": ["the and of"] * 60})
    columns = (Column("x", "numeric"), Column("words", "text"))

    found = evidently_report.draw(table, table, columns, monitor="shop", window=WEEK)

    assert found.left_out == ("words",)
    with pytest.raises(PluginError, match="cannot draw"):
        evidently_report.draw(table, table, columns[1:], monitor="shop", window=WEEK)


def test_nothing_to_draw_is_a_clear_error():
    with pytest.raises(UsageError, match="No column"):
        evidently_report.draw(hostile(0), hostile(1), HOSTILE[3:], monitor="shop", window=WEEK)


def test_a_workspace_has_each_window_once(drawn, tmp_path):
    from evidently.ui.workspace import Workspace  # noqa: PLC0415 - imported when used

    place = Workspace.create(str(tmp_path))
    place.create_project("shop-2")  # a longer name is another project
    for _ in range(2):
        evidently_report.add(drawn, str(tmp_path), "shop")

    assert sorted(one.name for one in place.list_projects()) == ["shop", "shop-2"]
    project = next(one for one in place.list_projects() if one.name == "shop")
    runs = [place.get_run(project.id, run) for run in place.list_runs(project.id)]
    assert [run.timestamp for run in runs] == [WEEK.start]
    assert "<script" not in "".join(path.read_text() for path in Path(tmp_path).rglob("*.json"))


@pytest.mark.parametrize("kind", ["server", "file"])
def test_a_workspace_that_is_none_is_a_clear_error_without_its_password(drawn, tmp_path, kind):
    (tmp_path / "file").write_text("")
    workspace = (
        "http://me:secret@127.0.0.1:9" if kind == "server" else str(tmp_path / "file" / "under")
    )

    with pytest.raises(PluginError, match="did not take the snapshot") as caught:
        evidently_report.add(drawn, workspace, "shop")

    assert "secret" not in str(caught.value)


@pytest.fixture
def server(tmp_path):
    """A real `evidently ui` that wants a secret; the address where it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("evidently")
    command = [program, "ui", "--workspace", tmp_path / "ws", "--port", str(port)]
    environment = {**os.environ, "DO_NOT_TRACK": "1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--secret", "s3cret"], stdout=log, stderr=log, env=environment
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not answers(url):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/version").is_success
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.service
def test_a_real_server_takes_the_snapshot_from_whoever_knows_its_secret(drawn, server, monkeypatch):
    with pytest.raises(PluginError, match="did not take the snapshot"):
        evidently_report.add(drawn, server, "shop")
    monkeypatch.setenv("EVIDENTLY_SECRET", "s3cret")
    for _ in range(2):
        evidently_report.add(drawn, server, "shop")

    (project,) = httpx.get(f"{server}/api/projects/search/shop").json()
    reports = httpx.get(f"{server}/api/projects/{project['id']}/reports").json()
    assert len(reports) == 2
