"""What the labels bought: the model's performance by window, before and after it was retrained.

Measured by the labels of the queue alone, each weighted by one over its chance to be drawn. A label
is given after the model's prediction of its row, and a row is queued once: so no model is
measured on labels that it was trained on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from monitor.core.window import Window
from monitor.curation.cells import shown
from monitor.curation.estimate import Answers, Estimate, estimate
from monitor.curation.given import Figure, as_class, minus
from monitor.steps.consensus import Labelled, usable
from monitor.store.store import Store

#: Windows that are shown, and runs that are looked at.
_SHOWN, _RUNS = 26, 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One window."""

    window: Window
    estimate: Estimate
    model: str  #: version that made most of its predictions
    after: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """Performance by window, and before and after."""

    metric: str
    points: tuple[Point, ...]  #: oldest first
    before: Estimate | None
    after: Estimate | None
    gain: Figure | None  #: after − before
    since: str  #: what happened in between: "model m2", "labels joined the reference"
    joined: int  #: labels that have joined the reference

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.before is None or self.after is None or self.gain is None:
            return ""
        said = f"{self.metric}, before and since {self.since}: {_said(self.before, self.metric)}"
        said += f", then {_said(self.after, self.metric)}"
        if self.gain.interval is None:
            return f"{said[0].upper()}{said[1:]}. Too few labels to say more."
        low, high = self.gain.interval
        better = low > 0 if self.metric == "accuracy" else high < 0
        worse = high < 0 if self.metric == "accuracy" else low > 0
        word = "better" if better else "worse" if worse else "no sure difference"
        return f"{said[0].upper()}{said[1:]}: {word} ({_change(self.gain, self.metric)})."


def bought(
    store: Store, monitor: str, rows: Sequence[Labelled], *, regression: bool = False
) -> Bought | None:
    """Performance by the labels of the queue; None where no drawn row has label and prediction."""
    by_window: dict[Window, list[Labelled]] = defaultdict(list)
    for row in rows:
        if row.inclusion_probability is not None and row.prediction is not None:
            by_window[row.window].append(row)
    drawn = store.queue.drawn(monitor)
    answers = {
        window: found
        for window in sorted(by_window, key=lambda one: one.start)
        if (found := _answers(by_window[window], drawn.get(window), regression=regression))
    }
    if not answers:
        return None
    models = {window: _model(by_window[window]) for window in answers}
    joined = _joined_at(store, monitor)
    turn, since = _turn(models, None if joined is None else joined[0])
    sides = [[a for w, a in answers.items() if (turn is not None and w.start >= turn) is side]
             for side in (False, True)]  # fmt: skip
    bounds = None if regression else (0.0, 1.0)
    before, after = (estimate(side, bounds=bounds) if side and turn else None for side in sides)
    return Bought(
        metric="mean absolute error" if regression else "accuracy",
        points=tuple(
            Point(
                window=window,
                estimate=estimate(found, bounds=bounds),
                model=models[window],
                after=turn is not None and window.start >= turn,
            )
            for window, found in list(answers.items())[-_SHOWN:]
        ),
        before=before,
        after=after,
        gain=None if before is None or after is None else minus(_figure(after), _figure(before)),
        since=since,
        joined=0 if joined is None else joined[1],
    )


def _answers(rows: Sequence[Labelled], pushed: int | None, *, regression: bool) -> Answers | None:
    """Rows without a settled label count as given back without one."""
    fine = [row for row in rows if usable(row)]
    if regression:
        pairs = [(_number(row.prediction), _number(row.label)) for row in fine]
        values = [abs(said - true) for said, true in pairs if said is not None and true is not None]
        if len(values) < len(fine):
            return None
    elif any(row.type != "class" for row in fine):
        return None
    else:
        values = [float(as_class(row.prediction) == as_class(row.label)) for row in fine]
    if not values:
        return None
    return Answers(
        values=values,
        inclusion_probabilities=[row.inclusion_probability or 1.0 for row in fine],
        copies=[row.copies for row in fine],
        pushed=pushed,
        skipped=len(rows) - len(fine),
    )


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _model(rows: Sequence[Labelled]) -> str:
    return Counter(row.model_version or "" for row in rows).most_common(1)[0][0]


def _turn(models: Mapping[Window, str], joined: datetime | None) -> tuple[datetime | None, str]:
    """Where "after" begins: the newest model, else the time when labels joined the reference."""
    windows = list(models)
    newest = models[windows[-1]]
    if newest and len(set(models.values())) > 1:
        at = len(windows) - 1
        while at and models[windows[at - 1]] == newest:
            at -= 1
        return windows[at].start, f"model {shown(newest)}"
    if joined is not None:
        return joined, "labels joined the reference"
    return None, ""


def _joined_at(store: Store, monitor: str) -> tuple[datetime | None, int] | None:
    """The first window judged by a reference with labels, and how many the active one has."""
    versions = store.references.versions(monitor)
    with_labels = {one.version for one in versions if one.provenance.get("labels")}
    active = next((one for one in versions if one.active), None)
    if not with_labels or active is None:
        return None
    runs = store.runs.summaries(monitor, limit=_RUNS)
    starts = [run.window.start for run in runs if run.reference_version in with_labels]
    labels = active.provenance.get("labels", {}).get("rows", 0)
    return min(starts, default=None), int(labels)


def _figure(found: Estimate) -> Figure:
    return Figure(found.value, found.interval, found.n)


def _said(found: Estimate, metric: str) -> str:
    form = "{:.1%}" if metric == "accuracy" else "{:.3g}"
    text = form.format(found.value)
    if found.interval is not None:
        text += f" [{form.format(found.interval[0])}, {form.format(found.interval[1])}]"
    return f"{text} on {found.n:,} labels"


def _change(gain: Figure, metric: str) -> str:
    low, high = gain.interval or (np.nan, np.nan)
    if metric == "accuracy":
        return f"{100 * gain.value:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{gain.value:+.3g} [{low:+.3g}, {high:+.3g}]"
