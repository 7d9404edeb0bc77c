"""Every hostile value in every place where values from outside end up."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

import reports
from monitor.alerts.envelope import build
from monitor.cli.common import safe
from monitor.core import logs
from monitor.core.finding import Alarm, Finding
from monitor.core.ports import Message
from monitor.core.window import Window
from monitor.labeling.items import Item
from monitor.labeling.spec import LabelSpec
from monitor.steps.export import exporter
from monitor.store.records import NewQueueRow, RunEffects
from monitor.store.store import Store
from monitor.web.frame import Frame
from monitor.web.metrics import _gauge
from security.payloads import values

sys.path.insert(0, str(Path(__file__).parents[1] / "reports"))
from report_attacks import hostile
from report_html import ALLOWED, Page

VALUES = values()
CHUNKS = [tuple(VALUES[at : at + 16]) for at in range(0, len(VALUES), 16)]
INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SAFE_ADDRESS = re.compile(r"(#|https?://|file://|/|data:,$|data:image/png;base64,)")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
FORMATS = ("csv", "jsonl", "label-studio", "doccano", "coco", "cvat")


def places(value: object, word: str) -> int:
    """How often a word stands in a view."""
    if isinstance(value, str):
        return int(value == word)
    if is_dataclass(value):
        return sum(places(getattr(value, one.name), word) for one in fields(value))
    if isinstance(value, dict):
        return sum(places(key, word) for key in value)
    return sum(places(one, word) for one in value) if isinstance(value, tuple) else 0


def test_there_are_twenty_thousand_pairs():
    """Of sixteen values in one view, the least often shown one counts."""
    view = hostile(CHUNKS[0])
    fewest = min(places(view, value) for value in CHUNKS[0])

    assert len(VALUES) * (fewest + len(FORMATS)) >= 20_000
    assert len(set(VALUES)) == len(VALUES)


def page_holds(source: str) -> None:
    page = Page(source)
    assert page.wrong == []
    assert set(page.tags) <= ALLOWED
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    for _, name, value in page.attributes:
        if name in {"href", "src", "action", "xlink:href"}:
            assert SAFE_ADDRESS.match(value or "#"), value
    assert not INVISIBLE.search(source)


@pytest.mark.parametrize("texts", CHUNKS, ids=range(len(CHUNKS)))
def test_a_report_and_its_mail_stay_what_they_are(texts):
    view = hostile(texts)
    source, mail = reports.render(view), reports.mail(view)

    page_holds(source)
    assert len(mail.subject.splitlines()) <= 1
    assert not INVISIBLE.search(mail.subject + mail.text)
    assert Counter(Page(mail.html).tags)["script"] == 0
    assert Page(mail.html).wrong == []


def test_no_header_of_a_mail_is_forged():
    names = None
    for value in VALUES:
        message = Message("<1@driftloop>", value, value, f"<p>{len(value)}</p>", facts={"x": value})
        attached = Message(
            "<1@driftloop>", value, value, "<p></p>", attachments=((value, value, b"x"),)
        )
        for one in (message, attached):
            mail = build(one, sender="a@example.com", recipients=["b@example.com"], date=NOW)
            read = message_from_bytes(mail.as_bytes(), policy=policy.default)
            assert read["To"] == "b@example.com"
            assert read["Bcc"] is None
            assert len(str(read["Subject"]).splitlines()) <= 1
        names = names or sorted(mail.keys())
        assert sorted(mail.keys()) == names


def items() -> list[Item]:
    return [
        Item(
            id=f"{number}-{value}",
            monitor="shop",
            window_start=NOW.isoformat(),
            window_end=(NOW + timedelta(days=1)).isoformat(),
            reason="random",
            reason_text=value,
            score=0.5,
            inclusion_probability=0.1,
            data={"x": value, "text": value, value or "empty": "name"},
            prediction="yes",
            model_version=value,
        )
        for number, value in enumerate(VALUES)
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_can_be_read_and_runs_nothing(name):
    boxes = name in {"coco", "cvat"}
    spec = LabelSpec(type="box" if boxes else "class", classes=("yes", "no"), has_images=boxes)
    out = io.BytesIO()
    given = [i if not boxes else _pictured(i) for i in items()]
    count = exporter(name).write(given, spec, out)
    content = _text(out.getvalue())

    assert count.written + len(count.skipped) == len(VALUES)
    if name == "csv":
        cells = [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]
        assert len(cells) > len(VALUES)
        assert not [
            c for c in cells if c[:1] in {"=", "+", "-", "@", "\t", "\r"} and not _number(c)
        ]
    elif name == "cvat":
        assert len(list(ET.fromstring(content))) >= count.written
    elif name in {"jsonl", "doccano"}:
        assert len([json.loads(line) for line in content.split("\n") if line]) == count.written
    else:
        json.loads(content)


def _text(content: bytes) -> str:
    """The one text of an export; in an archive nothing lies outside of its folder."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode("utf-8")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names))
        assert not [n for n in names if n.startswith(("/", "\\")) or ".." in n.split("/")]
        [text] = [n for n in names if n.endswith((".xml", ".json"))]
        return archive.read(text).decode("utf-8")


def _pictured(item: Item) -> Item:
    return replace(item, prediction=None, image=_PNG)


_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_terminal_and_a_log_obey_nothing(capsys):
    for form in ("text", "json"):
        logs.configure(form)
        for value in VALUES:
            logs.event(value, name=value)
            logs.security("sign_in_failed", name=value)
    lines = capsys.readouterr().err.split("\n")[:-1]

    assert len(lines) >= 4 * len(VALUES)
    assert all(character.isprintable() for line in lines for character in line)
    forged = [line for line in lines if line.startswith("2026-01-01T00:00:00Z")]
    assert forged == []
    for value in VALUES:
        assert all(c.isprintable() or c in "\n\t" for c in safe(value))


def test_metrics_can_be_read_back():
    class Once:
        def collect(self):
            yield _gauge(
                "driftloop_column_drifted", "text", ["monitor", "column"],
                {(str(n), value): 1 for n, value in enumerate(VALUES)},
            )  # fmt: skip

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Once())
    text = generate_latest(registry).decode()
    found = [s for family in text_string_to_metric_families(text) for s in family.samples]

    assert {sample.labels["monitor"] for sample in found} == set(map(str, range(len(VALUES))))


def test_pages_of_the_service_stay_what_they_are():
    frame = Frame()
    for value in VALUES:
        for page in (
            frame.problem(404, value),
            frame.page("login.html.j2", there=value, said=value),
            frame.page("act.html.j2", address="/act/x", monitor=value, alarms=(), done=value),
        ):
            source = bytes(page.body).decode()
            tags = Page(source).tags
            assert "script" not in tags
            assert "iframe" not in tags
            assert not [n for _, n, _ in Page(source).attributes if n.startswith("on")]


def test_the_store_gives_back_what_it_got(tmp_path):
    window = Window(NOW, NOW + timedelta(days=1))
    with Store.open(f"sqlite:///{tmp_path / 'x.db'}", upgrade=True) as store:
        store.ledger.ensure_windows("shop", [window])
        lease = store.ledger.claim("shop", window, worker="w")
        findings = tuple(
            Finding(check="drift.numeric", column=value, segment=value, statistic="x", value=1.0,
                    message=value)
            for value in VALUES
        )  # fmt: skip
        alarms = tuple(
            Alarm(key=f"column:{n}{value}", state="opened", title=value, findings=(n,))
            for n, value in enumerate(VALUES)
        )
        rows = tuple(
            NewQueueRow(
                row_id=f"{n}{value}", reason="random", reason_text=value, score=0.5,
                inclusion_probability=0.1, weight=1.0, push_order=n, data={value: value},
            )
            for n, value in enumerate(VALUES)
        )  # fmt: skip
        store.commit(
            lease,
            RunEffects(
                document={"values": VALUES}, rows=1, started_at=NOW, finished_at=NOW,
                findings=findings, alarms=alarms, queue=rows,
            ),
        )  # fmt: skip

        run = store.runs.newest("shop")
        assert run.document["values"] == VALUES
        points = store.runs.findings("shop")
        assert [point.column for point in points] == VALUES
        assert {alarm.title for alarm in store.alarms.list("shop")} == set(VALUES)
        stored = list(store.queue.every("shop"))
        assert [row.reason_text for row in stored] == VALUES
        assert [next(iter(row.data)) for row in stored] == VALUES


def test_mixtures_are_there():
    kinds = {"<", "=", "\x1b", "\n", "{{", "'", "../"}
    pairs = {
        (a, b) for value in VALUES for a, b in itertools.permutations(kinds, 2)
        if a in value and b in value
    }  # fmt: skip
    assert len(pairs) >= 30
