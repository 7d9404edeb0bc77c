"""The check `quality.duplicates`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pydantic

from monitor.checks.context import Context
from monitor.checks.examples import keys_where
from monitor.checks.wording import percent
from monitor.core.finding import Finding
from monitor.profiles.types import Sample
from monitor.stats.rates import Estimate, difference, wilson, z_value

UIntArray = npt.NDArray[np.uint64]


class QualityDuplicates:
    """Rows that occur more than once: by id, and as a whole.

    **Raises a finding** when rows repeat, with the keys of some. The share is estimated from the
    sample (rows are chosen by a hash of their key, so that copies of a row are chosen together);
    its interval counts keys, not rows. It is `drifted` when it is above that of the reference by
    more than `min_increase`, surely (99.99 %).

    **Config**

        [monitors.checks."quality.duplicates"]
        min_increase = 0.005
    """

    name = "quality.duplicates"

    class Options(pydantic.BaseModel, frozen=True, extra="forbid"):
        """Options of `quality.duplicates`."""

        min_increase: float = pydantic.Field(
            0.005, ge=0, le=1, description="Increase of the share of copies that matters."
        )

    def __init__(self, options: Options) -> None:
        self.options = options

    def findings(self, context: Context) -> Iterator[Finding]:
        """Copies of ids (when there is an id column), and of whole rows."""
        old, new = context.reference.sample, context.current.sample
        if len(new.hashes) == 0:
            return
        if context.roles.id is not None:
            keys = old.hashes, new.hashes
            yield from self._finding(context, "duplicate_id_share", context.roles.id, keys)
        whole = old.contents, new.contents
        yield from self._finding(context, "duplicate_row_share", None, whole)

    def _finding(
        self,
        context: Context,
        statistic: str,
        column: str | None,
        hashes: tuple[UIntArray, UIntArray],
    ) -> Iterator[Finding]:
        sample = context.current.sample
        share = copies(hashes[1], sample)
        if share.value == 0:
            return
        sure = [
            copies(side, of, confidence=0.9999)
            for side, of in zip(hashes, (context.reference.sample, sample), strict=True)
        ]
        rise = difference(sure[1], sure[0])
        drifted = rise.known and rise.interval[0] > self.options.min_increase
        what = "have an id that occurred before" if column else "are exact copies of another row"
        before = f"; in the reference {percent(sure[0].value)}" if sure[0].known else ""
        yield Finding(
            check=self.name,
            column=column,
            statistic=statistic,
            value=share.value,
            interval=share.interval,
            effect=rise.value if rise.known else None,
            threshold=self.options.min_increase,
            n_reference=context.reference.rows,
            n_current=context.current.rows,
            severity="warning" if drifted else "info",
            drifted=drifted,
            message=f"About {percent(share.value)} of the rows {what}{before}.",
            rows=_repeated(sample, hashes[1]),
        )


def copies(hashes: UIntArray, sample: Sample, *, confidence: float = 0.95) -> Estimate:
    """Share of rows that are a further copy of another one, among all rows.

    Keys are the units of sampling: a ratio estimator over keys, exact when the sample is the
    whole population, Wilson's upper end when there is not one copy.
    """
    rows = len(hashes)
    if rows == 0:
        return Estimate(math.nan, (0.0, 1.0), 0)
    _, counts = np.unique(hashes, return_counts=True)
    units, share = len(counts), 1 - len(counts) / rows
    if rows >= sample.population:
        return Estimate(share, (share, share), rows)
    if share == 0:
        return wilson(0, units, confidence=confidence)
    residual = (counts - 1) - share * counts
    error = math.sqrt(float(np.sum(residual**2)) * units / max(1, units - 1)) / rows
    half = z_value(confidence) * error
    return Estimate(share, (max(0.0, share - half), min(1.0, share + half)), rows)


def _repeated(sample: Sample, hashes: UIntArray) -> tuple[Any, ...]:
    _, inverse, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    return keys_where(sample, counts[inverse] > 1)


plugin = QualityDuplicates
