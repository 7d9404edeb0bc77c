"""Findings over time become alarms: how sure, and at how many false mails a year."""

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
