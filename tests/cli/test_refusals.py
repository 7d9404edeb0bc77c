"""What a user gets wrong: exit 1 or 2, one error with the mend, nothing on standard output."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop import CONFIG

ENDINGS = ["parquet", "csv", "jsonl", "arrow", "feather", "csv.gz", "txt", "xlsx"]
NOISE = np.random.default_rng(1).bytes(5_000)
ROLES = [
    "label", "prediction", "score", "id", "timestamp", "model-version", "embedding", "segment",
    "ignore",
]  # fmt: skip


@pytest.fixture
def good(tmp_path) -> Path:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"id": range(300), "x": rng.normal(size=300)})
    frame["kind"] = rng.choice(["a", "b"], 300)
    frame.to_csv(tmp_path / "good.csv", index=False)
    return tmp_path / "good.csv"


def both_ways(refused, good: Path, bad: Path | str) -> list[str]:
    return [
        refused("compare", good, bad, "--json"),
        refused("compare", bad, good, "--json"),
        refused("init", bad, "-o", "never.toml"),
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_random_bytes_are_not_what_their_name_says(refused, good, tmp_path, ending):
    path = tmp_path / f"noise.{ending}"
    path.write_bytes(NOISE)

    assert all(str(path) in message for message in both_ways(refused, good, path))
    assert not (tmp_path / "never.toml").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "not one row"),
        ("empty.parquet", b"", "not one row"),
        ("empty.jsonl", b"", "not one row"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), "not one row"),
        ("header.csv", b"id,x,kind\n", "not one row"),
        ("twice.csv", b"x,x\n1,2\n3,4\n", "carry one name: 'x'"),
        ("nothing.csv", None, "no file or folder"),
        ("folder", "folder", "holds no Parquet"),
        ("*.nope", None, "No file matches"),
    ],
)
def test_nothing_to_compare(refused, good, tmp_path, *, name, content, said):
    if content == "folder":
        (tmp_path / name).mkdir()
    elif content is not None:
        (tmp_path / name).write_bytes(content)

    assert all(said in message for message in both_ways(refused, good, tmp_path / name))


def test_two_columns_of_one_name_in_parquet(refused, good, tmp_path):
    table = pa.table([pa.array([1, 2]), pa.array([3, 4])], names=["x", "x"])
    pq.write_table(table, tmp_path / "twice.parquet")

    for message in both_ways(refused, good, tmp_path / "twice.parquet"):
        assert "carry one name: 'x'" in message


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.csv", "foo://nope/x.csv", "", "\0"])
def test_places_that_are_none(refused, good, url):
    both_ways(refused, good, url)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_on_a_column_that_is_not_there(refused, good, role):
    message = refused("compare", good, good, f"--{role}", "kinds", "--json")

    assert "'kinds'" in message
    assert "Did you mean 'kind'?" in message
    assert "id, x, kind" in message


def test_names_of_columns_do_not_reach_the_terminal_as_commands(refused, tmp_path):
    evil = {f"\x1b]0;owned\x07{number}" * 20: [1, 2] for number in range(500)}
    pq.write_table(pa.table(evil), tmp_path / "evil.parquet")
    path = tmp_path / "evil.parquet"

    message = refused("compare", path, path, "--label", "nope", "--json")

    assert "and 460 more" in message
    assert len(message) < 4_000


@pytest.mark.parametrize("place", ["good.csv/out.html", "/proc/out.html"])
def test_a_report_that_cannot_be_written(refused, good, place):
    assert "cannot be written" in refused("compare", good, good, "--html", place, "--json")


def test_a_config_that_cannot_be_written(refused, good):
    assert "cannot be written" in refused("init", good, "-o", "no/such/folder/config.toml")


def test_a_name_that_is_none(refused, good, tmp_path):
    assert "up to 100 letters" in refused("init", good, "--name", "../shop")
    assert list(tmp_path.iterdir()) == [good]


def test_init_does_not_write_over_a_config(refused, good, tmp_path):
    (tmp_path / "config.toml").write_text("precious")

    assert "--force" in refused("init", good)
    assert (tmp_path / "config.toml").read_text() == "precious"


def test_a_demo_goes_into_no_folder_that_holds_something_else(refused, good, tmp_path):
    assert "not empty" in refused("demo", tmp_path, "--json")


WRONG = [
    ("window =", "windoww =", "monitors[shop].windoww is not a known key; did you mean 'window'?"),
    ("[store]", "[stor]", "did you mean 'store'?"),
    ('"1d"', "7", "monitors[shop].window = 7"),
    ('"1d"', '"7 bananas"', "is not a window length"),
    ('"UTC"', '"Europe/Berlim"', "did you mean 'Europe/Berlin'?"),
    ('"UTC"', '"UTC"\nschedule = "0 6 * mon"', "is not a cron line"),
    ('"UTC"', '"UTC"\nschedule = 5', "schedule = 5"),
    ('"UTC"', '"UTC"\nengine = "spork"', "no plug-in 'spork'"),
    ('"UTC"', '"UTC"\ntests = ["evidently:kss"]', "Did you mean 'evidently:ks'?"),
    ('"data.parquet"', '"${NO_SUCH_VARIABLE}.parquet"', "NO_SUCH_VARIABLE, which is not set"),
    ('"data.parquet"', '"nope.parquet"', "no file or folder"),
    ('kind = "mail"', 'kind = "mial"', "Did you mean 'mail'?"),
    ('kind = "files"', 'kind = "fils"', "Did you mean 'files'?"),
    ('name = "shop"', 'name = "../shop"', "no name for files and links"),
    ('"sqlite:///driftloop.db"', '"nonsense"', "store.url"),
    ('"sqlite:///driftloop.db"', '"mysql://x"', "store.url"),
    ('"sqlite:///driftloop.db"', '"sqlite:///"', "a file"),
    ('"sqlite:///driftloop.db"', '"sqlite:///no/folder/x.db"', "cannot be created"),
    ('"sqlite:///driftloop.db"', '"sqlite:///data.parquet"', "not a database"),
    ('"sqlite:///driftloop.db"', '"postgresql://u:s3cret@127.0.0.1:1/x"', "Connection refused"),
    ('label = "label"', 'label = "labl"', "Did you mean 'label'?"),
    ('timestamp = "ts"', 'timestamp = "tss"', "Did you mean 'ts'?"),
    ('timestamp = "ts"', 'timestamp = "kind"', "no time"),
    ('label = "label"', 'label = "id"', "two roles, id and label"),
    ('segments = ["kind"]', 'segments = ["kinds"]', "Did you mean 'kind'?"),
    ('embeddings = ["vector"]', 'embeddings = ["vectro"]', "Did you mean 'vector'?"),
    ("start = 2024-01-01", "start = 2034-01-01", "must end after it starts"),
    ("= 2024-0", "= 2034-0", "lies in the reference"),
    ("window =", "window = = =", "is not TOML"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=[said for _, _, said in WRONG])
def test_a_wrong_config(refused, here, old, new, said):
    assert old in CONFIG
    (here / "config.toml").write_text(CONFIG.replace(old, new))

    message = refused("run", "shop", "--json")

    assert said in message
    assert "s3cret" not in message


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00\x01", b""])
def test_a_config_that_is_none(refused, tmp_path, content):
    if content is not None:
        (tmp_path / "config.toml").write_bytes(content)

    assert "config.toml" in refused("run", "shop", "--json")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "shopp", "--json"], "Did you mean 'shop'?"),
        (["run", "shop", "--window", "nonsense", "--json"], "--window 'nonsense'"),
        (["run", "shop", "--window", "2024-02-05/2024-02-01", "--json"], "END after START"),
        (["run", "shop", "--window", "2024-02-05", "--json"], "START/END"),
        (["backfill", "shop", "--from", "x", "--json"], "--from 'x'"),
        (["backfill", "shop", "--from", "2024-02-05", "--to", "2024-02-01", "--json"], "no whole"),
        (["report", "shop", "--json"], "no store"),
        (["queue", "list", "shop", "--json"], "no store"),
        (["queue", "export", "shop"], "no store"),
        (["reference", "list", "shop", "--json"], "no store"),
        (["report", "shop", "--week", "garbage", "--json"], "no store"),
    ],
)
def test_a_wrong_question(refused, here, arguments, said):
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "shop", "--json"], "`driftloop run shop` does"),
        (["report", "shop", "--week", "garbage", "--json"], "is no day"),
        (["report", "shop", "--week", "2024-02-05", "--json"], "was run yet"),
        (["queue", "export", "shop", "--format", "nope"], "there are: coco, csv"),
        (["queue", "list", "shop", "--state", "nope", "--json"], "there are: proposed"),
        (["queue", "list", "nope", "--json"], "Monitors: shop"),
        (["reference", "promote", "shop", "7"], "no reference of version 7"),
        (["reference", "rollback", "shop"], "no earlier reference"),
    ],
)
def test_a_question_before_any_run(call, refused, here, arguments, said):
    assert call("db", "upgrade").code == 0

    assert said in refused(*arguments)


def test_an_export_that_cannot_be_made_leaves_the_file_that_was_there(call, refused, here):
    call("db", "upgrade")
    (here / "tasks.json").write_text("precious")

    refused("queue", "export", "shop", "--format", "nope", "-o", here / "tasks.json")

    assert (here / "tasks.json").read_text() == "precious"
