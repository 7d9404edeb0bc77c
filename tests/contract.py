"""The JSON contract of `run` and `compare`, held to the letter by every test that runs one."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any

KINDS = {"numeric", "categorical", "boolean", "datetime", "text", "embedding"}
ROLES = {
    "feature", "label", "prediction", "score", "id", "timestamp", "model_version", "segment",
    "ignored",
}  # fmt: skip
FAMILIES = {"quality", "drift", "balance", "bias", "performance"}
TOP = ["schema", "monitor", "window", "rows", "columns", "findings", "alarms", "queue", "report"]
FINDING = [
    "check", "column", "segment", "statistic", "value", "interval", "p_value", "effect",
    "threshold", "n_reference", "n_current", "severity", "drifted", "message", "rows",
]  # fmt: skip


def read(text: str) -> dict[str, Any]:
    """The one document of a standard output; NaN and Infinity, which are no JSON, are refused."""

    def refuse(constant: str) -> float:
        message = f"{constant} is no JSON"
        raise ValueError(message)

    document = json.loads(text, parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def check(document: dict[str, Any]) -> dict[str, Any]:
    """Assert that a document is what DESIGN part 5 says; returns it."""
    assert list(document) == TOP
    assert document["schema"] == 1
    assert document["monitor"] is None or isinstance(document["monitor"], str)
    assert set(document["window"]) == {"start", "end"}
    for end in document["window"].values():
        assert end is None or datetime.fromisoformat(end).tzinfo is not None
    assert set(document["rows"]) == {"reference", "current"}
    assert all(_count(rows) for rows in document["rows"].values())
    names = _columns(document["columns"])
    for finding in document["findings"]:
        _finding(finding, names)
    _alarms(document["alarms"], len(document["findings"]))
    assert set(document["queue"]) == {"candidates", "added"}
    assert all(_count(rows) for rows in document["queue"].values())
    assert document["report"] is None or isinstance(document["report"], str)
    return document


def _columns(columns: list[dict[str, Any]]) -> set[str]:
    for column in columns:
        assert list(column) == ["name", "kind", "role"]
        assert isinstance(column["name"], str)
        assert column["kind"] in KINDS
        assert column["role"] in ROLES
    names = [column["name"] for column in columns]
    assert len(names) == len(set(names))
    return set(names)


def _finding(finding: dict[str, Any], names: set[str]) -> None:
    assert list(finding) == FINDING
    family, _, which = finding["check"].partition(".")
    assert family in FAMILIES
    assert which
    assert finding["column"] is None or isinstance(finding["column"], str)
    # What is about one column names one that is listed, or one that is new.
    assert finding["column"] in {None, *names} or finding["check"].startswith("quality.")
    assert finding["segment"] is None or "=" in finding["segment"]
    assert finding["statistic"]
    # "rule:<name>" apart, statistics are in snake case.
    assert finding["check"] == "quality.rules" or finding["statistic"] == _snake(finding)
    assert _number(finding["value"])
    _interval(finding["interval"])
    for key in ("p_value", "effect", "threshold"):
        assert finding[key] is None or _number(finding[key]), (key, finding)
    assert finding["p_value"] is None or 0 <= finding["p_value"] <= 1
    for key in ("n_reference", "n_current"):
        assert finding[key] is None or _count(finding[key]), (key, finding)
    assert finding["severity"] in {"info", "warning", "critical"}
    assert isinstance(finding["drifted"], bool)
    assert finding["message"]
    assert finding["message"].isprintable(), finding["message"]
    assert isinstance(finding["rows"], list)
    assert len(finding["rows"]) <= 20


def _interval(interval: Any) -> None:
    if interval is not None:
        low, high = interval
        assert low is None or _number(low)
        assert high is None or _number(high)
        assert low is None or high is None or low <= high, interval


def _alarms(alarms: list[dict[str, Any]], findings: int) -> None:
    for alarm in alarms:
        assert list(alarm) == ["key", "state", "title", "findings"]
        assert alarm["key"]
        assert alarm["title"].isprintable()
        assert alarm["state"] in {"opened", "open", "closed"}
        assert all(_count(index) and index < findings for index in alarm["findings"])
        assert alarm["findings"] or alarm["state"] != "opened"
    keys = [alarm["key"] for alarm in alarms]
    assert len(keys) == len(set(keys))


def _snake(finding: dict[str, Any]) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in finding["statistic"]).lower()


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0
