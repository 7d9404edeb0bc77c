"""What the second run of a window says otherwise than the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]

#: So many names stand in each list; the documents of both runs have them all.
_NAMED = 50


def changes_between(older: Document, newer: Document, *, reason: str | None) -> dict[str, Any]:
    """What differs between the documents of two runs of one window.

    `drifts` and `calm_again` name findings that have changed their verdict, `alarms` the keys whose
    state is another one: key -> [before, after], None where it was not told.
    """
    before, after = _drifted(older), _drifted(newer)
    was, now = _alarms(older), _alarms(newer)
    keys = sorted(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))
    return {
        "reason": reason,
        "rows": [_rows(older), _rows(newer)],
        "drifts": sorted(after - before)[:_NAMED],
        "calm_again": sorted(before - after)[:_NAMED],
        "alarms": {key: [was.get(key), now.get(key)] for key in keys[:_NAMED]},
    }


def sentence(revision: int, changes: Mapping[str, Any]) -> str:
    """The same for a person.

    >>> sentence(2, {"reason": None, "rows": [100, 130], "drifts": ["drift.numeric of a"],
    ...              "calm_again": [], "alarms": {}})
    'Revision 2 of this window: 130 rows instead of 100; drift.numeric of a differs now.'
    """
    before, after = changes["rows"]
    parts = [f"{after:,} rows instead of {before:,}" if before != after else f"{after:,} rows"]
    if changes["drifts"]:
        parts.append(f"{_listed(changes['drifts'])} differs now")
    if changes["calm_again"]:
        parts.append(f"{_listed(changes['calm_again'])} does not differ any more")
    if changes["alarms"]:
        told = [
            f"{key} {was or 'silent'} → {now or 'silent'}"
            for key, (was, now) in changes["alarms"].items()
        ]
        parts.append(f"alarms: {_listed(told)}")
    if len(parts) == 1:
        parts.append("no verdict has changed")
    return f"Revision {revision} of this window: {'; '.join(parts)}."


def _rows(document: Document) -> int:
    return int(document.get("rows", {}).get("current", 0))


def _drifted(document: Document) -> set[str]:
    return {
        " of ".join(str(finding[key]) for key in ("check", "column", "segment") if finding[key])
        for finding in document.get("findings", ())
        if finding["drifted"]
    }


def _alarms(document: Document) -> dict[str, str]:
    return {alarm["key"]: alarm["state"] for alarm in document.get("alarms", ())}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
