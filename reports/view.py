"""What a report shows: plain values, filled by the pipeline, drawn by this package.

Nothing here computes. Texts are plain text (never HTML) and may come from hostile data; drawing
escapes, bounds and isolates them. Times carry a zone and are shown in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from reports.label_view import LabelsView

Severity = Literal["info", "warning", "critical"]
AlarmState = Literal["opened", "open", "closed"]
#: How an effect is shown: `sd` 0.25 sd, `share` +3.2 points, `ratio` (of sd, minus 1) +5 %.
Unit = Literal["sd", "share", "ratio", "number"]
#: Where an alarm stands in its event.
Level = Literal["dataset", "group", "column", "segment", "figure"]
Interval = tuple[float, float]  #: 95 %; an end may be infinite


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmView:
    """One event that a person is told about."""

    key: str  #: stable over windows: "column:temp"
    title: str
    subject: str = ""  #: what it is about, as it stands in a sentence: "`temp`", "accuracy"
    state: AlarmState = "opened"
    certain: bool = True  #: False: open from before, not told from the reference in this window
    closes_after: int = 0  #: calm windows in a row after which it closes; 0: not known
    since: datetime | None = None  #: start of the first window that is different
    windows_open: int = 1
    columns: tuple[str, ...] = ()  #: concerned, the root change first
    what: tuple[str, ...] = ()  #: sentences: what, where, how much, how sure
    once_in_years: float | None = None  #: how often such evidence would come by chance
    level: Level = "column"
    parent: str = ""  #: key of the alarm that it belongs to, or its group
    muted: bool = False  #: shown, not mailed
    said: tuple[str, ...] = ()  #: what people said about it, and what was open before
    acknowledge: str = ""  #: an http(s) URL, or what to type
    answer: str = ""  #: what to type to say what it was
    severity: Severity = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Two histograms over the same bins.

    With `edges` heights are drawn as densities over a linear axis: equal-width bins over the
    central 99 % of both sides, the outermost two open, look best. Without `edges` each bin or
    level is a bar of one width.
    """

    labels: tuple[str, ...]  #: what a person calls each bin or level
    reference: tuple[float, ...]  #: shares in 0..1, shape (len(labels),)
    current: tuple[float, ...]  #: the same
    #: ascending, shape (len(labels) + 1,), or empty; of a datetime column microseconds since 1970
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """The deciding effect of a column in one window."""

    window_start: datetime
    effect: float | None = None  #: signed, in the unit of the column
    drifted: bool = False
    gap: bool = False  #: no data in that window, or too few rows to say
    strength: float | None = None  #: |effect| over the smallest effect that matters; the heat map
    interval: Interval | None = None  #: 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One thing that a check said about a column."""

    check: str
    message: str
    statistic: str = ""
    value: float | None = None
    interval: Interval | None = None
    p_value: float | None = None
    segment: str = ""
    severity: Severity = "info"
    drifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnView:
    """One column, physical or derived, in the newest window."""

    name: str
    kind: str = "numeric"
    role: str = "feature"
    parent: str = ""  #: derived columns are drawn inside of their parent, when it is there
    drifted: bool = False  #: after error control and the effect gate
    severity: Severity = "info"
    statement: str = ""  #: one sentence: what, how much, how sure
    enough: bool = True  #: False: too few rows for a verdict
    statistic: str = ""  #: what decided: "location", "level JFK", "missing"
    decided_by: str = ""  #: the derived column whose effect, histogram and history these are: "pc0"
    value: float | None = None  #: of the statistic, when it is not the effect
    effect: float | None = None  #: signed, in `unit`
    unit: Unit = "sd"
    interval: Interval | None = None  #: of the effect
    gate: float | None = None  #: the smallest effect that matters, in `unit`
    p_value: float | None = None
    threshold: float | None = None  #: p must be at most this
    once_in_years: float | None = None
    n_reference: int | None = None  #: rows with a value
    n_current: int | None = None
    missing_reference: float | None = None  #: share in 0..1
    missing_current: float | None = None
    distances: Mapping[str, float] = field(default_factory=dict)  #: psi, js, ks, wasserstein, chi2
    sight: str = ""  #: "Shifts above 0.12 sd can be seen in one window."
    bins: Bins | None = None
    history: tuple[HistoryPoint, ...] = ()  #: oldest first, at most 53
    history_unit: Unit | None = None  #: of the history; None: `unit`
    history_gate: float | None = None  #: the same for `gate`
    since: datetime | None = None  #: start of the first window that is different
    findings: tuple[FindingView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """One class: its share in the reference and now."""

    label: str
    reference: float | None = None
    reference_interval: Interval | None = None
    current: float | None = None
    current_interval: Interval | None = None
    drifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceView:
    """How often each class comes: of the label, the prediction, or estimated without labels."""

    title: str
    rows: tuple[BalanceRow, ...]
    note: str = ""
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasGroup:
    """One rate of one subgroup."""

    metric: str  #: "selection_rate", "true_positive_rate"
    segment: str  #: the column, or columns: "carrier", "carrier, origin"
    group: str  #: its value: "UA"
    n: int
    value: float | None = None
    interval: Interval | None = None
    reference: float | None = None  #: of the same group in the reference
    gap: float | None = None  #: to all other rows, now
    gap_interval: Interval | None = None
    drifted: bool = False
    verdict: str = ""  #: "differs from the reference", "too few rows: 120 needed", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePoint:
    """One figure in one window."""

    window_start: datetime
    value: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceView:
    """One figure of merit, measured with labels or estimated without."""

    metric: str  #: "accuracy", "estimated_accuracy"
    estimated: bool = False
    value: float | None = None
    interval: Interval | None = None
    reference: float | None = None
    reference_interval: Interval | None = None
    n: int | None = None  #: labelled rows, or rows with a score
    drifted: bool = False
    history: tuple[ValuePoint, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityView:
    """One finding about the state of the data."""

    check: str
    message: str
    column: str = ""
    severity: Severity = "warning"
    count: int | None = None  #: rows concerned
    rows: tuple[str, ...] = ()  #: keys of some of them
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCard:
    """One row whose label helps."""

    row_id: str
    reason: str  #: drifted, novel, ambiguous, underrepresented, random, similar, disagreement
    reason_text: str = ""
    score: float | None = None
    inclusion_probability: float | None = None  #: None for rows that were asked for
    prediction: str = ""
    prediction_score: float | None = None  #: of the predicted class, 0..1
    image_png: bytes | None = None
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LackingCell:
    """A class, a group or both, that production has and the training set has too little of."""

    name: str  #: "class Bag", "carrier=UA and class true"
    training: float  #: shares of all rows of each, in 0..1
    production: float
    production_interval: Interval | None = None
    queue: float | None = None  #: None where nothing is queued
    labelled: float | None = None  #: of the labels, each weighted by one over its chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened and is no drift: a deployment, a new reference."""

    at: datetime
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A limit of this report, or something that was skipped."""

    text: str
    kind: str = ""  #: "sight", "one window", "skipped", "season"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """One run of one monitor (or one comparison of two files)."""

    monitor: str
    generated_at: datetime
    version: str
    window_start: datetime | None = None
    window_end: datetime | None = None
    verdict: str = ""  #: one sentence; empty: composed from the columns and alarms
    rows_reference: int = 0
    rows_current: int = 0
    reference_label: str = ""  #: "1 Jan – 28 Feb 2013, 9 windows" or a file name
    current_label: str = ""  #: a file name; empty: the window
    one_window: bool = False  #: `compare`: ordinary variation between windows is not known
    alarms: tuple[AlarmView, ...] = ()
    root: str = ""  #: what differs first, where it is no single column: "`temp` and `dewp`"
    event: str = ""  #: how the alarms belong together, as a sentence
    expected: str = ""  #: named events in this window, as a sentence
    budget_text: str = ""  #: "1 false mail a year, shared over 30 columns and 52 windows"
    realised_text: str = ""  #: the mails so far and what people called false
    columns: tuple[ColumnView, ...] = ()
    balance: tuple[BalanceView, ...] = ()
    bias: tuple[BiasGroup, ...] = ()
    performance: tuple[PerformanceView, ...] = ()
    quality: tuple[QualityView, ...] = ()
    queue: tuple[QueueCard, ...] = ()  #: the first of them
    queue_total: int = 0  #: rows added in this window
    queue_candidates: int = 0
    queue_hint: str = ""  #: how to export them
    queue_note: str = ""  #: columns that took no part in the choice
    lacking: tuple[LackingCell, ...] = ()  #: those that lack most first
    labels_lack: tuple[LackingCell, ...] = ()  #: what production has and the labels lack
    labels: LabelsView | None = None  #: None: none have come back
    cells_compared: int = 0  #: classes and groups of production held against the training set
    marks: tuple[Mark, ...] = ()
    notes: tuple[Note, ...] = ()
    report_url: str = ""  #: link or path of the page, for the mail
    duration_seconds: float | None = None
    rows_per_second: float | None = None
