"""Evidently as a second opinion: its own answers, told and never alarmed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp

from monitor.core.columns import Column
from monitor.core.errors import ConfigError
from monitor.external.evidently import Evidently
from monitor.steps import second_opinions

COLUMNS = (
    Column("id", "numeric", "id"),
    Column("moved", "numeric"),
    Column("same", "numeric"),
    Column("kind", "categorical"),
    Column('odd name."<b>', "boolean"),
    Column("text", "text"),
)


@pytest.fixture(scope="module")
def tables() -> tuple[pa.Table, pa.Table]:
    rng = np.random.default_rng(3)

    def table(shift: float) -> pa.Table:
        return pa.table(
            {
                "id": np.arange(400),
                "moved": rng.normal(shift, 1, 400),
                "same": pa.array([None, *rng.normal(0, 1, 399)]),
                "kind": rng.choice(["a", "b"], 400),
                'odd name."<b>': rng.choice([True, False], 400),
                "text": ["some words"] * 400,
            }
        )

    return table(0.0), table(1.0)


def test_its_tests_say_what_they_say_and_alarm_nobody(tables):
    names = ["evidently:ks", "evidently:anderson", "evidently:chisquare"]

    found = {(f.column, f.statistic): f for f in second_opinions.findings(names, *tables, COLUMNS)}

    assert {column for column, _ in found} == {"moved", "same", "kind", 'odd name."<b>'}
    assert ("kind", "anderson") not in found
    assert "says drift" in found["moved", "anderson"].message
    assert "says no drift" in found["same", "ks"].message
    assert not any(finding.drifted for finding in found.values())
    assert {finding.severity for finding in found.values()} == {"info"}


def test_the_score_is_that_of_scipy(tables):
    opinion = next(o for o in Evidently().judge(["ks"], *tables, COLUMNS) if o.column == "moved")

    expected = ks_2samp(*(table["moved"].to_numpy() for table in tables)).pvalue
    assert opinion.score == pytest.approx(expected, rel=1e-6)


def test_an_unknown_test_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'anderson'"):
        second_opinions.check(["evidently:andersen"])


def test_its_report_is_drawn_and_kept_in_a_workspace(tables, tmp_path):
    tool = Evidently()
    snapshot = tool.snapshot(*tables, COLUMNS)
    tool.save(snapshot, tmp_path / "evidently.html")
    tool.add(snapshot, str(tmp_path / "workspace"), "shop")

    assert (tmp_path / "evidently.html").stat().st_size > 100_000
    assert any((tmp_path / "workspace").rglob("*.json"))


def test_nobody_pays_for_it_who_does_not_use_it(tables, tmp_path):
    for name, table in zip(("a", "b"), tables, strict=True):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    files = [str(tmp_path / f"{name}.parquet") for name in ("a", "b")]
    program = (
        "import sys; from monitor.cli.main import main; "
        f"code = main(['compare', *{files!r}, '--json']); "
        "sys.exit(code or 10 * ('evidently' in sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, timeout=120
    )

    assert done.returncode == 0, done.stderr.decode()
