"""A config loads whole, or one error lists everything that is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config import load
from monitor.core.columns import Roles
from monitor.core.errors import ConfigError, SecretError
from monitor.core.window import Window
from monitor.sources.files import Files

SKELETON = """
[store]
url = "sqlite:///driftloop.db"
[budget]
false_alarms_per_year = 1.0
[[monitors]]
name = "flights"
window = "7d"
engine = "local"
schedule = "0 6 * * mon"
timezone = "Europe/Berlin"
for_each = "carrier"
[monitors.source]
kind = "files"
path = "data/*.parquet"
[monitors.reference]
start = 2013-01-01
end = 2013-03-01
[monitors.labels]
kind = "files"
path = "labels/*.parquet"
[monitors.columns]
timestamp = "ts"
id = "id"
label = "late15"
prediction = "pred"
score = "score"
model_version = "model"
segments = ["carrier", "origin"]
embeddings = ["embedding"]
images = []
texts = []
ignore = []
[[monitors.rules]]
column = "distance"
min = 0
[monitors.queue]
budget = 50
"""


@pytest.fixture
def write(tmp_path):
    def _write(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_the_skeleton_of_the_design_loads(write, tmp_path):
    config = load(write(SKELETON))

    flights = config.monitor("flights")
    assert config.store.url == f"sqlite:///{tmp_path / 'driftloop.db'}"
    assert config.report.folder == tmp_path / "reports"
    assert isinstance(flights.source.options, Files.Options)
    assert flights.reference_window == Window(
        datetime(2012, 12, 31, 23, tzinfo=UTC), datetime(2013, 2, 28, 23, tzinfo=UTC)
    )
    assert flights.columns.roles() == Roles(
        timestamp="ts",
        id="id",
        label="late15",
        prediction="pred",
        scores=("score",),
        model_version="model",
        segments=("carrier", "origin"),
        embeddings=("embedding",),
    )
    assert config.allowance(config.monitors[0]) == 1.0


def test_a_reference_of_its_own_is_checked_by_its_plugin(write):
    config = load(write(SKELETON.replace("start = 2013-01-01\nend = 2013-03-01", 'path = "r.csv"')))

    reference = config.monitors[0].reference
    assert reference.kind == "files"
    assert reference.options.path == ("r.csv",)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[store]\nurl", "[store]\nulr", ["store.ulr", "did you mean 'url'?"]),
        ('window = "7d"', 'window = "7x"', ["window = '7x'", '"7d"']),
        ("0 6 * * mon", "0 6 * *", ["schedule = '0 6 * *'", "five fields"]),
        ("Europe/Berlin", "Europe/Berln", ["timezone", "did you mean 'Europe/Berlin'"]),
        ('kind = "files"\npath = "data', 'kind = "flies"\npath = "data', ["Did you mean 'files'?"]),
        ('path = "data/*.parquet"', "", ["monitors[flights].source.path is missing"]),
        ('path = "data', 'pth = 1\npath = "data', ["source.pth", "did you mean 'path'?"]),
        ("end = 2013-03-01", "end = 2012-03-01", ["reference", "end after it starts"]),
        ("end = 2013-03-01", "", ["reference", "needs both start and end"]),
        ("start = 2013-01-01", "start = 5", ["reference.start = 5", "2024-01-31"]),
        ('timestamp = "ts"', 'timestmp = "ts"', ["timestmp", "did you mean 'timestamp'?"]),
        ('timestamp = "ts"', "", ["start and end", "no timestamp column"]),
        ('label = "late15"', 'label = "id"', ["'id' two roles, id and label"]),
        ("min = 0", "min = 2\nmax = 1", ["rules[1]", "min 2 above max 1"]),
        ("min = 0", "", ["says nothing about column 'distance'"]),
        ("min = 0", 'pattern = "("', ["is not a regular expression"]),
        ("[[monitors.rules]]", "[monitors.rules]", ["two brackets"]),
        ("budget = 50", "budget = -1", ["queue.budget = -1", "greater than or equal to 0"]),
        ('name = "flights"', 'name = "../x"', ["name = '../x'", "letters, digits"]),
        ("= 1.0", "= 1.0\ninstallation_per_year = 2", ["keep one"]),
        ('engine = "local"', 'engine = "sprak"', ["engine = 'sprak'", "no plug-in"]),
    ],
)
def test_each_mistake_is_named_with_its_mend(write, old, new, words):
    assert old in SKELETON
    path = write(SKELETON.replace(old, new))

    with pytest.raises(ConfigError) as caught:
        load(path)

    for word in [*words, str(path)]:
        assert word in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_all_problems_are_listed_at_once(write):
    text = SKELETON.replace('"7d"', '"7x"').replace("budget = 50", "bugdet = 50")

    with pytest.raises(ConfigError, match="2 problems"):
        load(write(text))


def test_a_missing_file_and_broken_toml_say_what_to_do(tmp_path, write):
    with pytest.raises(ConfigError, match="driftloop init DATA"):
        load(tmp_path / "no.toml")
    with pytest.raises(ConfigError, match="line 1"):
        load(write("[store\n"))


def test_an_unknown_monitor_is_answered_by_the_nearest(write):
    with pytest.raises(ConfigError, match="Did you mean 'flights'"):
        load(write(SKELETON)).monitor("flihts")


def test_two_monitors_of_one_name_are_refused(write):
    monitor = SKELETON[SKELETON.index("[[monitors]]") :]

    with pytest.raises(ConfigError, match="2 monitors named 'flights'"):
        load(write(SKELETON + monitor))


def test_variables_are_filled_in_and_missing_ones_named(write, monkeypatch):
    monkeypatch.setenv("DATA_FOLDER", "elsewhere")
    monkeypatch.delenv("NOT_THERE", raising=False)
    text = SKELETON.replace("data/*", "${DATA_FOLDER}/$${x}/*")

    assert load(write(text)).monitors[0].source.options.path == ("elsewhere/${x}/*.parquet",)
    with pytest.raises(SecretError, match="NOT_THERE, which is not set"):
        load(write(SKELETON.replace("data/*", "${NOT_THERE}")))


def test_secrets_come_from_files_and_never_show(write, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("hunter2\n")
    monkeypatch.setenv("PASSWORD", "swordfish")
    options = 'storage_options = { secret_key = "file:key" }\n'
    text = SKELETON.replace('path = "data', options + 'path = "data').replace(
        "sqlite:///driftloop.db", "postgresql://me:${PASSWORD}@db/x"
    )

    config = load(write(text))

    secret = config.monitors[0].source.options.storage_options["secret_key"]
    assert secret.get_secret_value() == "hunter2"
    assert config.store.url == "postgresql://me:swordfish@db/x"
    shown = repr(config) + repr(config.monitors[0].source.options)
    assert "hunter2" not in shown
    assert "swordfish" not in shown


def test_a_wrong_value_that_holds_a_secret_is_not_printed(write, monkeypatch):
    monkeypatch.setenv("PASSWORD", "swordfish")
    text = SKELETON.replace("sqlite:///driftloop.db", "mysql://me:${PASSWORD}@db/x")

    with pytest.raises(ConfigError) as caught:
        load(write(text))

    assert "store.url" in str(caught.value)
    assert "swordfish" not in str(caught.value)


def test_a_missing_secret_file_is_named(write):
    options = 'storage_options = { secret_key = "file:/nowhere/key" }\n'

    with pytest.raises(SecretError, match="/nowhere/key"):
        load(write(SKELETON.replace('path = "data', options + 'path = "data')))
