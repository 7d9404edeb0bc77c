"""What the labels bought: the model's performance by window, before and after it was retrained.

Measured by the labels of the queue, each weighted by one over its chance to be drawn, with the
help of what is known of all rows: the model's scores, and what they weighed in the draw. A label is
given after the model's prediction of its row, and a row is queued once: so no model is measured on
labels that it was trained on. Where the data bring the labels of most rows, these stand beside.
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
from monitor.store.records import Draw, FindingPoint
from monitor.store.store import Store

#: Windows that are shown, and runs that are looked at.
_SHOWN, _RUNS = 26, 1_000
#: So many windows before the turn are looked at, even where fewer came since.
_NEAR = 4
#: Labels of more of a window's rows than this are no sample of the queue.
_MOST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One window."""

    window: Window
    estimate: Estimate
    model: str  #: version that made most of its predictions
    after: bool  #: since the turn
    before: bool  #: of the windows that "after" is held against
    whole: FindingPoint | None = None  #: by the labels that came with the data, if of most rows


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
    windows: tuple[int, int]  #: that `before` and `after` rest on

    @property
    def by_all(self) -> str:
        """The same by the labels of all rows, where the data bring them; empty elsewhere."""
        means = []
        for side in ("before", "after"):
            there = [one.whole for one in self.points if getattr(one, side)]
            some = [one for one in there if one is not None]
            rows = [float(one.n or 0) for one in some]
            if not sum(rows):
                return ""
            means.append(float(np.average([one.value or 0.0 for one in some], weights=rows)))
        form = _form(self.metric)
        return f"By all rows with a label: {form.format(means[0])}, then {form.format(means[1])}."

    @property
    def verdict(self) -> str:
        """One sentence."""
        if self.before is None or self.after is None or self.gain is None:
            return ""
        old, new = self.windows
        some = f"{old:,} window{'' if old == 1 else 's'}"
        said = f"{self.metric} in the {some} before and the {new:,} since {self.since}: "
        said += _said(self.before, self.metric)
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
    drawn, draws = store.queue.drawn(monitor), store.queue.draws(monitor)
    answers = {
        window: found
        for window in sorted(by_window, key=lambda one: one.start)
        if (
            found := _answers(
                by_window[window], drawn.get(window), draws.get(window), regression=regression
            )
        )
    }
    if not answers:
        return None
    models = {window: _model(by_window[window]) for window in answers}
    joined = _joined_at(store, monitor)
    turn, since = _turn(models, None if joined is None else joined[0])
    old, new = _sides(list(answers), turn)
    bounds = None if regression else (0.0, 1.0)
    whole = _whole(store, monitor, draws, "mean_absolute_error" if regression else "accuracy")
    before, after = (
        estimate([answers[window] for window in side], bounds=bounds) if side else None
        for side in (old, new)
    )
    return Bought(
        metric="mean absolute error" if regression else "accuracy",
        points=tuple(
            Point(
                window=window,
                estimate=estimate(found, bounds=bounds),
                model=models[window],
                after=window in new,
                before=window in old,
                whole=whole.get(window),
            )
            for window, found in list(answers.items())[-_SHOWN:]
        ),
        before=before,
        after=after,
        gain=None if before is None or after is None else minus(_figure(after), _figure(before)),
        since=since,
        joined=0 if joined is None else joined[1],
        windows=(len(old), len(new)),
    )


def _whole(
    store: Store, monitor: str, draws: Mapping[Window, Draw], metric: str
) -> dict[Window, FindingPoint]:
    """The figure of the checks, of windows where the data bring the labels of most rows."""
    found = store.runs.findings(monitor, windows=_RUNS, statistics=[metric], segments=False)
    return {
        point.window: point
        for point in found
        if point.check.startswith("performance.")
        and point.value is not None
        and point.window in draws
        and (point.n or 0) > _MOST * draws[point.window].population
    }


def _answers(
    rows: Sequence[Labelled], pushed: int | None, draw: Draw | None, *, regression: bool
) -> Answers | None:
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
    scores = [row.prediction_score for row in fine if row.prediction_score is not None]
    known = draw is not None and not regression and len(scores) == len(fine)
    return Answers(
        values=values,
        expected=scores if known else None,
        expected_mean=draw.expected_mean if draw is not None and known else None,
        population=1 if draw is None else max(draw.population, 1),
        sizes=None if draw is None else [row.score for row in fine],
        sizes_mean=None if draw is None else draw.size_mean,
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


def _sides(windows: Sequence[Window], turn: datetime | None) -> tuple[list[Window], list[Window]]:
    """Windows before and since the turn: on either side as many, those nearest to it, at least 4.

    The farther back, the more the data themselves have changed.
    """
    if turn is None:
        return [], []
    new = [window for window in windows if window.start >= turn]
    old = [window for window in windows if window.start < turn]
    return old[-max(len(new), _NEAR) :], new


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


def _form(metric: str) -> str:
    return "{:.1%}" if metric == "accuracy" else "{:.3g}"


def _said(found: Estimate, metric: str) -> str:
    form = _form(metric)
    text = form.format(found.value)
    if found.interval is not None:
        text += f" [{form.format(found.interval[0])}, {form.format(found.interval[1])}]"
    return f"{text} on {found.n:,} labels"


def _change(gain: Figure, metric: str) -> str:
    low, high = gain.interval or (np.nan, np.nan)
    if metric == "accuracy":
        return f"{100 * gain.value:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{gain.value:+.3g} [{low:+.3g}, {high:+.3g}]"
