"""The mails of real years, each explained in one line: `python -m bench.alarms --real`.

Flights: the demo's monitor over 2013, by its shipped data. Census: the people of 2015 as 13
windows, those of 2016 to 2018 as 39 more of the same size, drawn at random within their year; the
data are not shipped, they are looked for in ../shared/data or DRIFTLOOP_TEST_DATA.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor.checks.run import SEGMENT, segment_of
from monitor.config import load
from monitor.demo import __file__ as demo_file
from monitor.pipeline import Pipeline
from monitor.store.store import Store

START = datetime(2015, 1, 5, tzinfo=UTC)
WHY = {"first": "new", "doubled": "twice as much differs", "escalated": "reminder"}
YEAR = 13  #: windows that a year of the census is cut into
CENSUS = """
[[alerts]]
kind = "mail"
folder = "mails"
[[monitors]]
name = "census"
window = "7d"
[monitors.source]
kind = "files"
path = "census.parquet"
[monitors.reference]
start = 2015-01-05
end = 2015-04-06
[monitors.columns]
timestamp = "ts"
id = "id"
label = "employed"
prediction = "prediction"
score = "predicted_probability"
segments = ["sex", "race"]
[monitors.queue]
budget = 0
"""


def real_years() -> None:
    """Print the mails of both."""
    with tempfile.TemporaryDirectory() as folder:
        flights(Path(folder))
    place = Path(os.environ.get("DRIFTLOOP_TEST_DATA", "../shared/data"))
    source = place / "acs_employment_ma_2015_2018.parquet"
    if not source.exists():
        print(f"\ncensus: {source} is not there, left out")
        return
    with tempfile.TemporaryDirectory() as folder:
        census(Path(folder), source)


def flights(folder: Path) -> None:
    """The flights monitor of the demo, from the end of its reference to the end of the year."""
    demo = Path(demo_file).parent
    text = (demo / "config.toml").read_text()
    text = text.replace('"data/flights/', f'"{demo.as_posix()}/data/flights/')
    text = text.replace('"data/fashion', f'"{demo.as_posix()}/data/fashion')
    (folder / "config.toml").write_text(text)
    _run(folder, "flights", datetime(2013, 3, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC))


def census(folder: Path, source: Path) -> None:
    """Three years of the census against the one before."""
    table = pq.read_table(source)
    years = np.asarray(table["year"].to_numpy())
    rng = np.random.default_rng(0)
    week = (years - 2015) * YEAR + rng.integers(0, YEAR, len(years))
    moments = np.datetime64(START.replace(tzinfo=None), "us") + week.astype("timedelta64[W]")
    table = table.drop(["split", "year"]).append_column(
        "ts", pa.array(moments).cast(pa.timestamp("us", tz="UTC"))
    )
    table = table.take(pa.array(rng.permutation(len(years))))
    pq.write_table(table.take(pc.sort_indices(table["ts"])), folder / "census.parquet")
    (folder / "config.toml").write_text(CENSUS)
    first = START + timedelta(weeks=YEAR)
    _run(folder, "census", first, first + timedelta(weeks=3 * YEAR))
    begins = [first + timedelta(weeks=YEAR * i) for i in range(3)]
    told = ", ".join(f"{2016 + i} on {begin:%-d %B}" for i, begin in enumerate(begins))
    print(f"  (a year of people is {YEAR} windows, laid out week by week: {told} begins)")


def _run(folder: Path, name: str, start: datetime, end: datetime) -> None:
    config = load(folder / "config.toml")
    url = f"sqlite:///{folder}/driftloop.db"
    with Store.open(url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        documents = list(pipeline.backfill(config.monitor(name), start, end))
        pipeline.deliver()
        print(f"\n{name}: {len(documents)} windows from {start:%-d %B %Y} to {end:%-d %B %Y}")
        _told(store, name, documents)


def _told(store: Store, name: str, documents: list[dict[str, Any]]) -> None:
    """Each mail in one line: when, why it was sent, what opened first said, what else is open."""
    mails = store.alarms.notes.mails(name)
    opened = sorted(
        (datetime.fromisoformat(document["window"]["start"]), alarm["key"], alarm["title"])
        for document in documents
        for alarm in document["alarms"]
        if alarm["state"] == "opened"
    )
    print(f"  mails: {len(mails)}")
    for mail in mails:
        said = {key: title for start, key, title in opened if start <= mail.window.start}
        told = next(key for key in mail.keys if key in said)
        more = [_subject(key) for key in mail.keys if key != told]
        besides = f" Open too: {', '.join(more)}." if more else ""
        print(f"  {mail.window.start:%-d %B %Y}, {WHY[mail.why]}: {said[told]}{besides}")


def _subject(key: str) -> str:
    """What an alarm is about, in words."""
    if key.startswith(SEGMENT):
        segment, column = segment_of(key)
        return f"{column} where {segment}"
    return key.partition(":")[2]
