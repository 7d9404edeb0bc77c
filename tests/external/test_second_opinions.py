"""Other tools' tests in a run: told beside our own verdicts, never an alarm, never a cost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.cli.main import main
from monitor.config import load
from monitor.core import plugins
from monitor.core.columns import Column
from monitor.core.errors import ConfigError, PluginError
from monitor.external.opinions import Opinion
from monitor.pipeline import Pipeline
from monitor.steps import second_opinions
from monitor.store.store import Store

DAYS, ROWS = 16, 300
CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
TESTS
[monitors.source]
kind = "files"
path = "days/*.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-15
[monitors.columns]
timestamp = "ts"
id = "id"
[[monitors.overrides]]
column = "unjudged"
ignore = true
"""
TESTS = 'tests = ["evidently:psi", "evidently:anderson", "evidently:chisquare"]'
COLUMNS = (Column("x", "numeric"), Column("y", "numeric"), Column("z", "text"))


class Oracle:
    """A tool at the port: it says what the test wants to hear."""

    def tests(self):
        return ("delphi", "dodona")

    def judge(self, names, reference, current, columns):
        del reference, current
        if "dodona" in names:
            msg = "the oak\nis silent"
            raise RuntimeError(msg)
        return [
            Opinion(column="x", test="delphi", score=0.001, p_value=0.001, threshold=0.05,
                    differs=True, n_reference=7, n_current=8),
            Opinion(column="y", test="delphi", score=float("nan"), error="no\nsmoke"),
        ]  # fmt: skip


@pytest.fixture
def oracle(monkeypatch):
    monkeypatch.setattr(plugins, "load", lambda room, name: Oracle)


def findings(tests):
    return second_opinions.findings(tests, pa.table({}), pa.table({}), COLUMNS)


def test_an_opinion_is_told_and_never_alarms(oracle):
    said, silent, left_out = findings(["oracle:delphi"])

    assert (said.check, said.column, said.statistic) == ("external.oracle", "x", "delphi")
    assert (said.value, said.p_value, said.threshold) == (0.001, 0.001, 0.05)
    assert (said.n_reference, said.n_current) == (7, 8)
    assert said.message == (
        "Oracle's delphi says drift in x (p-value 0.001, its threshold 0.05); "
        "it does not control false alarms over columns and windows."
    )
    assert (
        silent.message == "Oracle's delphi says nothing about y: no\N{REPLACEMENT CHARACTER}smoke"
    )
    assert left_out.column is None
    assert left_out.value == 1
    assert "1 of the 3 judged columns: z (text)" in left_out.message
    assert not any(finding.drifted for finding in (said, silent, left_out))
    assert {finding.severity for finding in (said, silent, left_out)} == {"info"}


def test_a_tool_that_breaks_is_one_finding(oracle):
    (broken,) = findings(["oracle:dodona"])

    assert broken.statistic == "check_failed"
    assert not broken.drifted
    assert "Oracle failed and was left out: RuntimeError: the oak" in broken.message
    assert broken.message.isprintable()


def test_a_test_named_twice_is_run_once(oracle):
    assert len(findings(["oracle:delphi"] * 2)) == len(findings(["oracle:delphi"]))


def test_an_unknown_test_names_the_nearest_and_all(oracle):
    second_opinions.check(["oracle:delphi", "oracle:dodona"])

    with pytest.raises(ConfigError, match=r"Did you mean 'oracle:delphi'\? oracle has: delphi, do"):
        second_opinions.check(["oracle:delfi"])


def test_an_unknown_tool_names_the_nearest():
    with pytest.raises(PluginError, match="Did you mean 'evidently'"):
        second_opinions.check(["evidentely:ks"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """Fifteen days alike and one on which `x` has moved."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "days").mkdir()
    for day in range(DAYS):
        rng = np.random.default_rng(day)
        moved = 2.0 if day == DAYS - 1 else 0.0
        micros = np.sort(rng.integers(0, 86_400_000_000, ROWS)).astype("timedelta64[us]")
        table = pa.table(
            {
                "id": [f"{day}-{n}" for n in range(ROWS)],
                "ts": np.datetime64("2024-01-01", "us") + np.timedelta64(day, "D") + micros,
                "x": rng.normal(moved, 1, ROWS),
                "unjudged": rng.normal(moved, 1, ROWS),
                "region": rng.choice(["north", "south"], ROWS),
            }
        )
        pq.write_table(table, folder / "days" / f"{day:02d}.parquet")
    for name, tests in (
        ("with", TESTS),
        ("without", ""),
        ("wrong", 'tests = ["evidently:andersen"]'),
    ):
        text = (
            f'[store]\nurl = "sqlite:///{name}.db"\n[report]\nfolder = "{name}"\n'
            + CONFIG.replace("TESTS", tests)
        )
        (folder / f"{name}.toml").write_text(text)
    return folder


def driftloop(capfd, *arguments: object) -> tuple[int, dict, str]:
    code = main([*map(str, arguments), "--json"])
    out, err = capfd.readouterr()
    return code, json.loads(out) if out else {}, err


@pytest.fixture(scope="module")
def stored(shop) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli", "run", "shop", "--json", "-c", shop / "with.toml"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    assert b"Warning" not in done.stderr
    return json.loads(done.stdout)


def test_a_run_tells_the_second_opinions_of_its_judged_columns(stored):
    found = [one for one in stored["findings"] if one["check"] == "external.evidently"]
    keys = {(one["statistic"], one["column"]) for one in found if one["column"]}

    assert keys == {("psi", "x"), ("psi", "region"), ("anderson", "x"), ("chisquare", "region")}
    values = {(one["statistic"], one["column"]): one for one in found}
    assert "says drift" in values["anderson", "x"]["message"]
    assert values["anderson", "x"]["n_current"] == ROWS
    assert values["anderson_left_out", None]["value"] == 1
    assert [alarm["key"] for alarm in stored["alarms"]] == ["column:x"]


def test_alarms_and_our_findings_are_the_same_without_them(shop, stored, capfd):
    code, document, _ = driftloop(capfd, "run", "shop", "-c", shop / "without.toml")

    assert code == 0
    ours = [one for one in stored["findings"] if not one["check"].startswith("external.")]
    assert document["findings"] == ours
    assert document["alarms"] == stored["alarms"]


def test_the_report_shows_them_and_our_distances_stay_ours(shop, stored):
    config = load(shop / "with.toml")
    with Store.open(config.store.url) as store:
        shown, _ = Pipeline(config, store).redraw(config.monitor("shop"))
    column = next(column for column in shown.columns if column.name == "x")
    found = {(one["check"], one["statistic"], one["column"]): one for one in stored["findings"]}
    ours, theirs = found["drift.numeric", "psi", "x"], found["external.evidently", "psi", "x"]

    assert column.distances["psi"] == ours["value"] != theirs["value"]
    assert theirs["message"] in {finding.message for finding in column.findings}
    assert not column.statement.startswith("Evidently")
    assert "psi says drift in x" in Path(stored["report"]).read_text(encoding="utf-8")


def test_evidentlys_report_is_drawn_from_the_store_alone(shop, stored, capfd, tmp_path):
    config, page = shop / "with.toml", tmp_path / "evidently.html"
    days = (shop / "days").rename(shop / "elsewhere")
    try:
        code, document, _ = driftloop(
            capfd, "report", "shop", "--evidently", "-o", page, "-c", config
        )
        assert (code, document["report"]) == (0, str(page))
        assert "region" in page.read_text(encoding="utf-8")

        place = tmp_path / "workspace"
        code, document, _ = driftloop(capfd, "report", "shop", "--workspace", place, "-c", config)
        assert (code, document["report"], document["workspace"]) == (0, None, str(place))
        assert any(place.rglob("snapshots/*.json"))
    finally:
        days.rename(shop / "days")


def test_a_wrong_name_fails_check_and_run_before_any_row_is_read(shop, capfd):
    code, document, _ = driftloop(capfd, "check", "-c", shop / "wrong.toml")
    failed = [one["message"] for one in document["checked"] if not one["ok"]]
    assert code == 1
    assert len(failed) == 1
    assert "Did you mean 'evidently:anderson'" in failed[0]

    code, _, err = driftloop(capfd, "run", "shop", "-c", shop / "wrong.toml")
    assert code == 1
    assert "Did you mean 'evidently:anderson'" in err
    assert "learning the reference" not in err


def test_nobody_pays_for_evidently_who_does_not_ask_it(shop):
    days = [str(shop / "days" / f"{day:02d}.parquet") for day in (0, DAYS - 1)]
    config = str(shop / "without.toml")
    calls = (
        ["compare", *days, "--json"],
        ["check", "-c", config],
        ["run", "shop", "-c", config],
        ["report", "shop", "-c", config],
    )
    program = f"""
import sys
from monitor.cli.main import main
from monitor.config import load
for call in {calls!r}:
    assert main(call) == 0, call
    assert "evidently" not in sys.modules, call
"""

    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, timeout=300
    )

    assert done.returncode == 0, done.stderr.decode()
