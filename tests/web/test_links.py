"""Links in mails: they act once somebody presses a button, for their own mail, for a while."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from web.test_app import Client

from monitor.config import load
from monitor.pipeline import Pipeline
from monitor.steps.links import LIFETIME, Link, read, token_of
from monitor.store.store import Store
from monitor.web.app import create_app

CONFIG = """
[report]
base_url = "https://drift.example.org"
[[alerts]]
kind = "mail"
folder = "mails"
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "rows.parquet"
[monitors.reference]
start = 2024-01-01
end = 2024-01-15
[monitors.columns]
timestamp = "ts"
[monitors.queue]
budget = 1
"""
START = datetime(2024, 1, 1, tzinfo=UTC)
KEY, NOW = b"k" * 32, datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def mailed(tmp_path_factory) -> tuple[Path, str]:
    """A shop whose last day differs, and the address that its mail carries."""
    folder = tmp_path_factory.mktemp("links")
    rng, rows = np.random.default_rng(1), 16 * 400
    days = np.repeat(np.arange(16), 400)
    times = np.datetime64("2024-01-01", "us") + days.astype("timedelta64[D]")
    times = times + rng.integers(0, 86_400_000_000, rows).astype("timedelta64[us]")
    x = rng.normal(size=rows) + (days == 15)
    table = pa.table({"ts": pa.array(times, pa.timestamp("us", tz="UTC")), "x": x})
    pq.write_table(table, folder / "rows.parquet")
    (folder / "config.toml").write_text(CONFIG)
    config = load(folder / "config.toml")
    with Store.open(config.store.url, upgrade=True) as store:
        pipeline = Pipeline(config, store)
        start = START + timedelta(days=15)
        list(pipeline.backfill(config.monitor("shop"), start, start + timedelta(days=1)))
        assert pipeline.deliver().sent == 1
    [mail] = (folder / "mails").glob("*.eml")
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    text = message.get_body(("plain",)).get_content()
    found = re.search(r"https://drift\.example\.org(/act/\S+)", text)
    assert found
    return folder, found[1]


@pytest.fixture
def page(mailed):
    config = load(mailed[0] / "config.toml")
    with Store.open(config.store.url) as store:
        store.access.key("links")
        yield Client(create_app(config, store, local=False)), mailed[1], store


def notes(store: Store) -> list[tuple[str, str, str | None]]:
    return [(note.kind, note.key, note.verdict) for note in store.alarms.notes.all("shop")]


def test_looking_at_a_link_changes_nothing(page):
    client, address, store = page
    before = notes(store)
    shown = client.get(address)

    assert shown.status_code == 200
    assert "Acknowledge" in shown.text
    assert "x" in shown.text
    assert notes(store) == before


@pytest.mark.parametrize(
    ("action", "note"),
    [
        ("ack", ("ack", "column:x", None)),
        ("mute", ("mute", "column:x", None)),
        ("false", ("verdict", "column:x", "false")),
    ],
)
def test_pressing_a_button_does_what_it_says(page, action, note):
    client, address, store = page
    answer = client("POST", address, data={"action": action})

    assert answer.status_code == 200
    assert note in notes(store)


def test_another_site_and_an_unknown_action_do_nothing(page):
    client, address, store = page
    before = notes(store)
    evil = {"origin": "https://evil.example"}

    assert client("POST", address, data={"action": "mute"}, headers=evil).status_code == 403
    assert client("POST", address, data={"action": "delete"}).status_code == 400
    assert client("POST", address[:-2] + "AA", data={"action": "mute"}).status_code == 404
    assert notes(store) == before


def test_a_link_of_a_mail_that_is_not_there_is_over(page):
    client, _, store = page
    link = Link("shop", "<other@driftloop>", datetime.now(UTC) + LIFETIME)
    gone = Link("nope", "<other@driftloop>", datetime.now(UTC) + LIFETIME)

    for each in (link, gone):
        assert client.get("/act/" + token_of(each, store.access.key("links"))).status_code == 404


def test_a_token_is_read_back_until_it_is_over():
    link = Link("shop", "<1@driftloop>", NOW)
    token = token_of(link, KEY)

    assert read(token, KEY, NOW - timedelta(seconds=1)) == link
    assert read(token, KEY, NOW) is None
    assert read(token, b"x" * 32, NOW - timedelta(seconds=1)) is None


@given(st.text(max_size=300) | st.binary(max_size=99).map(lambda b: b.hex() + "." + b.hex()))
def test_no_other_text_is_a_token(text):
    assert read(text, KEY, NOW) is None
