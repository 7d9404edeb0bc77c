"""`driftloop alarms` and `driftloop evidence` on a monitor in alarm."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from shop import CONFIG, rows_of


@pytest.fixture(scope="session")
def alarmed(tmp_path_factory):
    """A store in which `amount` is in alarm since 2024-02-05; copied by each test."""
    from monitor.cli.main import main  # noqa: PLC0415 - after the folder is there

    folder = tmp_path_factory.mktemp("alarmed")
    rows = rows_of()
    rows.loc[rows["ts"] >= pd.Timestamp("2024-02-05", tz="UTC"), "amount"] += 5
    rows.to_parquet(folder / "data.parquet")
    path = folder / "config.toml"
    path.write_text(CONFIG)
    days = ["--from", "2024-02-03", "--to", "2024-02-08"]
    assert main(["-c", str(path), "backfill", "shop", *days, "--json"]) == 0
    return folder


@pytest.fixture
def here(call, tmp_path, alarmed):
    for name in ("config.toml", "driftloop.db", "data.parquet"):
        (tmp_path / name).write_bytes((alarmed / name).read_bytes())
    return tmp_path


def listed(call, *arguments: str) -> list[dict]:
    said = call("alarms", "list", *arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)["alarms"]


@pytest.mark.usefixtures("here")
class TestAlarms:
    def test_the_list_names_each_alarm_with_its_budget(self, call):
        (alarm,) = [one for one in listed(call) if one["key"] == "column:amount"]

        assert alarm["state"] == "open"
        assert alarm["opened"].startswith("2024-02-05")
        assert alarm["once_in_years"] > 1
        text = call("alarms", "list", "shop").out
        assert "column:amount" in text
        assert "evidence that would come by chance" in text

    def test_the_mails_stand_beside_the_budget(self, call):
        call("alarms", "verdict", "shop", "column:amount", "false")
        said = json.loads(call("alarms", "list", "--json").out)

        mails = said["mails"]["shop"]
        assert mails["allowed_a_year"] == 1.0
        assert (mails["mails"], mails["false"]) == (1, 1)
        assert mails["interval"][0] < mails["false_a_year"] < mails["interval"][1]

    def test_a_verdict_is_told_with_who_and_why(self, call):
        said = call(
            "alarms", "verdict", "shop", "column:amount", "expected",
            "--note", "a price rise", "--by", "ana", "--json",
        )  # fmt: skip

        (note,) = json.loads(said.out)["notes"]
        assert (note["verdict"], note["by"], note["note"]) == ("expected", "ana", "a price rise")
        (alarm,) = [one for one in listed(call, "shop") if one["key"] == "column:amount"]
        assert alarm["verdict"]["by"] == "ana"
        assert "verdict: expected by ana: a price rise" in call("alarms", "list").out

    def test_all_open_alarms_are_acknowledged_at_once(self, call):
        assert call("alarms", "ack", "shop", "--for", "3d").code == 0

        assert all(one["acknowledged"]["until"] for one in listed(call))

    @pytest.mark.parametrize(
        "place", [("column:amount",), ("--column", "amount"), ()], ids=["alarm", "column", "all"]
    )
    def test_a_mute_ends_and_is_taken_back(self, call, place):
        assert call("alarms", "mute", "shop", *place).code == 0
        (alarm,) = [one for one in listed(call) if one["key"] == "column:amount"]
        assert alarm["muted"]["until"] is not None

        assert call("alarms", "unmute", "shop", *place).code == 0
        (alarm,) = [one for one in listed(call) if one["key"] == "column:amount"]
        assert alarm["muted"] is None

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("verdict", "shop", "column:nope", "real"), "has no alarm 'column:nope'"),
            (("ack", "shop", "--for", "soon"), "--for 12h"),
            (("mute", "shop", "--until", "2020-01-01"), "which is over"),
            (("mute", "shop", "--until", "2999-01-01", "--for", "1d"), "not both"),
            (("mute", "shop", "column:amount", "--column", "amount"), "not both"),
            (("list", "shpo"), "Did you mean 'shop'"),
        ],
    )
    def test_what_makes_no_sense_is_one_clear_error(self, refused, arguments, said):
        assert said in refused("alarms", *arguments)

    def test_another_budget_is_tried_without_the_data(self, call, here):
        (here / "data.parquet").unlink()
        said = call("evidence", "shop", "--false-alarms-per-year", "4", "--json")

        document = json.loads(said.out)
        assert document["false_alarms_per_year"] == {"config": 1.0, "tried": 4.0}
        assert document["windows"] == 5
        first = document["mails"][0]
        assert (first["would"], first["was"], first["why"]) == (True, True, "first")
        assert "column:amount" in first["alarms"]
        text = call("evidence", "shop", "--from", "2024-02-06").out
        assert "2 stored windows" in text

    def test_a_budget_of_nothing_is_wrong_usage(self, call):
        assert call("evidence", "shop", "--false-alarms-per-year", "0").code == 2

    def test_a_monitor_that_was_never_run_is_said(self, refused, here):
        (here / "config.toml").write_text(CONFIG.replace('"shop"', '"other"'))
        assert "driftloop run other" in refused("evidence", "other")
