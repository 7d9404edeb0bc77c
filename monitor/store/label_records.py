"""What goes to the annotators and what comes back, as frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from monitor.core.window import Window

#: active      it counts
#: skipped     the annotator gave the item back without a label, a sign of ambiguity
#: refused     it does not fit the label spec; `note` says why, `raw` has it
#: superseded  the annotator changed it; the newest revision counts
#: deleted     it was taken back
LabelState = Literal["active", "skipped", "refused", "superseded", "deleted"]
#: annotators  the first project; experts: the second one, for rows that were disputed
Stage = Literal["annotators", "experts"]
#: gone: somebody deleted its task there
PushState = Literal["planned", "pushed", "refused", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLabel:
    """One annotation as a tool or a file gave it back.

    (tool, project, annotation) names it for ever; the same one with another content is an edit.
    """

    row_id: str  #: of the queue row, by which it is matched
    tool: str  #: "label-studio", or the format of a file
    annotation: str  #: its id there; of a file: whatever names the same label again
    project: str = ""
    task: str = ""
    stage: Stage = "annotators"
    state: Literal["active", "skipped", "refused"] = "active"
    value: Any = None  #: in the shape that `labeling.spec.LabelType` documents
    raw: Any = None  #: as the tool has it
    annotator: str = ""
    lead_time: float | None = None  #: seconds of work
    created_at: datetime | None = None  #: by the tool's clock
    updated_at: datetime | None = None
    guideline_version: str = ""
    spec_version: int | None = None
    with_draft: bool | None = None  #: whether the annotator saw the model's draft; None: unknown
    gold: bool = False  #: the tool or file calls it ground truth
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLabel(NewLabel):
    """One revision of one annotation, with what its queue row says."""

    id: int
    monitor: str
    queue_row_id: int
    state: LabelState  # type: ignore[assignment]  # two more than what comes in
    revision: int  #: 1, 2, … as the annotator changed it
    stored_at: datetime
    changed_at: datetime  #: of its state: when it was superseded or deleted
    window: Window
    reason: str
    inclusion_probability: float | None
    weight: float
    copies: int | None
    score: float  #: what the row weighed in the draw
    prediction: Any
    prediction_score: float | None
    model_version: str | None
    queue_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of labels that were brought back."""

    new: int = 0
    edited: int = 0
    deleted: int = 0
    unchanged: int = 0
    unknown: tuple[str, ...] = ()  #: row ids that are not in this monitor's queue
    rows: tuple[str, ...] = ()  #: row ids whose labels changed


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecVersion:
    """One version of what the annotators of a monitor are asked."""

    monitor: str
    version: int
    guideline_version: str
    spec: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolProject:
    """One project of an annotation tool."""

    id: int
    monitor: str
    tool: str
    stage: Stage
    number: int  #: 1, 2, … as they filled up
    project: str  #: its id there
    spec_version: int
    tasks: int  #: that we know of
    cursor: str = field(repr=False)  #: how far its answers were read, in the adapter's own words
    polled_at: datetime | None
    woken_at: datetime | None  #: when it last said that something changed
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPush:
    """One queue row, written down before the tool hears of it."""

    queue_row_id: int
    with_draft: bool  #: False: drawn to go out without the model's draft
    spec_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Push(NewPush):
    """One queue row on its way into a tool."""

    id: int
    row_id: str
    tool: str
    stage: Stage
    state: PushState
    project: str
    task: str
    attempts: int
    pushed_at: datetime | None
    last_error: str
    note: str  #: why the draft was left out, or what else is to be known


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Where a pushed row is in the tool."""

    push: int
    project: str
    task: str
    with_draft: bool  #: whether the model's draft is with it
    note: str = ""  #: why not, or what else is to be known
