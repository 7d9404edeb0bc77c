"""One label for each labelled row of the queue, and the rows on which annotators do not agree."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from monitor.core.window import Window
from monitor.curation.answers import Answers
from monitor.curation.consensus import Consensus, Method, consensus
from monitor.curation.given import Given, as_class, distance_of
from monitor.labeling.predictions import MisfitError, fitted
from monitor.labeling.spec import LabelSpec
from monitor.store.label_records import SpecVersion, StoredLabel
from monitor.store.store import Store

#: Drawings that are farther apart than this on average are disputed.
APART = 0.5
Source = Literal["expert", "consensus", "single"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One row of the queue with the label that its answers come to."""

    row_id: str
    label: Any  #: in the shape that `labeling.spec.LabelType` documents
    type: str
    confidence: float  #: probability that it is right; 1 for an expert's
    answers: int
    agreement: float  #: likeness of the answers to the label, 0 … 1
    source: Source
    disputed: bool
    why: str
    annotators: tuple[str, ...]
    guidelines: tuple[str, ...]
    window: Window
    reason: str
    inclusion_probability: float | None
    copies: int  #: rows of the window's sample that it stands for, itself included
    score: float  #: what it weighed in the draw
    prediction: Any
    prediction_score: float | None
    model_version: str | None
    state: str  #: of the queue row
    labelled_at: datetime  #: of its newest answer


@dataclass(frozen=True, slots=True)
class Spoken:
    """All that annotators said: answers, what experts said, and what was given back."""

    given: tuple[Given, ...]  #: by annotators, oldest first
    experts: Mapping[str, StoredLabel]  #: row id -> an expert's label, or what is called gold
    labels: Mapping[str, tuple[StoredLabel, ...]]  #: row id -> answers of annotators
    skipped: Mapping[str, int]  #: annotator -> items given back without a label


def spoken(store: Store, monitor: str) -> Spoken:
    """Everything that came back for a monitor and still counts."""
    specs = {one.version: one for one in store.labels.specs(monitor)}
    labels: dict[str, list[StoredLabel]] = defaultdict(list)
    experts: dict[str, StoredLabel] = {}
    skipped: dict[str, int] = defaultdict(int)
    for label in store.labels.of(monitor, states=("active", "skipped")):
        if label.state == "skipped":
            skipped[label.annotator] += 1
        elif label.stage == "experts" or label.gold:
            experts[label.row_id] = label
        else:
            labels[label.row_id].append(label)
    given = [
        _given(label, specs, experts.get(label.row_id))
        for label in sorted((one for some in labels.values() for one in some), key=_when)
    ]
    rows = {row_id: tuple(some) for row_id, some in labels.items()}
    return Spoken(tuple(given), experts, rows, dict(skipped))


def labelled(store: Store, monitor: str, method: Method = "dawid-skene") -> list[Labelled]:
    """The label of each row that has one, rows in the order of their first answers."""
    return decided(spoken(store, monitor), method)


def decided(said: Spoken, method: Method = "dawid-skene") -> list[Labelled]:
    """The same of what annotators said."""
    by_row: dict[str, list[Given]] = defaultdict(list)
    for one in said.given:
        by_row[str(one.item)].append(one)
    found = dict(_agreed(by_row, said, method))
    rows = []
    for row_id in {**by_row, **said.experts}:
        answers, expert = said.labels.get(row_id, ()), said.experts.get(row_id)
        rows.append(_row(row_id, answers, expert, by_row.get(row_id, []), found.get(row_id)))
    return rows


def escalate(
    store: Store, monitor: str, method: Method = "dawid-skene", *, gold: float = 0.0
) -> tuple[str, ...]:
    """Send rows on which the annotators do not agree to the experts; their ids.

    Rows that are labelled become disputed (`queue push` takes those to the experts' project);
    with an expert's label they are settled, and stay. Of the others a share of `gold` goes to
    the experts too, always the same rows, so that annotators can be scored by them.
    """
    open_ = [
        row
        for row in labelled(store, monitor, method)
        if row.state == "labelled" and row.source != "expert"
    ]
    doubtful = [row.row_id for row in open_ if row.disputed]
    checked = [
        row.row_id for row in open_ if not row.disputed and _chance(monitor, row.row_id) < gold
    ]
    moved: tuple[str, ...] = ()
    for rows, by in ((doubtful, "consensus"), (checked, "gold share")):
        if rows:
            marked = store.queue.mark(monitor, rows, "disputed", by=by, only={"labelled"})
            moved += marked.changed
    return moved


def _chance(monitor: str, row_id: str) -> float:
    """A number in [0, 1) that is always the same for a row."""
    return zlib.crc32(f"gold {monitor} {row_id}".encode()) / 2**32


def _when(label: StoredLabel) -> tuple[float, int]:
    at = label.updated_at or label.created_at or label.stored_at
    return at.timestamp(), label.id


def _given(
    label: StoredLabel, specs: Mapping[int, SpecVersion], expert: StoredLabel | None
) -> Given:
    version = specs.get(label.spec_version or 0)
    spec = {} if version is None else dict(version.spec)
    kind = str(spec.get("type", "class"))
    return Given(
        item=label.row_id,
        annotator=label.annotator or "unnamed",
        value=label.value,
        at=label.updated_at or label.created_at or label.stored_at,
        seconds=label.lead_time,
        with_draft=label.with_draft,
        draft=_draft(label.prediction, spec, kind),
        gold=None if expert is None else expert.value,
        type=kind,
        classes=len(spec.get("classes") or ()),
        guideline=label.guideline_version,
        spec=label.spec_version,
    )


def _draft(prediction: Any, spec: Mapping[str, Any], kind: str) -> Any:
    """The model's prediction as the annotators saw it; None where it fits no label."""
    if prediction is None or kind == "text":
        return None if prediction is None else as_class(prediction)
    try:
        known = {name: value for name, value in spec.items() if name in LabelSpec.model_fields}
        return fitted(prediction, LabelSpec.model_validate(known))
    except (MisfitError, ValueError):
        return None


def _agreed(
    by_row: Mapping[str, Sequence[Given]], said: Spoken, method: Method
) -> Iterator[tuple[str, Consensus]]:
    """Consensus of the rows whose labels are classes, each kind of label for itself."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for row_id, given in by_row.items():
        if distance_of(given[-1].type) is None:
            kinds[given[-1].type].append(row_id)
    for rows in kinds.values():
        answers = Answers.of(
            (row, one.annotator, as_class(one.value)) for row in rows for one in by_row[row]
        )
        scores = _scores(answers, by_row, said) if method == "model-assisted" else None
        for one in consensus(answers, method, scores=scores):
            yield str(one.item), one


def _scores(answers: Answers, by_row: Mapping[str, Sequence[Given]], said: Spoken) -> Any:
    """The model's probabilities: its score for what it predicts, the rest for the others."""
    classes = {name: place for place, name in enumerate(answers.classes)}
    scores = np.full((len(answers.items), len(classes)), np.nan)
    for place, row in enumerate(answers.items):
        draft, score = by_row[str(row)][-1].draft, said.labels[str(row)][-1].prediction_score
        at = None if draft is None or score is None else classes.get(as_class(draft))
        if at is not None and score is not None and 0 <= score <= 1:
            scores[place] = (1 - score) / max(len(classes) - 1, 1)
            scores[place, at] = score
    return scores


def _row(
    row_id: str,
    answers: Sequence[StoredLabel],
    expert: StoredLabel | None,
    given: Sequence[Given],
    found: Consensus | None,
) -> Labelled:
    one = (*answers, *([expert] if expert else []))[-1]
    kind = given[-1].type if given else "class"
    label, confidence, agreement, disputed, why = _decided(given, expert, found)
    source: Source = "expert" if expert else "consensus" if len(given) > 1 else "single"
    everyone = [*answers, *([expert] if expert else [])]
    return Labelled(
        row_id=row_id,
        label=label,
        type=kind,
        confidence=confidence,
        answers=len(given),
        agreement=agreement,
        source=source,
        disputed=disputed,
        why=why,
        annotators=tuple(sorted({each.annotator or "unnamed" for each in everyone})),
        guidelines=tuple(sorted({each.guideline_version for each in everyone})),
        window=one.window,
        reason=one.reason,
        inclusion_probability=one.inclusion_probability,
        copies=one.copies or 1,
        score=one.score,
        prediction=one.prediction,
        prediction_score=one.prediction_score,
        model_version=one.model_version,
        state=one.queue_state,
        labelled_at=max(each.stored_at for each in everyone),
    )


def _decided(
    given: Sequence[Given], expert: StoredLabel | None, found: Consensus | None
) -> tuple[Any, float, float, bool, str]:
    """Label, confidence, agreement, disputed, why."""
    if expert is not None:
        like = [1.0 - _apart(one.type, one.value, expert.value) for one in given]
        return expert.value, 1.0, float(np.mean(like)) if like else 1.0, False, ""
    if found is not None:
        values = {as_class(one.value): one.value for one in given}
        label = values.get(found.label, found.label)
        return label, found.confidence, found.agreement, found.disputed, found.why
    return _medoid(given)


def _medoid(given: Sequence[Given]) -> tuple[Any, float, float, bool, str]:
    """Of drawings the one that is nearest to the others."""
    apart = np.array([[_apart(a.type, a.value, b.value) for b in given] for a in given])
    if len(given) == 1:
        return given[0].value, 1.0, 1.0, False, ""
    mean = apart.sum(axis=1) / (len(given) - 1)
    best = int(np.argmin(mean))
    likeness = 1 - float(mean[best])
    disputed = likeness < 1 - APART
    why = f"The nearest of {len(given)} drawings overlaps the others by {likeness:.0%} on average."
    return given[best].value, likeness, likeness, disputed, why if disputed else ""


def _apart(kind: str, one: Any, other: Any) -> float:
    distance = distance_of(kind)
    if distance is None:
        return float(as_class(one) != as_class(other))
    return distance(one, other)


def usable(row: Labelled) -> bool:
    """Whether a label can be used: all who were asked answered, and nobody doubts it."""
    return not row.disputed and row.state in {"labelled", "accepted"}


def settled(rows: Iterable[Labelled]) -> list[Labelled]:
    """Rows whose label can be used."""
    return [row for row in rows if usable(row)]
