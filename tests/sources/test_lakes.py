"""Delta and Iceberg: one version for each run, older ones on demand, only the files that matter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pydantic
import pytest

from monitor.config import load
from monitor.core import plugins
from monitor.core.errors import PluginError, SourceError, SourceNotFoundError
from monitor.core.ports import Pinned, Source
from monitor.core.window import Window
from monitor.pipeline import Pipeline
from monitor.store.store import Store

from .makers import build

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: int) -> Window:
    start = START + timedelta(days=number)
    return Window(start, start + timedelta(days=1))


def rows(days: range, zone: str | None = "UTC", **more: list[Any]) -> pa.Table:
    times = [START + timedelta(days=d, hours=h) for d in days for h in range(24)]
    return pa.table(
        {
            "ts": pa.array(times, pa.timestamp("us", "UTC")).cast(pa.timestamp("us", zone)),
            "day": pa.array([time.date() for time in times], pa.date32()),
            "x": pa.array([float(i) for i in range(len(times))]),
            **{name: pa.array(values) for name, values in more.items()},
        }
    )


@dataclass
class Lake:
    """A table that is partitioned by day."""

    kind: str
    folder: Path
    write: Callable[[pa.Table], int]  #: gives the version or snapshot
    version: str
    options: dict[str, Any]

    def source(self, **more: Any) -> Source:
        return build(self.kind, {**self.options, **more}, self.folder)

    def files(self) -> list[Path]:
        return sorted((self.folder / "data").rglob("*.parquet"))


def _delta(folder: Path) -> Lake:
    deltalake = pytest.importorskip("deltalake")
    path = str(folder / "data")

    def write(table: pa.Table) -> int:
        deltalake.write_deltalake(
            path, table, mode="append", partition_by=["day"], schema_mode="merge"
        )
        return deltalake.DeltaTable(path).version()

    return Lake("delta", folder, write, "version", {"path": "data"})


def _iceberg(folder: Path) -> Lake:
    catalogs = pytest.importorskip("pyiceberg.catalog")
    (folder / "data").mkdir()
    catalog = catalogs.load_catalog(
        "lake", type="sql", uri=f"sqlite:///{folder}/c.db", warehouse=f"file://{folder}/data"
    )
    catalog.create_namespace("lake")

    def write(table: pa.Table) -> int:
        if not catalog.table_exists("lake.orders"):
            found = catalog.create_table("lake.orders", schema=table.schema)
            with found.update_spec() as spec:
                spec.add_identity("day")
        found = catalog.load_table("lake.orders")
        with found.update_schema() as schema:
            schema.union_by_name(table.schema)
        found.append(table)
        return found.current_snapshot().snapshot_id

    given = {"type": "sql", "uri": "sqlite:///c.db"}
    options = {"table": "lake.orders", "catalog": "lake", "properties": given}
    return Lake("iceberg", folder, write, "snapshot", options)


@pytest.fixture(params=[_delta, _iceberg], ids=["delta", "iceberg"])
def lake(request, tmp_path) -> Lake:
    return request.param(tmp_path)


def count(source: Source, *args: Any, **kwargs: Any) -> int:
    return sum(batch.num_rows for batch in source.open(*args, **kwargs).batches)


def test_a_run_stays_on_the_version_that_it_began_with(lake):
    first = lake.write(rows(range(3)))
    running = lake.source()
    assert running.extent("ts")[1] == 72

    second = lake.write(rows(range(3, 5), extra=[1] * 48))

    assert count(running) == 72
    assert "extra" not in running.schema().names
    assert running.extent("ts") == (
        Window(day(0).start, day(2).end - timedelta(hours=1) + timedelta(microseconds=1)),
        72,
    )
    assert isinstance(running, Pinned)
    assert running.pinned()[lake.version] == first
    later = lake.source()
    assert (count(later), later.pinned()[lake.version]) == (120, second)
    assert set(later.schema().names) == {"ts", "day", "x", "extra"}
    assert first != second


def test_an_older_version_can_be_named(lake):
    first = lake.write(rows(range(3)))
    between = datetime.now(UTC)
    lake.write(rows(range(3, 5)))

    assert count(lake.source(**{lake.version: first})) == 72
    assert count(lake.source(as_of=between)) == 72
    assert lake.source(as_of=between).pinned()[lake.version] == first
    assert count(lake.source(as_of=datetime.now(UTC))) == 120


def test_a_version_that_is_not_there_is_an_error_that_says_so(lake):
    lake.write(rows(range(1)))

    with pytest.raises(SourceError, match="99"):
        lake.source(**{lake.version: 99}).schema()
    with pytest.raises(SourceError):
        lake.source(as_of=datetime(2001, 1, 1, tzinfo=UTC)).schema()
    with pytest.raises(pydantic.ValidationError, match="keep one"):
        lake.source(**{lake.version: 1}, as_of=START)


@pytest.mark.parametrize("timestamp", ["ts", "day"])
def test_a_window_opens_only_the_files_that_can_hold_its_rows(lake, timestamp):
    lake.write(rows(range(5)))
    source = lake.source()
    source.schema()
    for file in lake.files():
        if "day=2024-01-03" not in str(file):
            file.unlink()

    assert count(source, day(2), timestamp=timestamp) == 24
    assert source.sample(10, window=day(2), timestamp=timestamp).num_rows == 10
    with pytest.raises(SourceError):
        count(source, day(1), timestamp=timestamp)


def test_times_without_a_zone_are_of_the_zone_that_is_named(lake):
    lake.write(rows(range(3), zone=None))

    utc = lake.source().open(day(1), timestamp="ts")
    berlin = lake.source(timestamp_zone="Europe/Berlin").open(day(1), timestamp="ts")

    table = pa.Table.from_batches(list(utc.batches), utc.schema)
    assert pc.min(table["ts"]).as_py() == day(1).start
    assert [note.kind for note in utc.notes] == ["time_without_zone"]
    table = pa.Table.from_batches(list(berlin.batches), berlin.schema)
    assert pc.min(table["ts"]).as_py() == day(1).start
    assert sorted(table["x"].to_pylist()) == [float(x) for x in range(25, 49)]
    assert berlin.notes == []


def test_a_missing_library_is_one_clear_error(lake, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("deltalake", "pyiceberg")]:
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(PluginError, match=rf"driftloop\[{lake.kind}\]"):
        lake.source().schema()


def test_an_iceberg_table_by_its_metadata_file(tmp_path):
    lake = _iceberg(tmp_path)
    lake.write(rows(range(2)))
    newest = max((tmp_path / "data").rglob("*.metadata.json"), key=lambda path: path.name)

    source = build("iceberg", {"metadata": str(newest.relative_to(tmp_path))}, tmp_path)

    assert count(source) == 48
    with pytest.raises(SourceNotFoundError, match="no catalog"):
        build("iceberg", {**lake.options, "properties": {"type": "sql", "uri": "sqlite:///no.db"}},
              tmp_path).schema()  # fmt: skip
    assert not (tmp_path / "no.db").exists()


def test_secrets_of_catalogs_and_stores_are_not_shown():
    for kind, options in (
        ("iceberg", {"table": "a.b", "properties": {"token": "s3cret-word"}}),
        ("delta", {"path": "s3://me:s3cret-word@b/t", "storage_options": {"k": "s3cret-word"}}),
    ):
        plugin = plugins.load("sources", kind)
        given = plugin.Options.model_validate(options)
        assert "s3cret-word" not in repr(given) + plugin(given).describe()


CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "delta"
path = "data"
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
"""


def test_runs_and_references_keep_the_version_that_they_read(tmp_path):
    lake = _delta(tmp_path)
    first = lake.write(rows(range(11)))
    (tmp_path / "config.toml").write_text(CONFIG)
    config = load(tmp_path / "config.toml")
    shop = config.monitor("shop")
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        pipeline.run(shop, day(10))
        second = lake.write(rows(range(11, 12)))
        document = pipeline.run(shop, day(11))
        runs = [store.runs.get("shop", day(number)) for number in (10, 11)]
        reference = store.references.get("shop", 1)

    assert [run.provenance["version"] for run in runs] == [first, second]
    assert {run.provenance["source"] for run in runs} == {"Delta table data"}
    assert reference.provenance["version"] == first
    assert runs[0].provenance["table"] == runs[1].provenance["table"]
    assert "provenance" not in document
