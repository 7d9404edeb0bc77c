"""The part of a report that is about labels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from itertools import islice

from monitor.config import MonitorConfig
from monitor.curation.given import Figure, as_class
from monitor.curation.label_quality import SpecQuality
from monitor.curation.scorecards import Scorecard
from monitor.steps.annotators import scored
from monitor.steps.bought import Bought, bought
from monitor.steps.consensus import Labelled, decided, spoken, usable
from monitor.store.records import QueueRow
from monitor.store.store import Store
from reports.label_view import AnnotatorRow, BoughtPoint, LabelsView, Shown, SpecRow

#: A class that an annotator gives so much more often than others is named.
_LEANS = 0.05
_MOST = 50
#: Rows that are held against production.
_ROWS = 20_000
_RESTS_ON = (
    "Each label is weighted by one over its chance to be drawn, and helped by what is known of all "
    "rows (the model's scores, their weight in the draw). It was given after the model's "
    "prediction: no model is measured on labels that it was trained on. Before and after are other "
    "windows, so what changed in the data is in the difference, too."
)


def labels(
    store: Store, monitor: MonitorConfig, zone: tzinfo
) -> tuple[LabelsView | None, tuple[QueueRow, ...]]:
    """Who gave the labels of a monitor, what they cost and bought; and the labelled rows."""
    said = spoken(store, monitor.name)
    found, given = scored(said, monitor.name), decided(said, monitor.queue.consensus)
    if not given:
        return None, ()
    gained = bought(store, monitor.name, given, regression=monitor.queue.type == "regression")
    shown = LabelsView(
        total=sum(card.labels for card in found.cards),
        items=len(given),
        disputed=sum(row.disputed or row.state == "disputed" for row in given),
        annotators=tuple(
            _annotator(card, found.skipped.get(card.annotator, 0)) for card in found.cards[:_MOST]
        ),
        specs=tuple(_spec(spec) for spec in found.specs),
        answers=tuple(one.answer for one in found.comparisons),
        metric=gained.metric if gained else "",
        bought=tuple(_points(gained, zone)) if gained else (),
        verdict=gained.verdict if gained else "",
        by_all=gained.by_all if gained else "",
        note=_RESTS_ON if gained else "",
        joined=gained.joined if gained else 0,
    )
    return shown, tuple(_rows(store, monitor, given))


def _rows(store: Store, monitor: MonitorConfig, given: Sequence[Labelled]) -> Iterator[QueueRow]:
    """Rows of the queue that have a settled label, the label in the column of labels."""
    label = monitor.columns.label
    known = {row.row_id: row.label for row in given if usable(row)}
    found = store.queue.every(monitor.name, states=("labelled", "accepted"), images=False)
    for row in islice(found, _ROWS):
        if label is None or row.row_id not in known:
            yield row
        else:
            yield replace(row, data={**row.data, label: as_class(known[row.row_id])})


def _annotator(card: Scorecard, skipped: int) -> AnnotatorRow:
    return AnnotatorRow(
        name=card.annotator,
        labels=card.labels,
        skipped=skipped,
        accuracy=_shown(card.accuracy),
        gold=_shown(card.gold),
        agreement=_shown(card.agreement),
        anchoring=_shown(card.anchoring),
        seconds=_shown(card.seconds),
        change=_shown(card.change),
        changed=card.changed,
        leaning=_leaning(card),
    )


def _leaning(card: Scorecard) -> str:
    """The class that is given too often, beside the others on the same items."""
    if not card.expected_shares:
        return ""
    more = {
        name: share - card.expected_shares.get(name, 0.0) for name, share in card.shares.items()
    }
    name = max(more, key=lambda one: more[one], default="")
    if not name or more[name] < _LEANS:
        return ""
    return f"{name} {100 * more[name]:.0f} points more often than the others"


def _spec(spec: SpecQuality) -> SpecRow:
    return SpecRow(
        name=spec.name,
        labels=spec.labels,
        items=spec.items,
        alpha=Shown(
            value=_known(spec.agreement.value),
            interval=spec.agreement.interval,
            n=spec.agreement.labels,
        ),
        seconds=_shown(spec.seconds),
        minutes=spec.minutes,
        bits=Shown() if spec.bits is None else _shown(spec.bits),
        bits_a_minute=spec.bits_a_minute,
    )


def _points(found: Bought, zone: tzinfo) -> Iterable[BoughtPoint]:
    for point in found.points:
        yield BoughtPoint(
            window_start=point.window.start.astimezone(zone),
            value=_known(point.estimate.value),
            interval=point.estimate.interval,
            labels=point.estimate.n,
            model=point.model,
            before=point.before,
            after=point.after,
            all_rows=Shown()
            if point.whole is None
            else Shown(
                value=point.whole.value, interval=point.whole.interval, n=point.whole.n or 0
            ),
        )


def _shown(figure: Figure) -> Shown:
    return Shown(value=_known(figure.value), interval=figure.interval, n=figure.n)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
