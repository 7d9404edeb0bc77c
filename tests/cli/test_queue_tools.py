"""`driftloop queue push|pull|similar` on a small monitor; a real tool is in tests/labeling."""

from __future__ import annotations

import csv
import json

import pytest


@pytest.fixture
def ran(call, here):
    """The folder after two windows were run."""
    said = call("backfill", "shop", "--from", "2024-02-01", "--to", "2024-02-03")
    assert said.code == 0, said.err
    return here


def listed(call, *more: str) -> list[dict]:
    return json.loads(call("queue", "list", "shop", "--json", *more).out)["rows"]


def test_more_rows_like_some_join_the_queue(call, ran):
    (first, *_) = listed(call)
    said = call("queue", "similar", "shop", "--to", first["id"], "-n", "3", "--json")

    document = json.loads(said.out)
    assert (said.code, document["added"], len(document["rows"])) == (0, 3, 3)
    assert [one["similarity"] for one in document["rows"]] == sorted(
        (one["similarity"] for one in document["rows"]), reverse=True
    )
    asked = [one for one in listed(call) if one["reason"] == "similar"]
    assert {one["id"] for one in asked} == {one["id"] for one in document["rows"]}
    assert {one["inclusion_probability"] for one in asked} == {None}
    assert first["id"] in asked[0]["reason_text"]
    again = call("queue", "similar", "shop", "--to", first["id"], "-n", "3", "--json")
    assert not {one["id"] for one in json.loads(again.out)["rows"]} & {one["id"] for one in asked}


def test_a_dry_run_adds_nothing_and_the_export_has_the_rows(call, ran):
    (first, second, *_) = listed(call)
    before = len(listed(call))
    said = call(
        "queue", "similar", "shop", "--to", f"{first['id']},{second['id']}", "-n", "2",
        "--dry-run", "--export", "--format", "jsonl",
    )  # fmt: skip

    items = [json.loads(line) for line in said.out.splitlines()]
    assert (said.code, len(items)) == (0, 2)
    assert {one["reason"] for one in items} == {"similar"}
    assert len(listed(call)) == before


def test_rows_that_are_asked_for_have_a_limit_of_their_own(call, ran):
    config = ran / "config.toml"
    config.write_text(config.read_text() + "similar_limit = 1\n")
    (first, *_) = listed(call)
    said = call("queue", "similar", "shop", "--to", first["id"], "-n", "10", "--json")

    document = json.loads(said.out)
    assert (document["added"], document["left_out"]) == (2, 8)  # one a window


def test_a_row_that_no_sample_has_is_one_clear_error(refused, ran):
    assert "No stored sample has a row 'nobody'" in refused(
        "queue", "similar", "shop", "--to", "nobody"
    )


def test_labels_in_a_file_become_labels_of_the_queue_once(call, ran):
    ids = [one["id"] for one in listed(call)]
    with (ran / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("id", "label", "annotator"), *((one, "1", "anna") for one in ids[:4]),
             (ids[4], "no class", "anna"), ("nobody", "1", "anna"), (ids[5], "", "")]
        )  # fmt: skip
    arguments = ("queue", "pull", "shop", "--file", "labels.csv", "--format", "csv", "--json")
    (first,) = json.loads(call(*arguments).out)["monitors"]
    (again,) = json.loads(call(*arguments).out)["monitors"]

    assert (first["new"], first["unknown"], first["unlabelled"]) == (4, ["nobody"], 1)
    assert [one["id"] for one in first["refused"]] == [ids[4]]
    assert (again["new"], again["unchanged"]) == (0, 4)
    assert {one["id"] for one in listed(call, "--state", "labelled")} == set(ids[:4])


def test_what_is_exported_is_what_a_file_brings_back(call, ran):
    call("queue", "export", "shop", "--format", "jsonl", "-o", ran / "out.jsonl")
    items = [json.loads(line) for line in (ran / "out.jsonl").read_text().splitlines()]
    assert set(items[0]) >= {
        "id", "monitor", "window", "reason", "score", "inclusion_probability", "weight", "data",
        "prediction",
    }  # fmt: skip
    lines = [json.dumps({**one, "label": str(one["prediction"])}) for one in items]
    (ran / "back.jsonl").write_text("\n".join(lines))
    said = call("queue", "pull", "shop", "--file", "back.jsonl", "--format", "jsonl", "--json")

    (pulled,) = json.loads(said.out)["monitors"]
    assert (pulled["new"], pulled["refused"], pulled["unknown"]) == (len(items), [], [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["queue", "push", "shop"], "names no annotation tool"),
        (["queue", "push"], "No monitor names an annotation tool"),
        (["queue", "pull"], "No monitor names an annotation tool"),
        (["queue", "pull", "shop", "--file", "data.parquet"], "--file and --format together"),
        (["queue", "pull", "--file", "data.parquet", "--format", "csv"], "Name the monitor"),
        (["queue", "pull", "shop", "--file", "data.parquet", "--format", "csv"], "no CSV file"),
        (["queue", "pull", "shop", "--file", "data.parquet", "--format", "nope"], "there are"),
        (["queue", "similar", "shop", "--to", "1", "--export", "--json"], "standard output"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(refused, ran, arguments, says):
    assert says in refused(*arguments)
