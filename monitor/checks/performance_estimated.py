"""The check `performance.estimated`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pydantic

from monitor.checks.context import Context
from monitor.checks.measured import metric_finding
from monitor.checks.outcomes import confusion, scored
from monitor.core.finding import Finding
from monitor.profiles.types import CellTable
from monitor.stats.classification import accuracy
from monitor.stats.estimation import Scored, estimated_accuracy, estimated_roc_auc
from monitor.stats.scores import roc_auc

_ASSUMED = "; estimated without labels, as if a score still meant what it meant in the reference"


class PerformanceEstimated:
    """What the model is likely to achieve on a window whose labels are not there yet.

    Scores are calibrated on the labelled rows of the reference; the window's scores then say how
    many predictions are likely to be right. **Raises findings** `estimated_accuracy` and
    `estimated_roc_auc`, with intervals, when less than `max_labelled` of the window has labels.
    They are never `drifted`: a changed relation between inputs and label cannot be seen so.

    **Config**

        [monitors.checks."performance.estimated"]
        max_labelled = 0.5
    """

    name = "performance.estimated"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `performance.estimated`."""

        max_labelled: float = pydantic.Field(
            0.5, gt=0, le=1, description="Share of labelled rows from which on it is not needed."
        )
        min_rows: int = pydantic.Field(
            100, ge=1, description="Rows, in the window and labelled in the reference, it needs."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Both estimates, where scores and reference labels are."""
        old, new = context.reference.cells.get(""), context.current.cells.get("")
        if old is None or new is None or not _asked(old, new, self.options):
            return
        rows = min(_scored_rows(new), _labelled_rows(old))
        if rows < self.options.min_rows:
            yield self._too_few(rows, context, in_window=_scored_rows(new) == rows)
            return
        names = [name for name in old.classes if name in new.classes]
        given = [found for name in names if (found := _scored(old, new, name)) is not None]
        if not given or len(given) != len(old.classes):
            return
        digest = hashlib.sha256(context.current.plan_id.encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        column = context.roles.scores[0] if len(context.roles.scores) == 1 else None
        _, square = confusion(old, 0)
        if square.sum() >= self.options.min_rows and new.counts[:, :, :-1].sum() > 0:
            known = accuracy(square)
            now = estimated_accuracy(given, known.value, rng, both=len(given) == 1)
            if now.known:
                yield metric_finding(
                    self.name, context, "estimated_accuracy", now, known,
                    column=context.roles.prediction, note=_ASSUMED,
                )  # fmt: skip
        if len(given) == 1:
            before = roc_auc(given[0].positives, given[0].negatives)
            now = estimated_roc_auc(given[0], rng)
            if now.known and before.known:
                yield metric_finding(
                    self.name, context, "estimated_roc_auc", now, before,
                    column=column, note=_ASSUMED,
                )  # fmt: skip

    def _too_few(self, rows: int, context: Context, *, in_window: bool) -> Finding:
        where = "scored rows in this window" if in_window else "labelled rows in the reference"
        return Finding(
            check=self.name,
            column=context.roles.prediction,
            statistic="rows",
            value=float(rows),
            n_current=context.current.rows,
            message=f"Too few rows to say how the model does: {rows:,} {where}, "
            f"{self.options.min_rows:,} needed.",
        )


def _asked(old: CellTable, new: CellTable, options: PerformanceEstimated.Options) -> bool:
    """Scores on both sides, labels in the reference, and hardly any in the window."""
    if old.scores.size == 0 or new.scores.size == 0 or new.counts.size == 0:
        return False
    rows = _scored_rows(new)
    return (
        _labelled_rows(old) > 0 and rows > 0 and _labelled_rows(new) < options.max_labelled * rows
    )


def _scored_rows(table: CellTable) -> int:
    return int(table.scores[0, 0].sum())


def _labelled_rows(table: CellTable) -> int:
    return int(table.scores[0, 0, :2].sum())


def _scored(old: CellTable, new: CellTable, name: str) -> Scored | None:
    sides = scored(old, 0, name)
    if sides is None:
        return None
    return Scored(
        positives=sides[0].astype(np.float64),
        negatives=sides[1].astype(np.float64),
        current=new.scores[0, new.classes.index(name)].sum(axis=0).astype(np.float64),
        reference_selected=_selected(old, name, labelled=True),
        selected=_selected(new, name, labelled=False),
    )


def _selected(table: CellTable, name: str, *, labelled: bool) -> float:
    """Rows predicted to be of the class; of the labelled ones only, or of all."""
    if name not in table.predictions:
        return 0.0
    column = table.counts[0, :, table.predictions.index(name)]
    return float(column[:-1].sum() if labelled else column.sum())


plugin = PerformanceEstimated
