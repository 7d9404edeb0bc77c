"""Rates of groups beside their complements: what all `bias.*` checks say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pydantic

from monitor.checks.context import Context
from monitor.checks.outcomes import RateMetric, rate_counts, segment_name
from monitor.checks.scalars import group_key
from monitor.checks.sides import how_sure, merged, side_of
from monitor.checks.wording import number, percent, quoted
from monitor.core.finding import Finding
from monitor.profiles.types import CellTable
from monitor.stats.groups import between_group_sd, shrink, simultaneous_confidence
from monitor.stats.rates import Estimate, difference, rate_variance, ratio, required_rows, wilson

_VISIBLE_GAP = 0.1  #: "rows needed" are those that show a gap of ten points
_WORDS: dict[RateMetric, str] = {
    "selection_rate": "of the rows are predicted {positive}",
    "true_positive_rate": "of the rows labelled {positive} are predicted {positive}",
    "false_positive_rate": "of the rows not labelled {positive} are predicted {positive}",
    "accuracy": "of the rows are predicted as labelled",
}


class GroupOptions(pydantic.BaseModel, frozen=True, extra="forbid"):
    """Options that all `bias.*` checks share."""

    min_rows: int = pydantic.Field(
        30, ge=1, description="Rows of a group (and of its complement) below which nothing is said."
    )
    max_groups: int = pydantic.Field(
        20, ge=1, description="Groups told for each segmentation, the largest first."
    )


@dataclass(frozen=True)
class Groups:
    """(hits, rows) of a rate in each group of one segmentation."""

    counts: dict[str, tuple[int, int]]
    delta: float  #: design effect

    @classmethod
    def of(cls, table: CellTable | None, metric: RateMetric, context: Context) -> Groups:
        """Read from a table of co-counts; None has no groups."""
        counts: dict[str, tuple[int, int]] = {}
        if table is not None:
            hits, rows = rate_counts(table, metric, context.scalars.positive)
            pairs = zip(hits.tolist(), rows.tolist(), strict=True)
            counts = dict(zip(table.levels, pairs, strict=True))
        return cls(counts, context.scalars.design_effect)

    @cached_property
    def total(self) -> tuple[int, int]:
        """(hits, rows) of all groups."""
        sides = zip(*self.counts.values(), strict=True) if self.counts else ((), ())
        hits, rows = (sum(side) for side in sides)
        return hits, rows

    def pair(self, level: str, confidence: float = 0.95) -> tuple[Estimate, Estimate]:
        """The rate of a group, and that of its complement."""
        hits, rows = self.counts.get(level, (0, 0))
        inside = wilson(hits, rows, confidence=confidence, design_effect=self.delta)
        rest = self.total[0] - hits, self.total[1] - rows
        return inside, wilson(*rest, confidence=confidence, design_effect=self.delta)

    @cached_property
    def shrunken(self) -> dict[str, float]:
        """The rate of each group, drawn to the others; for display."""
        pairs = np.array(list(self.counts.values()), dtype=np.float64)
        return dict(zip(self.counts, shrink(pairs[:, 0], pairs[:, 1]).tolist(), strict=True))

    def largest(self, most: int) -> list[str]:
        """Levels with rows, the largest first."""
        some = [level for level, (_, rows) in self.counts.items() if rows > 0]
        return sorted(some, key=lambda level: (-self.counts[level][1], level))[:most]

    def smaller_side(self, level: str) -> int:
        """Rows of the group or of its complement, the fewer."""
        rows = self.counts[level][1]
        return min(rows, self.total[1] - rows)

    def variance(self, level: str) -> float:
        """Sampling variance of the rate of a group."""
        return rate_variance(*self.counts[level], self.delta)


@dataclass(frozen=True, slots=True)
class Disparity:
    """One `bias.*` check: one rate, all segmentations."""

    check: str
    metric: RateMetric
    options: GroupOptions

    def findings(self, context: Context) -> Iterator[Finding]:
        """Value, gap and ratio of each group, and the spread between the groups."""
        for name, table in context.current.cells.items():
            now = Groups.of(table, self.metric, context)
            if name == "" or now.total[1] == 0:
                continue
            before = Groups.of(context.reference.cells.get(name), self.metric, context)
            told = now.largest(self.options.max_groups)
            spoken = [one for one in told if now.smaller_side(one) >= self.options.min_rows]
            confidence = _confidence(name, now, spoken)
            for level in told:
                if level in spoken:
                    yield from self._group(
                        context,
                        segment_name(name, level),
                        now=now.pair(level),
                        wide=now.pair(level, confidence),
                        was=before.pair(level),
                        intersection=name not in context.roles.segments,
                    )
                else:
                    yield self._too_few(context, segment_name(name, level), level, now)
            if len(spoken) >= 2:
                yield self._spread(context, name, spoken, now)

    def _group(
        self,
        context: Context,
        segment: str,
        *,
        now: tuple[Estimate, Estimate],
        wide: tuple[Estimate, Estimate],
        was: tuple[Estimate, Estimate],
        intersection: bool,
    ) -> Iterator[Finding]:
        inside = now[0]
        known = f"; in the reference {percent(was[0].value)}" if was[0].known else ""
        yield self._finding(
            context, segment, self.metric, inside, before=was[0].rows,
            message=f"{_between(inside)} {self._words(context)} where {segment}{known}.",
        )  # fmt: skip
        yield self._gap(context, segment, difference(*wide), now, was)
        if intersection:  # there are many; their gaps say enough
            return
        factor = ratio(*wide)
        low, high = (number(end) for end in factor.interval)
        yield self._finding(
            context, segment, f"{self.metric}_ratio", factor, before=was[0].rows,
            message=f"Where {segment}, the rate is {number(factor.value)} × that of all others "
            f"({low} … {high}).",
        )  # fmt: skip

    def _gap(
        self,
        context: Context,
        segment: str,
        gap: Estimate,
        now: tuple[Estimate, Estimate],
        was: tuple[Estimate, Estimate],
    ) -> Finding:
        """The gap to the complement; it carries the verdict on its change since the reference."""
        change = difference(difference(*now), difference(*was))
        verdict = context.scalar_verdict(group_key(segment, self.metric))
        side = side_of(verdict, missing=False) if verdict is not None else None
        contrast = side.contrast if side is not None else None
        drifted = side is not None and side.drifted
        effect = contrast.effect if contrast else change.value if change.known else None
        end = f"{merged(side.contrast)}{how_sure(verdict, side)}" if verdict and side else ""
        return Finding(
            check=self.check,
            column=context.roles.prediction,
            segment=segment,
            statistic=f"{self.metric}_difference",
            value=gap.value,
            interval=gap.interval,
            p_value=contrast.p_value if contrast else None,
            effect=effect,
            threshold=contrast.threshold if contrast else None,
            n_reference=was[0].rows if was[0].known else None,
            n_current=gap.rows,
            severity="warning" if drifted else "info",
            drifted=drifted,
            message=f"Where {segment}, the rate is {_beside(gap)}"
            f"{_compared(change, drifted=drifted)}{end}.",
        )

    def _spread(
        self, context: Context, segmentation: str, spoken: list[str], now: Groups
    ) -> Finding:
        values = [now.pair(level)[0].value for level in spoken]
        sd, p_value = between_group_sd(values, [now.variance(level) for level in spoken])
        return Finding(
            check=self.check,
            column=context.roles.prediction,
            statistic=f"{self.metric}_between_group_sd",
            value=sd,
            p_value=p_value,
            n_current=now.total[1],
            message=f"Between {len(spoken)} groups of {segmentation}, rates differ by "
            f"{100 * sd:.2g} points (standard deviation, noise taken out); the largest gap grows "
            "with the number of groups, this does not.",
        )

    def _too_few(self, context: Context, segment: str, level: str, now: Groups) -> Finding:
        rows = now.smaller_side(level)
        hits, total = now.total
        share = wilson(hits, total).value
        needed = required_rows(
            _VISIBLE_GAP, variance=max(share * (1 - share), 0.01), design_effect=now.delta
        )
        return Finding(
            check=self.check,
            column=context.roles.prediction,
            segment=segment,
            statistic="rows",
            value=float(rows),
            n_current=now.counts[level][1],
            message=f"Too few rows to say where {segment}: {rows:,} rows, "
            f"{max(needed, self.options.min_rows):,} needed to see a gap of 10 points; drawn "
            f"to the other groups the rate is about {percent(now.shrunken[level])}.",
        )

    def _finding(
        self,
        context: Context,
        segment: str,
        statistic: str,
        estimate: Estimate,
        *,
        before: int,
        message: str,
    ) -> Finding:
        return Finding(
            check=self.check,
            column=context.roles.prediction,
            segment=segment,
            statistic=statistic,
            value=estimate.value,
            interval=estimate.interval,
            n_reference=before or None,
            n_current=estimate.rows,
            message=message,
        )

    def _words(self, context: Context) -> str:
        return _WORDS[self.metric].format(positive=quoted(context.scalars.positive or ""))


def _confidence(segmentation: str, now: Groups, spoken: list[str]) -> float:
    """Confidence of each gap, so that all gaps of the segmentation hold together (95 %)."""
    if len(spoken) < 2:
        return 0.95
    seed = hashlib.sha256(segmentation.encode("utf-8", "surrogatepass")).digest()
    return simultaneous_confidence(
        [now.variance(level) for level in spoken],
        [now.counts[level][1] for level in spoken],
        np.random.default_rng(int.from_bytes(seed[:8], "big")),
    )


def _between(rate: Estimate) -> str:
    low, high = rate.interval
    return f"{percent(rate.value)} ({percent(low)} … {percent(high)})"


def _points(gap: Estimate) -> str:
    low, high = gap.interval
    return f"{100 * gap.value:+.1f} points ({100 * low:+.1f} … {100 * high:+.1f})"


def _beside(gap: Estimate) -> str:
    low, high = (f"{100 * end:+.1f}" for end in gap.interval)
    way = "above" if gap.value >= 0 else "below"
    return f"{100 * abs(gap.value):.1f} points {way} that of all others ({low} … {high})"


def _compared(change: Estimate, *, drifted: bool) -> str:
    if not change.known:
        return "; the reference has no rows to compare with"
    verb = "this differs from the reference" if drifted else "the change since the reference is"
    return f"; {verb} {'by ' if drifted else ''}{_points(change)}"
