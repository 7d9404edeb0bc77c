"""What a page is drawn from: one window, measured and judged, and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from monitor.core.finding import Alarm
from monitor.core.window import Window
from monitor.evidence.types import Budget
from monitor.profiles.types import Profile
from monitor.steps.baseline import Baseline
from monitor.steps.judge import Judged
from monitor.steps.occasions import Occasion
from monitor.steps.people import People
from monitor.store.records import QueueRow
from reports.label_view import LabelsView


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One window, measured and judged."""

    monitor: str
    window: Window | None
    baseline: Baseline
    profile: Profile
    judged: Judged
    alarms: tuple[Alarm, ...]
    people: People | None = None
    occasions: tuple[Occasion, ...] = ()  #: all that the config names
    groups: Mapping[str, str] = field(default_factory=dict)  #: column -> declared group
    candidates: int = 0  #: rows that the queue was drawn from


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around a run: when, where to, and how many false mails were allowed."""

    generated_at: datetime
    zone: tzinfo = UTC
    budget: Budget | None = None
    url: str = ""
    alarms_url: str = ""  #: where alarms are answered on the web; "": on the command line
    realised: str = ""  #: the mails so far beside the budget, as a sentence
    seconds: float | None = None
    labels: LabelsView | None = None  #: who gave them, and what they bought
    labelled: tuple[QueueRow, ...] = ()  #: rows of the queue with a label
    reference_label: str = ""
    current_label: str = ""
