"""Findings over time become alarms: how sure, and at how many false mails a year.

The names are loaded when they are first used: a config needs the gates alone, and the service is
ready before scipy is.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.evidence.decision import judge
    from monitor.evidence.reference import Reference
    from monitor.evidence.sight import fewest
    from monitor.evidence.single import judge_once
    from monitor.evidence.state import Change, ColumnState, EventState, States, advance

__all__ = [
    "Change",
    "ColumnState",
    "EventState",
    "Reference",
    "States",
    "advance",
    "fewest",
    "judge",
    "judge_once",
]

_MODULES = {
    "Reference": "reference",
    "fewest": "sight",
    "judge": "decision",
    "judge_once": "single",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'state')}")
    return getattr(module, name)
