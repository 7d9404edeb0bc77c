"""What goes into the store and what comes out: frozen records, no database in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from monitor.core.finding import Alarm, AlarmState, Finding
from monitor.core.ports import Message
from monitor.core.window import Window
from monitor.store.alarm_records import NewMail

WindowState = Literal["pending", "running", "done", "failed"]
EpisodeState = Literal["open", "closed", "withdrawn"]
QueueState = Literal[
    "proposed",
    "exported",
    "in_annotation",
    "labelled",
    "disputed",
    "accepted",
    "rejected",
    "expired",
]
OutboxState = Literal["pending", "held", "sent", "parked", "cancelled", "gathered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReference:
    """All that is kept of a reference; the bytes are what other rooms made, never a pickle."""

    fingerprint: str  #: of the config and data it was made from; the same one is not stored twice
    plan: bytes = field(repr=False)
    profile: bytes = field(repr=False)
    evidence: bytes = field(repr=False)
    windows: int  #: windows that the reference was cut into
    rows: int
    sample: bytes | None = field(default=None, repr=False)
    labelled: bytes | None = field(default=None, repr=False)  #: rows that annotators labelled
    meta: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSummary:
    """One version of a monitor's reference, without its bytes."""

    monitor: str
    version: int
    active: bool
    fingerprint: str
    windows: int
    rows: int
    meta: Mapping[str, Any]
    provenance: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReference(ReferenceSummary):
    """One version of a monitor's reference, whole."""

    plan: bytes = field(repr=False)
    profile: bytes = field(repr=False)
    evidence: bytes = field(repr=False)
    sample: bytes | None = field(repr=False)
    labelled: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One window of one monitor, as the ledger knows it."""

    monitor: str
    window: Window
    state: WindowState
    regular: bool  #: on the monitor's own grid; False for one that a person asked for
    attempts: int
    last_error: str
    worker: str
    lease_until: datetime | None
    retry_at: datetime | None  #: None on a failed window: not tried again by itself
    finished_at: datetime | None
    created_at: datetime
    reason: str | None = None  #: why it is run again: rows that came late


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run one window until `until`; whatever uses it must carry its token."""

    window_id: int
    monitor: str
    window: Window
    token: str
    worker: str
    attempt: int  #: 1 for the first
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewQueueRow:
    """One row proposed for labelling."""

    row_id: str
    reason: str  #: drifted, novel, ambiguous, underrepresented, random, similar, disagreement
    reason_text: str
    score: float
    inclusion_probability: float | None  #: in (0, 1]; None for rows that were asked for
    weight: float
    push_order: int
    data: Mapping[str, Any]
    copies: int | None = None  #: rows of the sample that it stands for; None: itself alone
    prediction: str | float | bool | None = None
    prediction_score: float | None = None
    model_version: str | None = None
    image: bytes | None = field(
        default=None, repr=False
    )  #: a thumbnail of at most `engine.MAX_IMAGE` bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What is known of all rows that a window's queue was drawn from; estimates lean on it."""

    candidates: int  #: rows of the sample that could be drawn
    population: int  #: rows of the window
    size_mean: float | None = None  #: of what the candidates weighed in the draw (`score`)
    expected_mean: float | None = None  #: of the model's score for its own prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow(NewQueueRow):
    """One row of the relabel queue, as it is stored."""

    id: int
    monitor: str
    window: Window
    state: QueueState
    note: str  #: what was left out when it was stored ("the image was too large")
    created_at: datetime
    changed_at: datetime

    @property
    def cursor(self) -> tuple[datetime, int, int]:
        """Where a page that ends with this row ends: give it as `after` for the next one."""
        return (self.window.start, self.push_order, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueEvent:
    """One change of state of one row of the queue."""

    at: datetime
    from_state: QueueState | None
    to_state: QueueState
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What a change of state did, by row id; `unknown` are not in this monitor's queue."""

    changed: tuple[str, ...]
    unchanged: tuple[str, ...]  #: they were in that state already
    refused: tuple[str, ...]  #: that step is not allowed from where they are
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """One message for one channel. (channel, message id) is unique for ever: never twice."""

    channel: str  #: which of the configured channels, e.g. "mail" or "mail.2"
    message: Message
    order_key: str = ""  #: messages of one key (an alarm's) leave in order; "" waits for none
    #: What a digest says of it; then it waits to be gathered with others (`Outbox.gather`).
    summary: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message that somebody claimed, to be sent until `lease_until`."""

    id: int
    monitor: str
    channel: str
    message: Message
    order_key: str
    token: str
    attempts: int  #: this one included
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEntry:
    """One message, as a person asks about it."""

    id: int
    monitor: str
    channel: str
    message_id: str
    subject: str
    state: OutboxState
    attempts: int
    last_error: str
    created_at: datetime
    retry_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEffects:
    """All that one run does to the store; it is done whole, in one transaction, or not at all."""

    document: Mapping[str, Any]  #: the JSON contract of `driftloop run --json`
    rows: int
    started_at: datetime
    finished_at: datetime
    reference_version: int | None = None
    model_version: str | None = None  #: of nearly all rows; None: several, or not known
    profile: bytes | None = field(default=None, repr=False)
    observation: bytes | None = field(default=None, repr=False)
    sample: bytes | None = field(default=None, repr=False)
    evidence_state: Mapping[str, Any] | None = None  #: after this window
    provenance: Mapping[str, Any] | None = None  #: the source, and which version of it was read
    findings: tuple[Finding, ...] = ()
    alarms: tuple[Alarm, ...] = ()  #: opened, open and closed ones of this window
    queue: tuple[NewQueueRow, ...] = ()
    draw: Draw | None = None  #: what the queue was drawn from
    outbox: tuple[NewMessage, ...] = ()
    mails: tuple[NewMail, ...] = ()  #: what the messages of the outbox are, once for all channels


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """A run that is being written: what its other effects refer to."""

    id: int
    window_id: int
    monitor: str
    window: Window

    @property
    def window_start(self) -> datetime:
        """Where its window begins."""
        return self.window.start

    @property
    def window_end(self) -> datetime:
        """Where its window ends."""
        return self.window.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What became of the effects."""

    run_id: int
    revision: int  #: 1, or higher when the window was run before
    queued: int  #: rows that are new in the queue
    queued_before: int  #: rows left out: queued already, or the window's older draw stands
    messages: int  #: messages that are new in the outbox
    messages_before: int  #: messages that some earlier run had put there
    changes: Mapping[str, Any] | None = None  #: what differs from the revision before


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of the list of runs: the newest revision of a window."""

    id: int
    monitor: str
    window: Window
    regular: bool
    revision: int
    reference_version: int | None
    rows: int
    findings: int
    drifted: int  #: findings with the verdict drifted
    alarms_opened: int
    alarms_open: int  #: opened ones included
    queued: int
    started_at: datetime
    finished_at: datetime
    seconds: float
    report: str | None  #: path of the drawn report, once there is one
    changes: dict[str, Any] | None = None  #: what differs from the revision before


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun(RunSummary):
    """One run, whole."""

    document: dict[str, Any]
    profile: bytes | None = field(repr=False)
    observation: bytes | None = field(repr=False)
    sample: bytes | None = field(repr=False)
    evidence_state: dict[str, Any] | None
    provenance: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObservation:
    """What evidence kept of one window.

    `position` counts the monitor's regular windows from the first one in the ledger, run or not,
    so a window that failed leaves a hole in the positions.
    """

    window: Window
    position: int
    observation: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingPoint:
    """One finding of one window, for a line over time."""

    window: Window
    check: str
    column: str | None
    segment: str | None
    statistic: str
    value: float | None
    effect: float | None
    p_value: float | None
    threshold: float | None
    severity: str
    drifted: bool
    interval: tuple[float, float] | None = None  #: 95 %
    n: int | None = None  #: rows of the window that it rests on


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlarm:
    """One alarm from its opening to its closing.

    `withdrawn`: the window that opened it was run again and did not open it any more.
    """

    id: int
    monitor: str
    key: str
    state: EpisodeState
    title: str
    opened: Window
    last: Window  #: the newest window that said something about it
    closed: Window | None
    once_in_years: float | None = None  #: how often its strongest evidence would come by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmEvent:
    """What one window said about one alarm."""

    window: Window
    key: str
    state: AlarmState
    title: str
    once_in_years: float | None = None
