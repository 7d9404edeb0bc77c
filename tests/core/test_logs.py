"""What a service writes down."""

from __future__ import annotations

import json
import threading
from contextvars import copy_context
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from monitor.core import logs


@pytest.fixture(autouse=True)
def unconfigured():
    yield
    structlog.reset_defaults()


def test_a_line_of_text_has_the_time_and_the_sentence(capsys):
    logs.configure("text")
    with logs.bound(monitor="flights", run="abc"):
        logs.event("flights: reading", rows=7)

    [line] = capsys.readouterr().err.splitlines()
    time, _, rest = line.partition(" ")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(time)) < timedelta(minutes=1)
    assert rest == "flights: reading rows=7"


def test_a_line_of_json_says_what_it_is_about(capsys):
    logs.configure("json")
    with logs.bound(monitor="flights", window="w", run="abc", attempt=2):
        logs.event("flights: reading")
    logs.security("sign_in_failed", name="ann", address="203.0.113.9")

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert {key: first[key] for key in ("monitor", "window", "run", "attempt", "event")} == {
        "monitor": "flights", "window": "w", "run": "abc", "attempt": 2,
        "event": "flights: reading",
    }  # fmt: skip
    assert "monitor" not in second
    assert (second["kind"], second["event"], second["name"]) == (
        "security",
        "sign_in_failed",
        "ann",
    )
    assert second["level"] == "warning"


def test_what_is_bound_goes_along_into_a_thread(capsys):
    logs.configure("json")
    with logs.bound(run="abc"):
        context = copy_context()
    thread = threading.Thread(target=lambda: context.run(logs.event, "done"))
    thread.start()
    thread.join()

    assert json.loads(capsys.readouterr().err)["run"] == "abc"


@given(text=st.text(max_size=200), name=st.text(max_size=50))
def test_nothing_in_a_value_moves_the_cursor_or_begins_a_line(text, name):
    for form in ("text", "json"):
        written = _written(form, text, name)
        lines = written.removesuffix("\n").split("\n")
        assert all(line[:1].isdigit() or line[:1] in {" ", "{"} for line in lines)
        assert all(c.isprintable() for line in lines for c in line)
        if form == "json":
            assert json.loads(written)["event"] == text


def _written(form: logs.Format, text: str, name: str) -> str:
    kept: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs._Lines, "info", lambda _self, line: kept.append(line + "\n"))
        logs.configure(form)
        logs.event(text, name=name)
    return "".join(kept)
