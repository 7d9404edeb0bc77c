"""The JSON document of a run or a comparison: the contract of DESIGN part 5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monitor.core.columns import Column
from monitor.core.finding import Alarm, Finding
from monitor.core.window import Window

SCHEMA = 1


def document(
    *,
    monitor: str | None,
    window: Window | None,
    rows_reference: int,
    rows_current: int,
    columns: Sequence[Column],
    findings: Sequence[Finding],
    alarms: Sequence[Alarm],
    candidates: int = 0,
    added: int = 0,
    report: str | None = None,
) -> dict[str, Any]:
    """Plain values, keys in the order of the contract; no NaN and no infinity in it."""
    return {
        "schema": SCHEMA,
        "monitor": monitor,
        "window": {
            "start": window.start.isoformat() if window else None,
            "end": window.end.isoformat() if window else None,
        },
        "rows": {"reference": rows_reference, "current": rows_current},
        "columns": [
            {"name": column.name, "kind": column.kind, "role": column.role} for column in columns
        ],
        "findings": [finding.to_dict() for finding in findings],
        "alarms": [alarm.to_dict() for alarm in alarms],
        "queue": {"candidates": candidates, "added": added},
        "report": report,
    }
